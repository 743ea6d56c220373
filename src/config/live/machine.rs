//! The stages that look at the machine: clock, disk, addresses.

use std::fs::File;
use std::io::{ErrorKind, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::{Duration, Instant};

use super::{Finding, at};
use crate::clock::Clock;
use crate::config::{Config, Journal};

/// A sync that takes longer than this leaves little of a lane's time.
const SYNC_SLOW: Duration = Duration::from_millis(50);

/// Bytes of the record that is written for trial: a page.
const TRIAL_BYTES: usize = 4_096;

/// Whether the clock can be trusted at all.
pub(super) fn clock(clock: &Clock) -> Finding {
    let reading = clock.read();
    if reading.trusted {
        Finding::ok(format!("{}", reading.now))
    } else {
        Finding::fail(format!("{} is not plausible, so nothing would be granted", reading.now))
    }
}

/// Whether a record in the journal's folder can be made durable, and how long that takes.
pub(super) fn journal(journal: &Journal) -> Finding {
    let folder = &journal.folder;
    if folder.exists() {
        return trial(folder, |took| format!("a page is durable after {took:?}"));
    }
    let parent = folder.ancestors().skip(1).find(|parent| parent.is_dir() || parent.as_os_str().is_empty());
    let parent = parent.filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
    trial(parent, |took| format!("will be made; a page is durable after {took:?}"))
}

fn trial(folder: &Path, detail: impl Fn(Duration) -> String) -> Finding {
    match sync_time(folder) {
        Err(error) => Finding::fail(at(folder, format_args!("nothing can be made durable: {error}"))),
        Ok(took) if took > SYNC_SLOW => Finding::warn(at(folder, detail(took))),
        Ok(took) => Finding::ok(at(folder, detail(took))),
    }
}

/// Writes a page to a file without a lasting name, and syncs it and the folder.
fn sync_time(folder: &Path) -> std::io::Result<Duration> {
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    let begun = Instant::now();
    file.write_all(&[0; TRIAL_BYTES])?;
    file.as_file().sync_data()?;
    let took = begun.elapsed();
    File::open(folder)?.sync_all()?;
    Ok(took)
}

/// Whether every address can be listened at.
pub(super) fn listeners(config: &Config) -> Finding {
    let lanes = config.lanes.iter().map(|lane| (format!("lane.{}", lane.name), lane.listen));
    let console = config.console.iter().map(|console| ("console".to_owned(), console.listen));
    let hub = config.mind.iter().filter_map(|mind| mind.hub.as_ref());
    let hub = hub.map(|hub| ("mind.hub".to_owned(), hub.listen));
    let relay = config.relay.iter().map(|relay| ("relay".to_owned(), relay.listen));
    let found = lanes.chain(console).chain(hub).chain(relay).map(|(name, address)| listener(&name, address));
    Finding::all(found.collect(), "none are configured")
}

fn listener(name: &str, address: SocketAddr) -> Finding {
    match TcpListener::bind(address) {
        Ok(_) => Finding::ok(format!("{name} at {address}")),
        Err(error) if error.kind() == ErrorKind::AddrInUse => {
            Finding::warn(format!("{name}: {address} is in use, which is well only if that is this postern"))
        }
        Err(error) => Finding::fail(format!("{name}: {address}: {error}")),
    }
}
