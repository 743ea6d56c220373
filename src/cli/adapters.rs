//! `postern adapters`: what can be translated.

use clap::Args;

use super::{Exit, say};
use crate::adapters::ADAPTERS;

/// Lists the adapters.
#[derive(Clone, Debug, Args)]
pub struct Adapters {
    /// Write one JSON object an adapter
    #[arg(long)]
    pub json: bool,
}

/// Lists the adapters with their options.
pub(super) fn run(args: &Adapters) -> Exit {
    for entry in ADAPTERS {
        let description = (entry.make)().describe();
        if args.json {
            say(serde_json::json!(description));
            continue;
        }
        say(format_args!("{:<8}  {}", description.name, description.summary));
        for (option, meaning) in &description.options {
            say(format_args!("            {option}: {meaning}"));
        }
    }
    Exit::Ok
}
