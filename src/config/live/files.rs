//! The stages that read keys, certificates, tokens and grants.

use std::fs;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use postern_sdk::Environment;
use rustls::crypto::aws_lc_rs::default_provider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use super::{Finding, at};
use crate::clock::Clock;
use crate::config::settings::Mind;
use crate::config::{ClientIdentity, Config, KeyFrom, ServerTls};
use crate::grants::Grants;
use crate::keys::PublicKey;
use crate::mind::trust::Chain;

/// From when on an expiry is told of beforehand.
const EXPIRY_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Certificates with their keys, authorities, the account's password, the publisher's key.
pub(super) fn keys(config: &Config, clock: &Clock) -> Finding {
    let now = clock.now();
    let mut found = Vec::new();
    let lanes = config.lanes.iter().filter_map(|lane| lane.tls.as_ref());
    let console = config.console.iter().filter_map(|console| console.tls.as_ref());
    let relay = config.relay.iter().map(|relay| &relay.tls);
    for tls in lanes.chain(console).chain(relay) {
        found.extend(server(tls, now));
    }
    if let Some(find) = &config.find {
        found.extend(find.password_file.iter().map(|file| Finding::of(password(file))));
        for tls in find.tls.iter().chain(find.relay.iter().map(|relay| &relay.tls)) {
            found.push(authority(&tls.ca_file, now));
            let pair = tls.cert_file.as_deref().zip(tls.key_file.as_deref());
            found.extend(pair.map(|(cert, key)| identity(cert, key, now)));
        }
    }
    if let Some(mind) = &config.mind {
        if let KeyFrom::Server(server) = &mind.key.from {
            found.push(authority(&server.tls.ca_file, now));
            let pair = server.tls.cert_file.as_deref().zip(server.tls.key_file.as_deref());
            found.extend(pair.map(|(cert, key)| identity(cert, key, now)));
        }
        found.extend(mind.hub.iter().flat_map(|hub| server(&hub.tls, now)));
        if let Some(source) = &mind.source {
            found.push(authority(&source.tls.ca_file, now));
            let pair = source.tls.cert_file.as_deref().zip(source.tls.key_file.as_deref());
            found.extend(pair.map(|(cert, key)| identity(cert, key, now)));
        }
        found.push(root(mind));
        found.extend(mind.country_key_file.as_deref().map(country));
    }
    Finding::all(found, "none are configured")
}

/// The root that is believed from the start, and those that came since.
fn root(mind: &Mind) -> Finding {
    let file = &mind.root_file;
    match Chain::walk(file, &mind.folder.join("trust")) {
        Ok(walk) => Finding::ok(at(file, format_args!("root {} is in force", walk.chain.root().version))),
        Err(refusal) => Finding::fail(at(file, refusal)),
    }
}

fn country(file: &Path) -> Finding {
    Finding::of(PublicKey::read(file).map(|key| at(file, key.id())).map_err(|error| error.to_string()))
}

fn server(tls: &ServerTls, now: Timestamp) -> Vec<Finding> {
    let clients = tls.client_ca_file.iter().map(|file| authority(file, now));
    std::iter::once(identity(&tls.cert_file, &tls.key_file, now)).chain(clients).collect()
}

fn password(file: &Path) -> Result<String, String> {
    let text = fs::read_to_string(file).map_err(|error| at(file, error))?;
    if text.trim().is_empty() { Err(at(file, "is empty")) } else { Ok(at(file, "has a password")) }
}

fn certificates(file: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = CertificateDer::pem_file_iter(file).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(chain) if chain.is_empty() => Err(at(file, "holds no certificate in PEM")),
        Ok(chain) => Ok(chain),
        Err(error) => Err(at(file, error)),
    }
}

/// A chain and its key: readable, of one another, and in force.
fn identity(file: &Path, key_file: &Path, now: Timestamp) -> Finding {
    let chain = match certificates(file) {
        Ok(chain) => chain,
        Err(error) => return Finding::fail(error),
    };
    let key = match PrivateKeyDer::from_pem_file(key_file) {
        Ok(key) => key,
        Err(error) => return Finding::fail(at(key_file, error)),
    };
    let period = period(file, &chain[0], now);
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => period,
        Err(error) => Finding::fail(at(key_file, error)),
    }
}

fn authority(file: &Path, now: Timestamp) -> Finding {
    match certificates(file) {
        Ok(chain) => Finding::all(chain.iter().map(|one| period(file, one, now)).collect(), ""),
        Err(error) => Finding::fail(error),
    }
}

/// Whether a certificate is in force, and will be for a while.
fn period(file: &Path, certificate: &CertificateDer<'_>, now: Timestamp) -> Finding {
    let Ok((_, parsed)) = X509Certificate::from_der(certificate) else {
        return Finding::fail(at(file, "holds a certificate that can't be read"));
    };
    let time = |time: x509_parser::time::ASN1Time| {
        Timestamp::from_second(time.timestamp()).unwrap_or(Timestamp::MAX)
    };
    let (from, until) = (time(parsed.validity().not_before), time(parsed.validity().not_after));
    if now < from {
        Finding::fail(at(file, format_args!("is not in force before {from}")))
    } else if now >= until {
        Finding::fail(at(file, format_args!("expired at {until}")))
    } else if until.duration_since(now) < EXPIRY_NOTICE {
        Finding::warn(at(file, format_args!("expires at {until}")))
    } else {
        Finding::ok(at(file, format_args!("in force until {until}")))
    }
}

/// The document of grants: signed by the bureau, of this environment, in force, and with a grant for each client that
/// a lane names.
pub(super) fn grants(config: &Config, clock: &Clock) -> Finding {
    match PublicKey::read(&config.grants.bureau_key_file) {
        Ok(key) => verified(config, &key, clock.now()),
        Err(error) => Finding::fail(error.to_string()),
    }
}

fn verified(config: &Config, key: &PublicKey, now: Timestamp) -> Finding {
    let environment: Environment = config.instance.environment;
    let grants = match Grants::load(&config.grants.file, key, environment) {
        Ok(grants) => grants,
        Err(error) => return Finding::fail(error.to_string()),
    };
    let (number, until) = (grants.number(), grants.expires_at());
    let stranger = config.lanes.iter().find_map(|lane| match &lane.client {
        ClientIdentity::Lane(client) if !grants.names(client) => Some(&lane.name),
        _ => None,
    });
    if now >= until {
        Finding::fail(format!("document {number} expired at {until}"))
    } else if now < grants.document().issued_at {
        Finding::fail(format!("document {number} is not in force before {}", grants.document().issued_at))
    } else if let Some(lane) = stranger {
        Finding::warn(format!(
            "document {number} has no grant for the client of lane.{lane}: all is refused there"
        ))
    } else if until.duration_since(now) < EXPIRY_NOTICE {
        Finding::warn(format!("document {number} expires at {until}"))
    } else {
        let count = grants.document().grants.len();
        Finding::ok(format!("document {number} with {count} grants, until {until}"))
    }
}
