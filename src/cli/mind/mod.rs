//! `postern mind`: the local copy.

mod build;
mod bundle;
mod enrol;
mod keep;
mod notices;
mod place;
pub(super) mod progress;
mod publish;
mod root;
mod show;
mod unlock;

use std::error::Error;

use clap::{Args, Subcommand};
use postern_sdk::Environment;

use super::{Exit, MindKeygen, complain, keygen};

pub use build::MindBuild;
pub use bundle::{MindExport, MindImport};
pub use enrol::{EnrolApprove, EnrolCommand, EnrolList, EnrolRequest, MindEnrol, MindRevoke};
pub use keep::{MindApply, MindFold, MindPurge, MindWithdraw};
pub use place::Place;
pub(super) use progress::Work;
pub use publish::MindPublish;
pub use root::{MindRoot, RootCommand, RootNew};
pub use show::{MindDiff, MindInfo, MindLookup, MindVerify};
pub use unlock::MindUnlock;

pub(super) use show::tell_answers;

type Failure = Box<dyn Error>;

/// Builds, shows, verifies and keeps the local copy.
#[derive(Clone, Debug, Args)]
pub struct Mind {
    /// What to do with the copy
    #[command(subcommand)]
    pub command: MindCommand,
}

/// What can be done with a copy.
#[derive(Clone, Debug, Subcommand)]
pub enum MindCommand {
    /// Builds and signs a state of a dataset: from CSV a snapshot or the change from the state before, or from public notices
    Build(Box<MindBuild>),
    /// Watches a folder and publishes the feeds that come, until it is told to end
    Publish(MindPublish),
    /// Shows the datasets of a copy: version, records, age, coverage
    Info(MindInfo),
    /// Looks a number or a person up in a copy
    Lookup(MindLookup),
    /// Verifies every byte of a copy against its signed manifest
    Verify(MindVerify),
    /// Takes a state in that was made elsewhere
    Apply(MindApply),
    /// Folds the changes since the base into a new base
    Fold(MindFold),
    /// Counts what differs between two states
    Diff(MindDiff),
    /// Withdraws the country's own records at once, ahead of the copy's next change
    Withdraw(MindWithdraw),
    /// Destroys the key of a dataset, so that nobody opens it here again
    Purge(MindPurge),
    /// Writes a bundle that is carried to a site by hand
    Export(MindExport),
    /// Takes in a bundle that was carried here
    Import(MindImport),
    /// Enrols sites with a hub: their requests, the list, the approval
    Enrol(MindEnrol),
    /// Revokes a site at the hub: it is not served any more
    Revoke(MindRevoke),
    /// Makes the key pair of the publisher or of a site
    Keygen(MindKeygen),
    /// Gives a locked daemon the site's key
    Unlock(MindUnlock),
    /// Makes, signs, shows and verifies roots: whom the copy believes
    Root(MindRoot),
}

/// Does what was asked with the copy.
pub(super) fn run(args: &Mind, config: &std::path::Path) -> Exit {
    match &args.command {
        MindCommand::Build(args) => build::run(args),
        MindCommand::Publish(args) => publish::run(args, config),
        MindCommand::Info(args) => show::info(args),
        MindCommand::Lookup(args) => show::lookup(args),
        MindCommand::Verify(args) => show::verify(args),
        MindCommand::Diff(args) => show::diff(args),
        MindCommand::Apply(args) => keep::apply(args),
        MindCommand::Fold(args) => keep::fold(args),
        MindCommand::Withdraw(args) => keep::withdraw(args),
        MindCommand::Purge(args) => keep::purge(args),
        MindCommand::Export(args) => bundle::export(args),
        MindCommand::Import(args) => bundle::import(args),
        MindCommand::Enrol(args) => enrol::run(args, config),
        MindCommand::Revoke(args) => enrol::revoke(args),
        MindCommand::Keygen(args) => keygen::run_mind(args),
        MindCommand::Unlock(args) => unlock::run(args, config),
        MindCommand::Root(args) => root::run(args),
    }
}

fn environment(text: &str) -> Result<Environment, String> {
    let all = [Environment::Production, Environment::Training];
    all.into_iter().find(|one| one.code() == text).ok_or_else(|| "production or training".to_owned())
}

/// What could not be done, for want of something that the command line names.
fn refused(error: &Failure) -> Exit {
    complain(error);
    Exit::Usage
}
