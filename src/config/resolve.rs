//! From the written form to the settings, once nothing is wrong with it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Context, Environment, LinkOptions, Personal};

use super::file::{
    self, ClientTls, File, Find, FindRelay, KeySource, MindHub, MindSource, Relay, ServerTls, Transport,
};
use super::settings::{
    ClientIdentity, Config, Console, GrantFiles, Journal, KeyFrom, KeyServer, Lane, Mind, MindKey, Recheck,
    Wire,
};
use crate::adapters::Entry;
use crate::mind::FoldSettings;
use crate::screening::{Ages, Policy};

/// The port of a URL that names none.
const HTTPS_PORT: u16 = 443;

/// The list of rechecks, in the journal's folder.
const RECHECK_FILE: &str = "recheck.db";

/// Where relative paths begin: the folder of the configuration file.
struct Base<'a>(&'a Path);

/// The settings of a file in which `check` found no error. None if it has one all the same.
pub(super) fn settings(path: &Path, file: &File, adapters: &'static [Entry]) -> Option<Config> {
    let base = Base(path.parent().unwrap_or(Path::new("")));
    let ages = file.mind.as_ref().map_or_else(Ages::default, ages);
    let policies: BTreeMap<_, _> = file
        .policy
        .iter()
        .map(|(name, written)| (name.clone(), Arc::new(policy(name, written, ages))))
        .collect();
    let environment = file.postern.environment;
    let lanes = file.lane.iter().map(|(name, lane)| base.lane(name, lane, environment, &policies, adapters));
    Some(Config {
        file: path.to_owned(),
        instance: base.instance(&file.postern),
        journal: base.journal(&file.journal),
        find: file.find.as_ref().map(|find| base.find(find)),
        recheck: file.find.as_ref().and_then(|find| base.recheck(&file.recheck, find, &file.journal)),
        relay: file.relay.as_ref().map(|relay| base.relay(relay)),
        batch: file.batch.as_ref().map(|batch| base.batch(batch)),
        mind: match &file.mind {
            Some(mind) => Some(base.mind(mind)?),
            None => None,
        },
        grants: base.grants(&file.grants),
        lanes: lanes.collect::<Option<_>>()?,
        policies,
        console: file.console.as_ref().map(|console| base.console(console)),
        log: file.log,
        warnings: Vec::new(),
    })
}

fn ages(mind: &file::Mind) -> Ages {
    let hours = |hours: u64| Duration::from_secs(hours.saturating_mul(3_600));
    Ages { warn: hours(mind.warn_age_h), stop: hours(mind.stop_age_h), purge: hours(mind.purge_age_h) }
}

fn fold(mind: &file::Mind) -> FoldSettings {
    let bytes = mind.fold_mib_per_second.saturating_mul(1 << 20);
    FoldSettings {
        after: Duration::from_secs(mind.fold_after_h.saturating_mul(3_600)),
        changes: mind.fold_changes,
        bytes_per_second: (bytes > 0).then_some(bytes),
    }
}

fn policy(name: &str, written: &file::Policy, ages: Ages) -> Policy {
    let mode = |database| written.modes.get(database).copied().unwrap_or(written.mode);
    Policy {
        name: name.to_owned(),
        databases: written.databases.iter().map(|database| (*database, mode(database))).collect(),
        find_timeout: Duration::from_millis(written.find_timeout_ms),
        hedge_limit: Duration::from_millis(written.hedge_limit_ms),
        ages,
        recheck_permille: written.recheck_permille,
    }
}

fn context(lane: &file::Lane, environment: Environment) -> Context {
    let supplied = &lane.context;
    Context {
        client: lane.client.clone().unwrap_or_default(),
        environment,
        agency: supplied.agency.clone(),
        end_user: supplied.end_user.clone().map(Personal::new),
        terminal: supplied.terminal.clone(),
        site: supplied.site.clone(),
        direction: supplied.direction,
        purpose: supplied.purpose.clone(),
        operation: supplied.operation.clone(),
        silent: supplied.silent,
        ..Context::default()
    }
}

/// An option's value in the words of JSON, which the adapter contract speaks.
pub(super) fn json(value: &toml::Value) -> serde_json::Value {
    match value {
        toml::Value::String(text) => text.as_str().into(),
        toml::Value::Integer(number) => (*number).into(),
        toml::Value::Float(number) => (*number).into(),
        toml::Value::Boolean(flag) => (*flag).into(),
        toml::Value::Datetime(time) => time.to_string().into(),
        toml::Value::Array(values) => values.iter().map(json).collect(),
        toml::Value::Table(table) => table.iter().map(|(key, value)| (key.clone(), json(value))).collect(),
    }
}

