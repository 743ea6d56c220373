//! The copy beside other engines: the same records and the same questions, in one run.
//!
//! `cargo run --release -- [RECORDS] [ENGINE...]`, one million records and every engine by default. An engine is built
//! here, and measured by a process of its own that starts empty: so that what is opened is opened as after a start,
//! and what is resident is the engine's alone.

mod data;
mod engine;
mod fst;
mod hashbrown;
mod lmdb;
mod measure;
mod number;
mod postern;
mod questions;
mod redb;
mod report;
mod rocksdb;
mod sqlite;

use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};
use std::time::Instant;

use data::Data;
use engine::{ENGINES, Entry, Result};
use measure::Figures;
use questions::Questions;
use report::Line;

/// The allocator that the daemon has.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const RECORDS: u64 = 1_000_000;
const SEED: u64 = 1;
/// The first argument of the process that measures one engine.
const MEASURE: &str = "measure";

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match arguments[..] {
        [MEASURE, engine, built, questions] => measure(engine, Path::new(built), Path::new(questions)),
        _ => Wanted::parse(&arguments).and_then(|wanted| compare(&wanted)),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("peers: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What to compare.
struct Wanted {
    records: u64,
    engines: Vec<&'static Entry>,
}

impl Wanted {
    /// Reads the arguments: a number is that of records, all else names an engine.
    fn parse(arguments: &[&str]) -> Result<Self> {
        let mut wanted = Self { records: RECORDS, engines: Vec::new() };
        for argument in arguments {
            match argument.replace('_', "").parse() {
                Ok(records) => wanted.records = records,
                Err(_) => wanted.engines.push(entry(argument)?),
            }
        }
        if wanted.engines.is_empty() {
            wanted.engines.extend(&ENGINES);
        }
        Ok(wanted)
    }
}

fn entry(name: &str) -> Result<&'static Entry> {
    let names = || ENGINES.each_ref().map(|entry| entry.name).join(", ");
    let found = ENGINES.iter().find(|entry| entry.name == name);
    found.ok_or_else(|| format!("no engine is named {name}: {}", names()).into())
}

fn compare(wanted: &Wanted) -> Result<()> {
    let folder = tempfile::tempdir()?;
    eprintln!("generating {} records", wanted.records);
    let data = Data::generate(wanted.records, SEED)?;
    Questions::choose(&data, SEED).write(folder.path())?;
    let mut lines = Vec::new();
    for engine in &wanted.engines {
        lines.push(line(engine, &data, folder.path())?);
    }
    report::print(&lines, data.len());
    Ok(())
}

/// Builds and measures one engine, and takes its files away again.
fn line(engine: &Entry, data: &Data, questions: &Path) -> Result<Line> {
    let built = questions.join(engine.name);
    fs::create_dir(&built)?;
    (engine.prepare)(data, &built)?;
    eprintln!("building {}", engine.name);
    let begun = Instant::now();
    (engine.build)(data, &built)?;
    engine::sync(&built)?;
    let build = begun.elapsed();
    eprintln!("measuring {}", engine.name);
    let figures = measured_apart(engine, &built, questions)?;
    let line = Line {
        name: engine.name,
        build,
        bytes: (engine.bytes)(&built)?,
        note: (engine.note)(&built, data.len())?,
        figures,
    };
    fs::remove_dir_all(&built)?;
    Ok(line)
}

fn measured_apart(engine: &Entry, built: &Path, questions: &Path) -> Result<Figures> {
    let mut process = Command::new(std::env::current_exe()?);
    process.arg(MEASURE).arg(engine.name).args([built, questions]).stderr(Stdio::inherit());
    let output = process.output()?;
    if !output.status.success() {
        return Err(format!("measuring {} failed: {}", engine.name, output.status).into());
    }
    Ok(serde_json::from_slice(&output.stdout)?)
}

fn measure(engine: &str, built: &Path, questions: &Path) -> Result<()> {
    let figures = (entry(engine)?.measure)(built, &Questions::read(questions)?)?;
    serde_json::to_writer(std::io::stdout().lock(), &figures)?;
    Ok(())
}
