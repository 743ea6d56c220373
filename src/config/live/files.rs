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
use crate::config::{ClientIdentity, Config, Identity, ServerTls};
use crate::grants::Grants;
use crate::keys::PublicKey;

/// From when on an expiry is told of beforehand.
const EXPIRY_NOTICE: SignedDuration = SignedDuration::from_hours(14 * 24);

/// Certificates with their keys, authorities, the account's password, the publisher's key.
pub(super) fn keys(config: &Config, clock: &Clock) -> Finding {
    let now = clock.now();
    let mut found = Vec::new();
    let lanes = config.lanes.iter().filter_map(|lane| lane.tls.as_ref());
    let console = config.console.iter().filter_map(|console| console.tls.as_ref());
    for tls in lanes.chain(console) {
        found.extend(server(tls, now));
    }
    if let Some(find) = &config.find {
        found.push(Finding::of(password(&find.password_file)));
        found.extend(find.tls.iter().map(|tls| authority(&tls.ca_file, now)));
        let identities = find.tls.iter().filter_map(|tls| tls.identity.as_ref());
        found.extend(identities.map(|one| identity(one, now)));
    }
    if let Some(mind) = &config.mind {
        let file = &mind.publisher_key_file;
        found.push(Finding::of(fs::metadata(file).map(|_| at(file, "is there")).map_err(|e| at(file, e))));
    }
    Finding::all(found, "none are configured")
}

fn server(tls: &ServerTls, now: Timestamp) -> Vec<Finding> {
    let clients = tls.client_ca_file.iter().map(|file| authority(file, now));
    std::iter::once(identity(&tls.identity, now)).chain(clients).collect()
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
fn identity(identity: &Identity, now: Timestamp) -> Finding {
    let file = &identity.cert_file;
    let chain = match certificates(file) {
        Ok(chain) => chain,
        Err(error) => return Finding::fail(error),
    };
    let key = match PrivateKeyDer::from_pem_file(&identity.key_file) {
        Ok(key) => key,
        Err(error) => return Finding::fail(at(&identity.key_file, error)),
    };
    let period = period(file, &chain[0], now);
    match CertifiedKey::from_der(chain, key, &default_provider()) {
        Ok(_) => period,
        Err(error) => Finding::fail(at(&identity.key_file, error)),
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

/// The files of tokens: lines `client:sha256-of-token`.
pub(super) fn tokens(config: &Config) -> Finding {
    let files = config.lanes.iter().filter_map(|lane| match &lane.client {
        ClientIdentity::Token(file) => Some(file),
        _ => None,
    });
    let found = files.map(|file| match fs::read_to_string(file) {
        Ok(text) => Finding::of(
            token_lines(&text).map(|n| at(file, format_args!("{n} tokens"))).map_err(|e| at(file, e)),
        ),
        Err(error) => Finding::fail(at(file, error)),
    });
    Finding::all(found.collect(), "none are configured")
}

fn token_lines(text: &str) -> Result<usize, String> {
    let lines =
        text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty() && !line.starts_with('#'));
    let mut count = 0;
    for (i, line) in lines {
        let hash =
            line.trim().rsplit_once(':').filter(|(client, _)| !client.is_empty()).map(|(_, hash)| hash);
        if !hash.is_some_and(|hash| hash.len() == 64 && hash.bytes().all(|b| b.is_ascii_hexdigit())) {
            return Err(format!("line {} is not client:sha256-of-token in 64 hex digits", i + 1));
        }
        count += 1;
    }
    if count == 0 { Err("holds no token".to_owned()) } else { Ok(count) }
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
    let known = |client: &String| grants.document().grants.iter().any(|grant| grant.client == *client);
    let stranger = config.lanes.iter().find_map(|lane| match &lane.client {
        ClientIdentity::Lane(client) if !known(client) => Some(&lane.name),
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
