//! How the copy is distributed: whether both sides know each other, and everything has a limit.

use super::Checker;
use crate::mind::Dataset;

impl Checker<'_> {
    pub(super) fn mind_distribution(&mut self) {
        let Some(mind) = &self.file.mind else { return };
        if let Some(hub) = &mind.hub {
            let limits = [
                ("connections_max", hub.connections_max as u64),
                ("connections_per_site_max", hub.connections_per_site_max as u64),
                ("requests_per_minute_max", hub.requests_per_minute_max.into()),
                ("write_timeout_ms", hub.write_timeout_ms),
            ];
            self.not_zero("mind.hub", &limits);
            if hub.tls.client_ca_file.is_none() {
                let remedy = "add client_ca_file, the authority of the sites' certificates";
                self.error("mind.hub.tls", "the hub must know which site asks", remedy);
            }
        }
        if let Some(source) = &mind.source {
            let times = [
                ("interval_s", source.interval_s),
                ("request_timeout_ms", source.request_timeout_ms),
                ("retry_s_max", source.retry_s_max),
            ];
            self.not_zero("mind.source", &times);
            if crate::mind::source::address(&source.url).is_none() {
                let cause = "it is not the https address of a hub, without credentials, path or query";
                self.error("mind.source.url", cause, "write https://host:port");
            }
            if source.tls.cert_file.is_none() || source.tls.key_file.is_none() {
                let remedy = "add cert_file and key_file; the certificate's common name is this site's name";
                self.error("mind.source.tls", "the hub must know which site asks", remedy);
            }
            for name in source.datasets.iter().filter(|name| Dataset::from_name(name).is_none()) {
                let names = Dataset::ALL.map(Dataset::name).join(", ");
                self.error(
                    "mind.source.datasets",
                    format!("{name:?} is no dataset"),
                    format!("write {names}"),
                );
            }
        }
    }
}
