//! Policies: which databases are asked, and whether they can be.

use postern_sdk::Database;

use super::Checker;
use crate::config::file::Policy;
use crate::config::shape::one_of;
use crate::screening::Mode;

impl Checker<'_> {
    pub(super) fn policies(&mut self) {
        let file = self.file;
        for (name, policy) in &file.policy {
            let key = format!("policy.{name}");
            self.name(&key, name);
            self.databases(&key, policy);
            self.modes(&key, policy);
            self.sources(&key, policy);
            self.times(&key, policy);
            if !file.lane.values().any(|lane| lane.policy == *name) && self.every_lane_is_read() {
                self.warn(&key, "no lane uses this policy", "name it in a lane, or remove it");
            }
        }
    }

    /// Whether no lane was left out for a fault of shape; one that was may be the one that names a policy.
    fn every_lane_is_read(&self) -> bool {
        self.places.keys("lane").len() == self.file.lane.len()
    }

    fn databases(&mut self, table: &str, policy: &Policy) {
        let key = format!("{table}.databases");
        if policy.databases.is_empty() {
            self.error(&key, "a policy without a database checks nothing", "name at least one: \"sltd\"");
        }
        for (i, database) in policy.databases.iter().enumerate() {
            if *database == Database::Unknown {
                self.error(&key, "\"unknown\" is no database", one_of(&codes(), "unknown"));
            } else if policy.databases[..i].contains(database) {
                self.error(&key, format!("{} is named twice", database.code()), "name each once");
            }
        }
    }

    fn modes(&mut self, table: &str, policy: &Policy) {
        for name in self.places.keys(&format!("{table}.modes")) {
            let key = format!("{table}.modes.{name}");
            match Database::from_code(&name) {
                None => self.error(&key, format!("{name:?} is no database"), one_of(&codes(), &name)),
                Some(database) if !policy.databases.contains(&database) => {
                    self.error(
                        &key,
                        "the policy does not ask this database",
                        "add it to databases, or remove it",
                    );
                }
                Some(_) => {}
            }
        }
    }

    /// Modes that ask a source which is not there: what only it can say will be `not checked (not configured)`.
    fn sources(&mut self, table: &str, policy: &Policy) {
        let (find, mind) = (self.places.has("find"), self.places.has("mind"));
        let overridden = policy.modes.iter().map(|(database, mode)| (Some(*database), *mode));
        for (database, mode) in std::iter::once((None, policy.mode)).chain(overridden) {
            let key = match database {
                Some(database) => format!("{table}.modes.{}", database.code()),
                None => format!("{table}.mode"),
            };
            let asks = policy.databases.iter().any(|d| match database {
                Some(database) => *d == database,
                None => !policy.modes.contains_key(d),
            });
            if let Some((cause, remedy)) = missing_source(mode, find, mind).filter(|_| asks) {
                self.warn(&key, format!("{} {cause}", mode.code()), remedy);
            }
        }
    }

    fn times(&mut self, table: &str, policy: &Policy) {
        let times = [("find_timeout_ms", policy.find_timeout_ms), ("hedge_limit_ms", policy.hedge_limit_ms)];
        self.not_zero(table, &times);
        if policy.recheck_permille > 1_000 {
            let key = format!("{table}.recheck_permille");
            self.error(&key, "it is more than 1000 of a thousand", "write 0 to 1000");
        }
    }
}

fn codes() -> Vec<&'static str> {
    Database::ALL.iter().map(|database| database.code()).collect()
}

fn missing_source(mode: Mode, find: bool, mind: bool) -> Option<(&'static str, &'static str)> {
    let needs_find = mode != Mode::Mind;
    let needs_mind = mode != Mode::Find;
    let alone = needs_find != needs_mind;
    match (needs_find && !find, needs_mind && !mind) {
        (false, false) => None,
        (true, true) => Some((
            "has neither INTERPOL online nor the copy: everything will be not checked (not configured)",
            "add [find] or [mind]",
        )),
        (true, false) if alone => Some((
            "asks INTERPOL online, which is not configured: everything will be not checked (not configured)",
            "add [find], or choose the mode mind",
        )),
        (false, true) if alone => Some((
            "asks the copy, which is not configured: everything will be not checked (not configured)",
            "add [mind], or choose the mode find",
        )),
        (true, false) => Some((
            "asks INTERPOL online too, which is not configured: the copy is never confirmed or replaced",
            "add [find], or choose the mode mind",
        )),
        (false, true) => Some((
            "asks the copy too, which is not configured: an outage leaves everything not checked",
            "add [mind], or choose the mode find",
        )),
    }
}
