//! `postern decode`: what an adapter reads in native messages.
//!
//! An integrator's first question is what Postern makes of a message. Each file is one frame; each inbound of it is one
//! line of canonical JSON (keys sorted, no blanks), so that two runs can be compared byte by byte. The output holds
//! what the message holds, personal data included: it is for whoever has the message anyway.

use std::fs;
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use postern_sdk::{Adapter, Inbound, LinkOptions};

use super::{Exit, complain, say};
use crate::adapters;

/// Size of a file in bytes at most: more than any lane's frame.
const FILE_BYTES_MAX: u64 = 64 << 20;

/// Decodes native messages.
#[derive(Clone, Debug, Args)]
pub struct Decode {
    /// The adapter of the native format; `postern adapters` lists them
    #[arg(long, value_name = "NAME")]
    pub adapter: String,
    /// Refuse deviations from the format's standard
    #[arg(long)]
    pub strict: bool,
    /// An option of the adapter: a name, = and a value in JSON, or text
    #[arg(long = "option", value_name = "NAME=VALUE", value_parser = option)]
    pub options: Vec<(String, serde_json::Value)>,
    /// The files, each one frame, or - for standard input
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,
}

fn option(text: &str) -> Result<(String, serde_json::Value), String> {
    let (name, value) = text.split_once('=').ok_or("an option is NAME=VALUE")?;
    let value = serde_json::from_str(value).unwrap_or_else(|_| value.into());
    Ok((name.to_owned(), value))
}

/// Decodes each file: 1 if any holds a fault, 64 if one can't be read or the adapter has no such option.
pub(super) fn run(args: &Decode) -> Exit {
    let Some(entry) = adapters::named(&args.adapter) else {
        complain(format_args!("there is no adapter {:?}; `postern adapters` lists them", args.adapter));
        return Exit::Usage;
    };
    decode(args, &(entry.make)(), &mut |line| say(line), &mut |line| complain(line))
}

/// Decodes with this adapter; hands lines of JSON to `tell` and faults to `blame`.
pub(super) fn decode(
    args: &Decode,
    adapter: &Arc<dyn Adapter>,
    tell: &mut dyn FnMut(&str),
    blame: &mut dyn FnMut(&str),
) -> Exit {
    let known = adapter.describe().options;
    if let Some((name, _)) = args.options.iter().find(|(name, _)| !known.contains_key(name.as_str())) {
        blame(&format!("the adapter {:?} has no option {name:?}", args.adapter));
        return Exit::Usage;
    }
    let options = LinkOptions { strict: args.strict, options: args.options.iter().cloned().collect() };
    let mut exit = Exit::Ok;
    for file in &args.files {
        let bytes = match read(file) {
            Ok(bytes) => bytes,
            Err(error) => {
                blame(&format!("{}: {error}", file.display()));
                return Exit::Usage;
            }
        };
        for inbound in adapter.decode(&bytes, &options) {
            tell(&canonical(&inbound));
            if let Inbound::Fault(fault) = inbound {
                blame(&format!("{}: {fault}", file.display()));
                exit = Exit::Found;
            }
        }
    }
    exit
}

fn read(file: &Path) -> io::Result<Vec<u8>> {
    let input: Box<dyn Read> =
        if file == Path::new("-") { Box::new(io::stdin().lock()) } else { Box::new(fs::File::open(file)?) };
    let mut bytes = Vec::new();
    let size = input.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes)?;
    if size as u64 > FILE_BYTES_MAX { Err(io::Error::other("larger than 64 MiB")) } else { Ok(bytes) }
}

/// An inbound as JSON with sorted keys and without blanks.
fn canonical(inbound: &Inbound) -> String {
    let mut value = serde_json::json!(inbound);
    value.sort_all_objects();
    value.to_string()
}