impl Base<'_> {
    fn path(&self, path: &Path) -> PathBuf {
        self.0.join(path)
    }

    fn instance(&self, written: &file::Instance) -> file::Instance {
        let control_socket = self.optional(written.control_socket.as_ref());
        file::Instance { control_socket, ..written.clone() }
    }

    fn journal(&self, written: &file::Journal) -> Journal {
        Journal {
            folder: self.path(&written.folder),
            segment_bytes: written.segment_bytes,
            gather_max: Duration::from_micros(written.gather_us_max),
            commit_budget: Duration::from_millis(written.commit_budget_ms),
            duplicate_window: Duration::from_secs(written.duplicate_window_s),
        }
    }

    fn optional(&self, path: Option<&PathBuf>) -> Option<PathBuf> {
        path.map(|path| self.path(path))
    }

    fn find(&self, written: &file::Find) -> Find {
        Find {
            profile: self.optional(written.profile.as_ref()),
            password_file: self.optional(written.password_file.as_ref()),
            relay: written
                .relay
                .as_ref()
                .map(|relay| FindRelay { tls: self.client_tls(&relay.tls), ..relay.clone() }),
            tls: written.tls.as_ref().map(|tls| self.client_tls(tls)),
            ..written.clone()
        }
    }

    fn relay(&self, written: &Relay) -> Relay {
        Relay { tls: self.server_tls(&written.tls), ..written.clone() }
    }

    fn batch(&self, written: &file::Batch) -> file::Batch {
        file::Batch { folder: self.path(&written.folder), ..written.clone() }
    }

    fn recheck(&self, written: &file::Recheck, find: &Find, journal: &file::Journal) -> Option<Recheck> {
        let beside = || self.path(&journal.folder).join(RECHECK_FILE);
        written.enabled.then(|| Recheck {
            state_file: self.optional(written.state_file.as_ref()).unwrap_or_else(beside),
            rate_per_s_max: written.rate_per_s_max,
            concurrency_max: written.concurrency_max.min(find.concurrency_max),
            oldest_percent: written.oldest_share_percent,
            age_max: Duration::from_secs(u64::from(written.age_max_days) * 86_400),
        })
    }

    fn client_tls(&self, written: &ClientTls) -> ClientTls {
        ClientTls {
            ca_file: self.path(&written.ca_file),
            crl_files: written.crl_files.iter().map(|file| self.path(file)).collect(),
            cert_file: self.optional(written.cert_file.as_ref()),
            key_file: self.optional(written.key_file.as_ref()),
        }
    }

    fn mind(&self, written: &file::Mind) -> Option<Mind> {
        Some(Mind {
            folder: self.path(&written.folder),
            root_file: self.path(&written.root_file),
            country_key_file: written.country_key_file.as_ref().map(|file| self.path(file)),
            fold: fold(written),
            key: self.mind_key(written.key.as_ref()?)?,
            ages: ages(written),
            hub: written.hub.as_ref().map(|hub| MindHub { tls: self.server_tls(&hub.tls), ..hub.clone() }),
            source: written
                .source
                .as_ref()
                .map(|source| MindSource { tls: self.client_tls(&source.tls), ..source.clone() }),
        })
    }

    fn mind_key(&self, written: &file::MindKey) -> Option<MindKey> {
        let from = match written.source {
            KeySource::Credential => KeyFrom::Credential { name: written.credential.clone() },
            KeySource::File => KeyFrom::File { path: self.path(written.file.as_deref()?) },
            KeySource::Operator => KeyFrom::Operator { socket: self.path(&written.socket) },
            KeySource::Server => KeyFrom::Server(self.key_server(written)?),
        };
        Some(MindKey { from, allow_key_on_disk: written.allow_key_on_disk })
    }

    fn key_server(&self, written: &file::MindKey) -> Option<KeyServer> {
        let url: hyper::Uri = written.url.as_deref()?.parse().ok()?;
        Some(KeyServer {
            host: url.host()?.trim_matches(['[', ']']).to_owned(),
            port: url.port_u16().unwrap_or(HTTPS_PORT),
            path: url.path().to_owned(),
            tls: self.client_tls(written.tls.as_ref()?),
            request_timeout: Duration::from_millis(written.request_timeout_ms),
            retry_max: Duration::from_secs(written.retry_s_max),
        })
    }

    fn grants(&self, written: &file::Grants) -> GrantFiles {
        GrantFiles { file: self.path(&written.file), bureau_key_file: self.path(&written.bureau_key_file) }
    }

    fn server_tls(&self, written: &ServerTls) -> ServerTls {
        ServerTls {
            cert_file: self.path(&written.cert_file),
            key_file: self.path(&written.key_file),
            client_ca_file: self.optional(written.client_ca_file.as_ref()),
        }
    }

    fn console(&self, written: &file::Console) -> Console {
        Console { listen: written.listen, tls: written.tls.as_ref().map(|tls| self.server_tls(tls)) }
    }

    fn client(&self, lane: &file::Lane) -> Option<ClientIdentity> {
        if lane.tls.as_ref().is_some_and(|tls| tls.client_ca_file.is_some()) {
            return Some(ClientIdentity::Certificate);
        }
        let token = lane.token_file.as_deref().map(|path| ClientIdentity::Token(self.path(path)));
        token.or_else(|| lane.client.clone().map(ClientIdentity::Lane))
    }

    fn lane(
        &self,
        name: &str,
        written: &file::Lane,
        environment: Environment,
        policies: &BTreeMap<String, Arc<Policy>>,
        adapters: &'static [Entry],
    ) -> Option<Lane> {
        let wire = match written.transport {
            Transport::Tcp => Wire::Tcp(written.framing?),
            Transport::Http => Wire::Http,
        };
        let options = written.options.iter().map(|(key, value)| (key.clone(), json(value))).collect();
        Some(Lane {
            name: name.to_owned(),
            listen: written.listen,
            wire,
            adapter: adapters.iter().find(|entry| entry.name == written.adapter)?,
            options: LinkOptions { strict: written.strict, options },
            policy: Arc::clone(policies.get(&written.policy)?),
            deadline: Duration::from_millis(written.deadline_ms),
            view: written.view,
            client: self.client(written)?,
            tls: written.tls.as_ref().map(|tls| self.server_tls(tls)),
            context: context(written, environment),
            limits: written.limits,
        })
    }
}
