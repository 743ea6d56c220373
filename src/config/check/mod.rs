//! Whether the configuration makes sense.
//!
//! The shape alone can't say that a policy exists which a lane names, or that a deadline leaves time to answer. Each
//! rule here guards a promise or spares an operator a night; it names the key, the cause and the remedy. The rules read
//! the written form and nothing else, but for two: a secret's file, if it is there, must be its owner's alone, and the
//! key of the copy must be on another disk.

mod batch;
mod distribution;
mod key;
mod lane;
mod policy;
mod recheck;
mod relay;
mod secrets;

use std::net::SocketAddr;

use super::file::{self, File};
use super::problem::{Problem, Severity};
use super::tree::Places;
use crate::adapters::Entry;

/// The smallest and the largest segment of the journal in bytes: a smaller one is changed too often.
const SEGMENT_BYTES: std::ops::RangeInclusive<u64> = 1 << 20..=1 << 30;

/// The disk's own unit, of which a segment is a multiple, in bytes.
const SECTOR_BYTES: u64 = 512;

/// The longest gathering that the journal takes, in microseconds.
const GATHER_US_MAX: u64 = 10_000;

/// Length of a name in bytes: names become labels of metrics.
const NAME_BYTES_MAX: usize = 64;

/// Every problem of the file's sense.
pub(super) fn check(
    file: &File,
    places: &Places,
    adapters: &[Entry],
    folder: &std::path::Path,
) -> Vec<Problem> {
    let mut checker = Checker { file, places, adapters, problems: Vec::new() };
    checker.instance();
    checker.journal();
    checker.find();
    checker.recheck();
    checker.relay();
    checker.batch();
    checker.mind();
    checker.mind_key(folder);
    checker.mind_distribution();
    checker.policies();
    checker.lanes();
    checker.console();
    checker.addresses();
    checker.secrets(folder);
    checker.problems
}

