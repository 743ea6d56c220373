//! FIND by way of a hub, on both sides: whether each knows whom it speaks with, and everything has a limit.

use super::Checker;
use crate::config::file::{Find, FindRelay};

impl Checker<'_> {
    /// Exactly one is asked: INTERPOL, under an account, or a hub, which has the account.
    pub(super) fn asked(&mut self, find: &Find) {
        match (&find.base_url, &find.relay) {
            (Some(base_url), None) => {
                self.base_url(base_url, find);
                self.account(find);
            }
            (None, Some(relay)) => self.by_way_of(relay, find),
            (Some(_), Some(_)) => {
                let cause = "both INTERPOL and a hub are named, and one of them is asked";
                self.error("find.relay", cause, "remove base_url, or remove relay");
            }
            (None, None) => {
                let remedy = "add base_url, or relay where a hub asks INTERPOL for this instance";
                self.error("find", "nobody is named who is asked", remedy);
            }
        }
    }

    fn account(&mut self, find: &Find) {
        if find.username.as_ref().is_none_or(String::is_empty) {
            self.error("find.username", "the account has no name", "write the service account's name");
        }
        if find.password_file.is_none() {
            let remedy = "name the file that holds the service account's password";
            self.error("find.password_file", "the account has no password", remedy);
        }
    }

    fn by_way_of(&mut self, relay: &FindRelay, find: &Find) {
        if crate::mind::source::address(&relay.url).is_none() {
            let cause = "it is not the https address of a hub, without credentials, path or query";
            self.error("find.relay.url", cause, "write https://host:port");
        }
        if relay.tls.cert_file.is_none() || relay.tls.key_file.is_none() {
            let remedy = "add cert_file and key_file; the certificate names this edge";
            self.error("find.relay.tls", "the hub must know which edge asks", remedy);
        }
        let unread = [
            ("find.username", find.username.is_some()),
            ("find.password_file", find.password_file.is_some()),
            ("find.profile", find.profile.is_some()),
            ("find.tls", find.tls.is_some()),
        ];
        for (key, _) in unread.into_iter().filter(|(_, given)| *given) {
            self.error(key, "the hub has it, and it is not read where a hub is asked", "remove it");
        }
    }

    pub(super) fn relay(&mut self) {
        let Some(relay) = &self.file.relay else { return };
        if self.file.find.as_ref().is_none_or(|find| find.base_url.is_none()) {
            let remedy = "add [find] with base_url; a hub does not ask by way of another";
            self.error("relay", "INTERPOL is not asked from here, so nothing can be relayed", remedy);
        }
        if relay.tls.client_ca_file.is_none() {
            let remedy = "add client_ca_file, the authority of the edges' certificates";
            self.error("relay.tls", "the hub must know which edge asks", remedy);
        }
        let limits = [
            ("connections_max", relay.connections_max as u64),
            ("connections_per_edge_max", relay.connections_per_edge_max as u64),
        ];
        self.not_zero("relay", &limits);
        if relay.edge.is_empty() {
            self.warn("relay.edge", "no edge is named, so nobody is served", "define [relay.edge.NAME]");
        }
        for (name, edge) in &relay.edge {
            let key = format!("relay.edge.{name}");
            self.name(&key, name);
            let share = [
                ("rate_per_s_max", u64::from(edge.rate_per_s_max)),
                ("concurrency_max", edge.concurrency_max as u64),
            ];
            self.not_zero(&key, &share);
        }
        self.room();
    }

    /// Edges that together have every place of FIND leave none for the lanes.
    fn room(&mut self) {
        let (Some(relay), Some(find)) = (&self.file.relay, &self.file.find) else { return };
        let together =
            relay.edge.values().fold(0, |sum: usize, edge| sum.saturating_add(edge.concurrency_max));
        if together >= find.concurrency_max && !self.file.lane.is_empty() {
            let places = find.concurrency_max;
            let cause =
                format!("the edges may have {together} questions under way, and FIND takes {places} at once");
            self.warn(
                "relay.edge",
                cause,
                "give the edges less, or raise find.concurrency_max, to leave some for lanes",
            );
        }
    }
}
