//! Lanes: whether each can be opened, knows its client, and leaves time to answer.

use super::Checker;
use crate::config::file::{Framing, Lane, Transport};
use crate::config::shape::one_of;
use crate::screening::Mode;

/// A frame may take the segment's size divided by this.
const SEGMENT_SHARE: u64 = 4;

impl Checker<'_> {
    pub(super) fn lanes(&mut self) {
        let file = self.file;
        if self.places.keys("lane").is_empty() {
            self.warn("lane", "no lane is defined, so nothing is asked", "define [lane.NAME]");
        }
        for (name, lane) in &file.lane {
            let key = format!("lane.{name}");
            self.name(&key, name);
            self.framing(&key, lane);
            self.adapter(&key, lane);
            self.policy(&key, lane);
            self.client(&key, lane);
            self.deadline(&key, lane);
            self.limits(&key, lane);
        }
    }

    fn framing(&mut self, table: &str, lane: &Lane) {
        let key = format!("{table}.framing");
        match (lane.transport, lane.framing) {
            (Transport::Tcp, None) => {
                let remedy = "write line, stx_etx, length2 or length4";
                self.error(&key, "tcp needs a framing, or frames can't be told apart", remedy);
            }
            (Transport::Http, Some(_)) => self.error(&key, "http has its own framing", "remove it"),
            _ => {}
        }
    }

    fn adapter(&mut self, table: &str, lane: &Lane) {
        let Some(entry) = self.adapters.iter().find(|entry| entry.name == lane.adapter) else {
            let names: Vec<&str> = self.adapters.iter().map(|entry| entry.name).collect();
            let cause = format!("there is no adapter {:?}", lane.adapter);
            return self.error(&format!("{table}.adapter"), cause, one_of(&names, &lane.adapter));
        };
        let description = (entry.make)().describe();
        let known: Vec<&str> = description.options.keys().map(AsRef::as_ref).collect();
        for option in lane.options.keys().filter(|option| !known.contains(&option.as_str())) {
            let cause = format!("the adapter {:?} has no such option", lane.adapter);
            self.error(&format!("{table}.options.{option}"), cause, one_of(&known, option));
        }
        self.context(table, lane, entry.carries_context);
    }

    /// Without agency, end user, site and purpose nothing is asked.
    fn context(&mut self, table: &str, lane: &Lane, carried: bool) {
        let context = &lane.context;
        let mandatory = [
            (&context.agency, "agency"),
            (&context.end_user, "end_user"),
            (&context.site, "site"),
            (&context.purpose, "purpose"),
        ];
        for (_, field) in mandatory.iter().filter(|(value, _)| value.as_deref() == Some("")) {
            let key = format!("{table}.context.{field}");
            self.error(&key, "it is empty, and nothing is asked without it", "write it, or leave it out");
        }
        let absent: Vec<&str> =
            mandatory.iter().filter(|(value, _)| value.is_none()).map(|(_, field)| *field).collect();
        if absent.is_empty() {
            return;
        }
        let key = format!("{table}.context");
        let fields = absent.join(", ");
        if carried {
            let cause = format!("each message must carry {fields}, or it is refused");
            self.warn(&key, cause, "give what the client may leave out");
        } else {
            let cause = format!("the format can't carry {fields}, and without it nothing is asked");
            self.error(&key, cause, format!("give {fields}"));
        }
    }

    fn policy(&mut self, table: &str, lane: &Lane) {
        let key = format!("{table}.policy");
        let Some(policy) = self.file.policy.get(&lane.policy) else {
            if !self.places.has(&format!("policy.{}", lane.policy)) {
                let names = self.places.keys("policy");
                let cause = format!("no policy {:?} is defined", lane.policy);
                let remedy = match names.is_empty() {
                    true => format!("define [policy.{}]", lane.policy),
                    false => format!("define [policy.{}] or name one of: {}", lane.policy, names.join(", ")),
                };
                self.error(&key, cause, remedy);
            }
            return;
        };
        let time_ms = lane.deadline_ms.saturating_sub(self.file.journal.commit_budget_ms);
        let uses =
            |mode| policy.databases.iter().any(|d| *policy.modes.get(d).unwrap_or(&policy.mode) == mode);
        let late = [
            (
                Mode::FindThenMind,
                "find_timeout_ms",
                policy.find_timeout_ms,
                "the copy is never asked in its place",
            ),
            (Mode::Hedged, "hedge_limit_ms", policy.hedge_limit_ms, "the copy's silence is never told"),
        ];
        for (mode, option, wait_ms, effect) in late {
            if uses(mode) && wait_ms >= time_ms && time_ms > 0 {
                let cause = format!("{option} ({wait_ms} ms) outlasts the lane's {time_ms} ms, so {effect}");
                let remedy = format!("lower policy.{}.{option}, or raise deadline_ms", lane.policy);
                self.warn(&key, cause, remedy);
            }
        }
    }

    fn client(&mut self, table: &str, lane: &Lane) {
        let certificate = lane.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some());
        let token = lane.token_file.is_some();
        let loopback = lane.listen.ip().is_loopback();
        let key = |field: &str| format!("{table}.{field}");
        if token && lane.transport == Transport::Tcp {
            let remedy = "remove it; use tls.client_ca_file";
            self.error(&key("token_file"), "tokens are for http only", remedy);
        } else if token && certificate {
            let remedy = "remove token_file or tls.client_ca_file";
            self.error(&key("token_file"), "certificate and token would both name the client", remedy);
        } else if token && lane.tls.is_none() && !loopback {
            let remedy = "add tls with cert_file and key_file";
            self.error(&key("token_file"), "tokens would go over the network in clear", remedy);
        }
        match (certificate || token, &lane.client) {
            (true, Some(_)) => {
                let remedy = "remove client; the certificate or token names it";
                self.error(&key("client"), "the client would be named twice", remedy);
            }
            (false, _) if !loopback => {
                let remedy =
                    "add tls with client_ca_file, or token_file with tls for http, or listen at 127.0.0.1";
                self.error(&key("listen"), "anyone on the network could ask", remedy);
            }
            (false, None) => {
                let remedy = "name the client, or add token_file or tls.client_ca_file";
                self.error(&key("client"), "nothing names the client", remedy);
            }
            (false, Some(client)) if client.trim().is_empty() => {
                self.error(&key("client"), "the client's name is empty", "write the name that its grant has");
            }
            _ => {}
        }
    }

    fn deadline(&mut self, table: &str, lane: &Lane) {
        let budget_ms = self.file.journal.commit_budget_ms;
        if lane.deadline_ms <= budget_ms {
            let cause =
                format!("{} ms leave no time beside the commit budget of {budget_ms} ms", lane.deadline_ms);
            let remedy = "write more than journal.commit_budget_ms; 2000 is usual";
            self.error(&format!("{table}.deadline_ms"), cause, remedy);
        }
    }

    fn limits(&mut self, table: &str, lane: &Lane) {
        let limits = &lane.limits;
        let table = format!("{table}.limits");
        let values = [
            ("frame_bytes_max", limits.frame_bytes_max as u64),
            ("connections_max", limits.connections_max as u64),
            ("in_flight_max", limits.in_flight_max as u64),
            ("subjects_max", limits.subjects_max as u64),
            ("frame_timeout_ms", limits.frame_timeout_ms),
            ("idle_timeout_ms", limits.idle_timeout_ms),
            ("write_timeout_ms", limits.write_timeout_ms),
        ];
        self.not_zero(&table, &values);
        if limits.frame_bytes_max as u64 > self.file.journal.segment_bytes / SEGMENT_SHARE {
            let cause = "a frame of that size, with its answer, may not fit into a segment of the journal";
            let remedy = "write at most a quarter of journal.segment_bytes";
            self.error(&format!("{table}.frame_bytes_max"), cause, remedy);
        }
        if lane.framing == Some(Framing::Length2) && limits.frame_bytes_max > usize::from(u16::MAX) {
            let key = format!("{table}.frame_bytes_max");
            if self.places.has(&key) {
                self.warn(
                    &key,
                    "two bytes of length hold 65535 at most",
                    "write 65535 or less, or use length4",
                );
            }
        }
    }
}