struct Checker<'a> {
    file: &'a File,
    places: &'a Places,
    adapters: &'a [Entry],
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn error(&mut self, key: &str, cause: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::error(self.places.find(key), key, cause, remedy));
    }

    fn warn(&mut self, key: &str, cause: impl Into<String>, remedy: impl Into<String>) {
        let problem = Problem::error(self.places.find(key), key, cause, remedy);
        self.problems.push(Problem { severity: Severity::Warning, ..problem });
    }

    /// An error for each of these that is zero.
    fn not_zero(&mut self, table: &str, values: &[(&str, u64)]) {
        for (key, _) in values.iter().filter(|(_, value)| *value == 0) {
            self.error(&format!("{table}.{key}"), "it must not be zero", "write 1 or more, or leave it out");
        }
    }

    fn name(&mut self, key: &str, name: &str) {
        let fits = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-';
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(fits) {
            let cause = format!("{name:?} can't be a name");
            self.error(key, cause, "write 1 to 64 of a-z, 0-9, _ and -");
        }
    }

    fn instance(&mut self) {
        let instance = &self.file.postern;
        if instance.name.trim().is_empty() {
            self.error("postern.name", "the name is empty", "write a name for people");
        }
        if !instance.country.is_known() {
            let cause = format!("{} is not a code of ISO 3166-1 or Doc 9303-3", instance.country);
            self.error("postern.country", cause, "write the country's three-letter code, such as FRA");
        }
    }

    fn journal(&mut self) {
        let journal = &self.file.journal;
        let bytes = journal.segment_bytes;
        if !SEGMENT_BYTES.contains(&bytes) || !bytes.is_multiple_of(SECTOR_BYTES) {
            let cause = format!("a segment can't have {bytes} bytes");
            let remedy = "write a multiple of 512 from 1048576 (1 MiB) to 1073741824 (1 GiB)";
            self.error("journal.segment_bytes", cause, remedy);
        }
        if journal.gather_us_max > GATHER_US_MAX {
            let remedy = format!("write 0 to {GATHER_US_MAX}; 500 is usual");
            self.error("journal.gather_us_max", "that is too long to gather", remedy);
        }
        self.not_zero("journal", &[("commit_budget_ms", journal.commit_budget_ms)]);
    }

    fn find(&mut self) {
        let Some(find) = &self.file.find else { return };
        self.asked(find);
        if let Some(tls) = &find.tls
            && tls.cert_file.is_some() != tls.key_file.is_some()
        {
            let remedy = "give both cert_file and key_file, or neither";
            self.error("find.tls", "a certificate needs its key, and a key its certificate", remedy);
        }
        let limits = [
            ("connect_timeout_ms", find.connect_timeout_ms),
            ("request_timeout_ms", find.request_timeout_ms),
            ("concurrency_max", find.concurrency_max as u64),
            ("records_max", find.records_max.into()),
            ("breaker_failures", find.breaker_failures.into()),
            ("breaker_rest_ms", find.breaker_rest_ms),
            ("breaker_window_ms", find.breaker_window_ms),
            ("breaker_requests_min", find.breaker_requests_min.into()),
            ("breaker_failure_percent", find.breaker_failure_percent.into()),
            ("probe_timeout_ms", find.probe_timeout_ms),
            ("file_concurrency_max", find.file_concurrency_max as u64),
            ("file_timeout_ms", find.file_timeout_ms),
            ("rate_share_percent", find.rate_share_percent.into()),
            ("connection_age_s_max", find.connection_age_s_max),
        ];
        self.not_zero("find", &limits);
        let shares = [
            ("rate_share_percent", find.rate_share_percent),
            ("retry_percent", find.retry_percent),
            ("breaker_failure_percent", find.breaker_failure_percent),
        ];
        for (option, percent) in shares.into_iter().filter(|(_, percent)| *percent > 100) {
            let cause = format!("{percent} percent is more than all");
            self.error(&format!("find.{option}"), cause, "write 100 at most");
        }
    }

    fn base_url(&mut self, base_url: &str, find: &file::Find) {
        const KEY: &str = "find.base_url";
        let Ok(url) = base_url.parse::<hyper::Uri>() else {
            return self.error(KEY, "it is not a URL", "write https://host:port");
        };
        if url.query().is_some() || !matches!(url.path(), "" | "/") {
            self.error(
                KEY,
                "it has a path or a query",
                "write https://host:port; the profile adds the paths",
            );
        }
        if url.authority().is_some_and(|authority| authority.as_str().contains('@')) {
            self.error(KEY, "it holds credentials", "write them into username and password_file");
        }
        match (url.scheme_str(), &find.tls) {
            (Some("https"), None) => {
                let remedy = "add [find.tls] with the private authority's ca_file";
                self.error(KEY, "https needs an authority, and the system's store is never used", remedy);
            }
            (Some("https"), Some(_)) => {}
            (Some("http"), _) if is_loopback(url.host()) => {}
            (Some("http"), _) => {
                let remedy = "write https, or see that the link is encrypted below";
                self.warn(KEY, "account and questions go over the network in clear", remedy);
            }
            _ => self.error(KEY, "it is neither http nor https", "write https://host:port"),
        }
    }

    fn mind(&mut self) {
        let Some(mind) = &self.file.mind else { return };
        let positive = [
            ("warn_age_h", mind.warn_age_h),
            ("fold_after_h", mind.fold_after_h),
            ("fold_changes", mind.fold_changes),
        ];
        self.not_zero("mind", &positive);
        if mind.warn_age_h >= mind.stop_age_h {
            let cause = format!("{} h is not before stop_age_h ({} h)", mind.warn_age_h, mind.stop_age_h);
            self.error("mind.warn_age_h", cause, "write warn_age_h < stop_age_h < purge_age_h");
        }
        if mind.stop_age_h >= mind.purge_age_h {
            let cause = format!("{} h is not before purge_age_h ({} h)", mind.stop_age_h, mind.purge_age_h);
            self.error("mind.stop_age_h", cause, "write warn_age_h < stop_age_h < purge_age_h");
        }
    }

    fn console(&mut self) {
        let Some(console) = &self.file.console else { return };
        let known = console.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        if !console.listen.ip().is_loopback() && !known {
            let remedy = "listen at 127.0.0.1, or add [console.tls] with client_ca_file";
            self.error("console.listen", "anyone on the network could open the console", remedy);
        }
    }

    /// Two listeners at one address: the second one could not be opened.
    fn addresses(&mut self) {
        let lanes = self.file.lane.iter().map(|(name, lane)| (format!("lane.{name}.listen"), lane.listen));
        let console = self.file.console.iter().map(|console| ("console.listen".to_owned(), console.listen));
        let hub = self.file.mind.iter().filter_map(|mind| mind.hub.as_ref());
        let hub = hub.map(|hub| ("mind.hub.listen".to_owned(), hub.listen));
        let relay = self.file.relay.iter().map(|relay| ("relay.listen".to_owned(), relay.listen));
        let all: Vec<(String, SocketAddr)> = lanes.chain(console).chain(hub).chain(relay).collect();
        for (i, (key, address)) in all.iter().enumerate() {
            if let Some((other, _)) = all[..i].iter().find(|(_, other)| clash(*address, *other)) {
                let cause = format!("{address} is already the address of {other}");
                self.error(key, cause, "give each its own address or port");
            }
        }
    }
}

fn is_loopback(host: Option<&str>) -> bool {
    let host = host.unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
}

fn clash(a: SocketAddr, b: SocketAddr) -> bool {
    let (x, y) = (a.ip(), b.ip());
    a.port() != 0 && a.port() == b.port() && (x == y || x.is_unspecified() || y.is_unspecified())
}
