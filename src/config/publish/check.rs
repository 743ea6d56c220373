//! Whether the configuration of a publisher makes sense.

use super::file::{Fetched, File, Held, Published, Rows};
use super::url;
use crate::config::problem::Problem;
use crate::config::shape::one_of;
use crate::config::tree::Places;
use crate::mind::Dataset;

/// Longest name of a source in bytes: it becomes part of file names and a label of metrics.
const NAME_BYTES_MAX: usize = 40;
/// Most days that a state may be believed.
const EXPIRES_DAYS_MAX: u32 = 3_650;

/// Every problem of the file's sense.
pub(super) fn check(file: &File, places: &Places) -> Vec<Problem> {
    let mut checker = Checker { file, places, problems: Vec::new() };
    checker.all();
    checker.problems
}

struct Checker<'a> {
    file: &'a File,
    places: &'a Places,
    problems: Vec<Problem>,
}

impl Checker<'_> {
    fn error(&mut self, key: &str, cause: impl Into<String>, remedy: impl Into<String>) {
        self.problems.push(Problem::error(self.places.find(key), key, cause, remedy));
    }

    fn all(&mut self) {
        let File { copy, feeds, metrics, .. } = self.file;
        if copy.signing_key_files.is_empty() {
            self.error("copy.signing_key_files", "there is no key to sign with", "name the publisher's keys");
        }
        if copy.keep_states == 0 || copy.keep_bases == 0 {
            self.error("copy.keep_states", "the newest state must be kept", "write numbers from 1 on");
        }
        if feeds.look_ms == 0 || feeds.files_max == 0 || feeds.file_bytes_max == 0 {
            self.error("feeds", "a limit or time is zero", "write numbers from 1 on");
        }
        if feeds.shrink_percent_max > 100 {
            self.error("feeds.shrink_percent_max", "it is more than all", "write a number up to 100");
        }
        if self.file.dataset.is_empty() {
            self.error("dataset", "no dataset is published", "define [dataset.documents] or another");
        }
        if metrics.as_ref().is_some_and(|metrics| !metrics.listen.ip().is_loopback()) {
            self.error(
                "metrics.listen",
                "others could read the figures",
                "write an address of the loopback interface",
            );
        }
        for (name, dataset) in &self.file.dataset {
            self.dataset(name, dataset);
        }
        for (name, source) in &self.file.source {
            self.source(name, source);
        }
    }

    fn dataset(&mut self, name: &str, dataset: &Published) {
        let key = format!("dataset.{name}");
        let Some(known) = self.known(&key, name) else { return };
        if dataset.recipients.is_empty() {
            let remedy = "name the public keys of the sites, that of copy.site_key_file among them";
            self.error(&format!("{key}.recipients"), "nobody could open the copy", remedy);
        }
        for database in dataset.databases.keys().filter(|database| !known.databases().contains(database)) {
            let names: Vec<&str> = known.databases().iter().map(|database| database.code()).collect();
            let cause = format!("the dataset does not hold {}", database.code());
            self.error(
                &format!("{key}.databases.{}", database.code()),
                cause,
                format!("write one of: {}", names.join(", ")),
            );
        }
        if !known.is_by_number() && dataset.databases.values().any(|held| *held == Held::Full) {
            let cause = "what is public is a part of what there is";
            self.error(&format!("{key}.databases"), cause, "write \"partial\", or leave it out");
        }
        if dataset.expires_days == 0 || dataset.expires_days > EXPIRES_DAYS_MAX {
            let remedy = format!("write a number from 1 to {EXPIRES_DAYS_MAX}");
            self.error(&format!("{key}.expires_days"), "the number of days is out of range", remedy);
        }
    }

    fn known(&mut self, key: &str, name: &str) -> Option<Dataset> {
        let known = Dataset::from_name(name);
        if known.is_none() {
            let names = Dataset::ALL.map(Dataset::name);
            self.error(key, format!("there is no dataset {name:?}"), one_of(&names, name));
        }
        known
    }

    fn source(&mut self, name: &str, source: &Fetched) {
        let key = format!("source.{name}");
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
        let word = !["changes", "differences"].contains(&name);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.bytes().all(plain) || !word {
            let remedy = format!("write at most {NAME_BYTES_MAX} lower-case letters, digits, '-' and '_'");
            self.error(&key, "the name becomes part of file names", remedy);
        }
        let known = self.known(&format!("{key}.dataset"), &source.dataset);
        if known.is_some() && !self.file.dataset.contains_key(&source.dataset) {
            let remedy = format!("define [dataset.{}]", source.dataset);
            self.error(&format!("{key}.dataset"), "the dataset is not published", remedy);
        }
        if known.is_some_and(|known| !known.is_by_number()) && source.rows != Rows::Snapshot {
            let cause = "a feed of notices is all of them";
            self.error(&format!("{key}.rows"), cause, "write \"snapshot\"");
        }
        if url(&source.url).is_none() {
            let remedy = "write https://host:port/path, without credentials";
            self.error(&format!("{key}.url"), "not the https URL of a feed", remedy);
        }
        if source.tls.cert_file.is_none() || source.tls.key_file.is_none() {
            let cause = "the server must know who asks, and we must know the server";
            self.error(&format!("{key}.tls"), cause, "give ca_file, cert_file and key_file");
        }
        if source.as_of_header.parse::<hyper::header::HeaderName>().is_err() {
            self.error(&format!("{key}.as_of_header"), "not the name of a header", "write one");
        }
        let Fetched { interval_s, retry_ms, idle_timeout_ms, total_timeout_s, .. } = source;
        if [interval_s, retry_ms, idle_timeout_ms, total_timeout_s].contains(&&0) {
            self.error(&key, "a time is zero", "write numbers from 1 on");
        }
        if source.jitter_percent > 100 {
            self.error(&format!("{key}.jitter_percent"), "it is more than all", "write a number up to 100");
        }
    }
}
