//! `postern mind export|import`: the copy carried by hand.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;

use super::super::{Exit, complain, say};
use super::place::{Place, dataset};
use super::progress::Work;
use super::{Failure, refused};
use crate::clock::Clock;
use crate::keys::PublicKey;
use crate::mind::bundle::{
    ExportOptions, Exported, ImportOptions, Imported, export as write, import as take,
};
use crate::mind::trust::Refusal;
use crate::mind::{Dataset, Installed};

/// Writes a bundle.
#[derive(Clone, Debug, Args)]
pub struct MindExport {
    /// The folder of the copy
    #[arg(value_name = "FOLDER")]
    pub folder: PathBuf,
    /// The file of the bundle
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// The version that is there where the bundle goes, so that only the changes since then are carried; with DATASET=
    /// for one dataset. Without it the whole state is
    #[arg(long, value_name = "[DATASET=]VERSION", value_parser = from)]
    pub from: Vec<(Option<Dataset>, u64)>,
    /// The enrolled site that it is for; without it the keys of all sites go with it
    #[arg(long, value_name = "SITE")]
    pub site: Option<String>,
    /// The dataset; without it all that are there
    #[arg(long, value_name = "DATASET", value_parser = dataset)]
    pub dataset: Option<Dataset>,
    /// Tells the result as JSON
    #[arg(long)]
    pub json: bool,
}

/// Takes a bundle in.
#[derive(Clone, Debug, Args)]
pub struct MindImport {
    /// The file of the bundle
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Where the copy is
    #[command(flatten)]
    pub place: Place,
    /// The file with the country's public key; without it the country's withdrawals are not taken in
    #[arg(long, value_name = "FILE")]
    pub country_key: Option<PathBuf>,
    /// Tells the result as JSON
    #[arg(long)]
    pub json: bool,
}

fn from(text: &str) -> Result<(Option<Dataset>, u64), String> {
    let (named, version) = match text.split_once('=') {
        Some((name, version)) => (Some(dataset(name)?), version),
        None => (None, text),
    };
    version.parse().map(|version| (named, version)).map_err(|_| "a version is a number".to_owned())
}

/// Writes the bundle and tells what it holds.
pub(super) fn export(args: &MindExport) -> Exit {
    let datasets = args.dataset.map_or_else(|| Dataset::ALL.to_vec(), |dataset| vec![dataset]);
    let mut versions = BTreeMap::new();
    for (named, version) in &args.from {
        let of = named.map_or_else(|| datasets.clone(), |dataset| vec![dataset]);
        versions.extend(of.into_iter().map(|dataset| (dataset, *version)));
    }
    let options = ExportOptions {
        folder: &args.folder,
        datasets: &datasets,
        from: &versions,
        site: args.site.as_deref(),
    };
    let work = Work::begin();
    let exported = write(&options, &args.out, |done, of| work.at("exporting", done, of));
    drop(work);
    match exported {
        Ok(exported) => tell_exported(&exported, args.json),
        Err(error) => return refused(&error.into()),
    }
    Exit::Ok
}

fn tell_exported(exported: &Exported, json: bool) {
    let states: BTreeMap<&str, u64> =
        exported.states.iter().map(|(dataset, version)| (dataset.name(), *version)).collect();
    if json {
        return say(serde_json::json!({ "states": states, "bytes": exported.bytes }));
    }
    for (dataset, version) in states {
        say(format_args!("the bundle leads to version {version} of {dataset}"));
    }
}

/// Takes the bundle in and tells what was new.
pub(super) fn import(args: &MindImport) -> Exit {
    let work = Work::begin();
    let imported = (|| -> Result<Imported, Failure> {
        let vault = args.place.vault_or_locked()?;
        let country = args.country_key.as_deref().map(PublicKey::read).transpose()?;
        let options = ImportOptions {
            folder: &args.place.folder,
            root_file: &args.place.root,
            vault: &vault,
            country: country.as_ref(),
            now: Clock::system().now(),
        };
        Ok(take(&options, &args.file, |done, of| work.at("reading", done, of))?)
    })();
    drop(work);
    match imported {
        Ok(imported) => tell_imported(&imported, args.json),
        Err(error) => return not_imported(&error, args.json),
    }
    Exit::Ok
}

fn not_imported(error: &Failure, json: bool) -> Exit {
    let Some(refusal) = error.downcast_ref::<Refusal>() else { return refused(error) };
    if json {
        say(serde_json::json!({ "refused": refusal.code() }));
    }
    complain(format_args!("the bundle is refused: {refusal} ({})", refusal.code()));
    Exit::Found
}

fn tell_imported(imported: &Imported, json: bool) {
    let told = |(dataset, installed): &(Dataset, Installed)| {
        let (Installed::New(version) | Installed::Known(version)) = *installed;
        (dataset.name(), version, matches!(installed, Installed::New(_)))
    };
    let states: Vec<_> = imported.states.iter().map(told).collect();
    if json {
        let states: Vec<_> = states
            .iter()
            .map(|(dataset, version, new)| serde_json::json!({ "dataset": dataset, "version": version, "new": new }))
            .collect();
        let Imported { roots, withdrawn, .. } = imported;
        return say(serde_json::json!({ "roots": roots, "states": states, "withdrawn": withdrawn }));
    }
    imported.roots.iter().for_each(|version| say(format_args!("root {version} is here")));
    for (dataset, version, new) in states {
        let word = if new { "is here" } else { "was here already" };
        say(format_args!("version {version} of {dataset} {word}"));
    }
}
