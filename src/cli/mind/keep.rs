//! `postern mind apply|fold|withdraw|purge`: keeping a copy by hand.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use clap::Args;
use postern_sdk::{Database, DocumentNumber};

use super::super::{Exit, complain, say};
use super::place::{Place, by_number, dataset};
use super::progress::Work;
use super::{Failure, refused};
use crate::clock::Clock;
use crate::keys::PrivateKey;
use crate::mind::{
    self, Copy, Dataset, FoldOptions, Identifier, Installed, PersonsCopy, Withdrawal, Withdrew,
};

/// Takes a state in.
#[derive(Clone, Debug, Args)]
pub struct MindApply {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The folder of the state: its manifest with signatures, and its base, its delta or its persons
    #[arg(value_name = "STATE")]
    pub state: PathBuf,
    /// The dataset
    #[arg(long, value_name = "DATASET", default_value = "documents", value_parser = dataset)]
    pub dataset: Dataset,
}

/// Folds changes into a new base.
#[derive(Clone, Debug, Args)]
pub struct MindFold {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The dataset
    #[arg(long, value_name = "DATASET", default_value = "documents", value_parser = by_number)]
    pub dataset: Dataset,
    /// Most mebibytes a second that are written
    #[arg(long, value_name = "MIB")]
    pub mib_per_second: Option<u64>,
}

/// Withdraws the country's own records.
#[derive(Clone, Debug, Args)]
pub struct MindWithdraw {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The records in CSV, without a header: database, number, record id
    #[arg(long, value_name = "FILE")]
    pub csv: PathBuf,
    /// The file with the country's private key
    #[arg(long, value_name = "FILE")]
    pub key: PathBuf,
}

/// Destroys the key of a dataset.
#[derive(Clone, Debug, Args)]
pub struct MindPurge {
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The dataset
    #[arg(long, value_name = "DATASET", default_value = "documents", value_parser = dataset)]
    pub dataset: Dataset,
    /// Confirms it: the name of the dataset once more
    #[arg(long, value_name = "DATASET")]
    pub confirm: String,
}

/// Takes a state in, checks that it opens and answers, and tells its version.
pub(super) fn apply(args: &MindApply) -> Exit {
    let applied = args.place.opening(args.dataset, |opening| {
        let installed = mind::install(opening, &args.state)?;
        let (Installed::New(version) | Installed::Known(version)) = installed;
        match args.dataset.is_by_number() {
            true => Copy::open(opening, version)?.self_test()?,
            false => PersonsCopy::open(opening, version)?.self_test()?,
        }
        Ok(installed)
    });
    match applied {
        Ok(Installed::New(version)) => say(format_args!("version {version} of {} is here", args.dataset)),
        Ok(Installed::Known(version)) => {
            say(format_args!("version {version} of {} was here already", args.dataset));
        }
        Err(error) => {
            complain(error);
            return Exit::Found;
        }
    }
    Exit::Ok
}

/// Folds the newest state.
pub(super) fn fold(args: &MindFold) -> Exit {
    let work = Work::begin();
    let folded = (|| -> Result<u64, Failure> {
        let copy = args.place.open(args.dataset, None)?;
        let bytes_per_second = args.mib_per_second.map(|mib| mib << 20);
        copy.fold(&args.place.folder, FoldOptions { bytes_per_second }, |done, of| {
            work.at("folding", done, of);
        })?;
        Ok(copy.manifest().version)
    })();
    drop(work);
    match folded {
        Ok(version) => {
            say(format_args!("version {version} of {} has its own base", args.dataset));
            Exit::Ok
        }
        Err(error) => {
            complain(error);
            Exit::Found
        }
    }
}

/// Signs withdrawals of documents of the newest state's generation.
pub(super) fn withdraw(args: &MindWithdraw) -> Exit {
    let withdrawn = (|| -> Result<Withdrew, Failure> {
        let key = PrivateKey::read(&args.key)?;
        let copy = args.place.open(Dataset::Documents, None)?;
        let withdrawals = withdrawals(args)?;
        Ok(copy.withdraw(&args.place.folder, &withdrawals, &key)?)
    })();
    match withdrawn {
        Ok(Withdrew { withdrawn, unknown }) => {
            say(format_args!("{withdrawn} records are withdrawn; {unknown} were not there to be withdrawn"));
            Exit::Ok
        }
        Err(error) => refused(&error),
    }
}

/// The withdrawals of a file. A fault is told by its line, never by content.
fn withdrawals(args: &MindWithdraw) -> Result<Vec<Withdrawal>, Failure> {
    let lines = BufReader::new(File::open(&args.csv)?).lines();
    let mut withdrawals = Vec::new();
    for (line, number) in lines.zip(1_u64..) {
        let line = line?;
        let fault = |what: &str| Failure::from(format!("line {number}: {what}"));
        let fields: Vec<&str> = line.split(',').collect();
        let [database, document, record_id] = fields[..] else { return Err(fault("not three columns")) };
        let database = Database::from_code(database)
            .filter(|database| Dataset::Documents.databases().contains(database))
            .ok_or_else(|| fault("unknown database"))?;
        let document = DocumentNumber::normalise(document).map_err(|error| fault(error.code()))?;
        let identifier = Identifier::document(&document);
        withdrawals.push(Withdrawal { database, identifier, record_id: record_id.to_owned() });
    }
    Ok(withdrawals)
}

/// Destroys the key of the newest state's generation, and tells the certificate.
pub(super) fn purge(args: &MindPurge) -> Exit {
    let purged = (|| -> Result<mind::Purged, Failure> {
        if args.confirm != args.dataset.name() {
            return Err(format!("write --confirm {}: the key can't be had back here", args.dataset).into());
        }
        let info = args.place.info(args.dataset)?;
        Ok(mind::purge(&args.place.folder, &info, "command", Clock::system().now())?)
    })();
    match purged {
        Ok(purged) => {
            say(serde_json::to_string(&purged).unwrap_or_default());
            Exit::Ok
        }
        Err(error) => refused(&error),
    }
}
