//! `postern mind enrol|revoke`: which sites may have the copy of a hub.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};

use super::super::{Exit, complain, runtime, say};
use super::place::Place;
use super::{Failure, refused};
use crate::clock::Clock;
use crate::config;
use crate::mind::hub::{Site, Sites, current_generations};
use crate::mind::keyring::SitePublic;
use crate::mind::source::{Link, PullError};

/// Enrols sites with a hub.
#[derive(Clone, Debug, Args)]
pub struct MindEnrol {
    /// What to do
    #[command(subcommand)]
    pub command: EnrolCommand,
}

/// What can be done with enrolments.
#[derive(Clone, Debug, Subcommand)]
pub enum EnrolCommand {
    /// At the site: sends its public key to the hub of the configuration
    Request(EnrolRequest),
    /// At the hub: lists the sites, with the ids of their keys
    List(EnrolList),
    /// At the hub: enrols a site whose key's id was compared, and wraps the copy's keys to it
    Approve(EnrolApprove),
}

/// Sends a site's public key to the hub.
#[derive(Clone, Debug, Args)]
pub struct EnrolRequest {
    /// The file with the site's public key
    #[arg(long, value_name = "FILE")]
    pub public: PathBuf,
}

/// Lists the sites of a hub.
#[derive(Clone, Debug, Args)]
pub struct EnrolList {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// Tells it as JSON, a line a site
    #[arg(long)]
    pub json: bool,
}

/// Enrols a site.
#[derive(Clone, Debug, Args)]
pub struct EnrolApprove {
    /// The site
    #[arg(value_name = "SITE")]
    pub site: String,
    /// Where the copy is, and the key with which the hub itself opens it
    #[command(flatten)]
    pub place: Place,
    /// The id of the site's key, as the site told it by another way than the link
    #[arg(long, value_name = "ID")]
    pub id: String,
    /// The file with the site's public key, if it was carried by hand
    #[arg(long, value_name = "FILE")]
    pub public: Option<PathBuf>,
}

/// Revokes a site.
#[derive(Clone, Debug, Args)]
pub struct MindRevoke {
    /// The site
    #[arg(value_name = "SITE")]
    pub site: String,
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
}

/// Does what was asked.
pub(super) fn run(args: &MindEnrol, config: &Path) -> Exit {
    let done = match &args.command {
        EnrolCommand::Request(args) => return request(args, config),
        EnrolCommand::List(args) => list(args),
        EnrolCommand::Approve(args) => approve(args),
    };
    done.map_or_else(|error| refused(&error), |()| Exit::Ok)
}

fn request(args: &EnrolRequest, config: &Path) -> Exit {
    let config = match config::load(config) {
        Ok(config) => config,
        Err(problems) => return super::super::check::refused(&problems),
    };
    let Some(source) = config.mind.as_ref().and_then(|mind| mind.source.as_ref()) else {
        complain("the configuration names no hub: add [mind.source]");
        return Exit::Config;
    };
    let public = match SitePublic::read(&args.public) {
        Ok(public) => public,
        Err(error) => return refused(&error.into()),
    };
    let runtime = match runtime(1) {
        Ok(runtime) => runtime,
        Err(exit) => return exit,
    };
    let answered = runtime.block_on(async {
        let mut link = Link::connect(source, config.instance.environment).await?;
        link.post("/v1/enrolment", public.line()).await
    });
    told(answered, &public)
}

fn told(answered: Result<Vec<u8>, PullError>, public: &SitePublic) -> Exit {
    let answer = match answered {
        Ok(answer) => serde_json::from_slice::<serde_json::Value>(&answer).unwrap_or_default(),
        Err(error) => {
            complain(error);
            return Exit::Unavailable;
        }
    };
    let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
    say(format_args!("{}: {}, key {}", text("site"), text("status"), public.id()));
    Exit::Ok
}

fn list(args: &EnrolList) -> Result<(), Failure> {
    for site in Sites::of(&args.folder).all()? {
        if args.json {
            let (status, told) = (site.status(), serde_json::to_value(&site)?);
            say(serde_json::json!({ "site": site.site, "status": status, "keys": told }));
        } else {
            tell(&site);
        }
    }
    Ok(())
}

fn tell(site: &Site) {
    say(format_args!("{}: {}", site.site, site.status()));
    if let Some(key) = &site.requested {
        say(format_args!("  requests    key {} since {:.0}", key.id, key.at));
    }
    if let Some(key) = &site.enrolled {
        say(format_args!("  enrolled    key {} since {:.0}", key.id, key.at));
    }
    for key in &site.revoked {
        say(format_args!("  revoked     key {} since {:.0}", key.id, key.at));
    }
}

fn approve(args: &EnrolApprove) -> Result<(), Failure> {
    let sites = Sites::of(&args.place.folder);
    let now = Clock::system().now();
    if let Some(public) = &args.public {
        sites.request(&args.site, &SitePublic::read(public)?, now)?;
    }
    let generations =
        current_generations(&args.place.folder, &args.place.root()?, &args.place.vault_or_locked()?)?;
    let site = sites.approve(&args.site, &args.id, &generations, now)?;
    tell(&site);
    Ok(())
}

/// Revokes the site, and says what must follow.
pub(super) fn revoke(args: &MindRevoke) -> Exit {
    match Sites::of(&args.folder).revoke(&args.site, Clock::system().now()) {
        Ok(site) => {
            tell(&site);
            say(
                "whoever kept its keys can open the generations of now: build snapshots, which have new ones",
            );
            Exit::Ok
        }
        Err(error) => refused(&error.into()),
    }
}
