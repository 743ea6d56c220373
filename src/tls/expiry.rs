//! When certificates and lists of revoked ones end.

use std::fs;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use postern_sdk::Environment;
use serde::{Deserialize, Serialize};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

use super::error::{TlsError, TlsErrorKind};
use super::files;
use crate::config::file::ClientTls;

/// What ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expiring {
    /// A certificate of our chain.
    Certificate,
    /// A certificate of an authority that is trusted.
    Authority,
    /// A list of revoked certificates: its successor is due.
    RevocationList,
}

impl Expiring {
    /// The stable name.
    pub const fn code(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Authority => "authority",
            Self::RevocationList => "revocation_list",
        }
    }
}

/// When the first thing in a file ends.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Expiry {
    /// What ends.
    pub what: Expiring,
    /// The file.
    pub file: PathBuf,
    /// When.
    pub at: Timestamp,
}

impl Expiry {
    /// The days that are left; negative if it has ended.
    pub fn days(&self, now: Timestamp) -> f64 {
        self.at.duration_since(now).as_secs_f64() / 86_400.0
    }

    /// An error if it has ended.
    ///
    /// # Errors
    /// [`TlsErrorKind::Expired`].
    pub fn check(&self, now: Timestamp) -> Result<(), TlsError> {
        if self.at > now { Ok(()) } else { Err(TlsError::new(TlsErrorKind::Expired, &self.file, None)) }
    }
}

/// When the files of a client end, each by what ends first in it.
pub(super) fn of_client(tls: &ClientTls, environment: Environment) -> Result<Vec<Expiry>, TlsError> {
    let mut all = Vec::new();
    if let Some(file) = &tls.cert_file {
        all.push(certificates(Expiring::Certificate, file, environment)?);
    }
    all.push(certificates(Expiring::Authority, &tls.ca_file, environment)?);
    for file in &tls.crl_files {
        all.push(list(file)?);
    }
    Ok(all)
}

fn certificates(what: Expiring, file: &Path, environment: Environment) -> Result<Expiry, TlsError> {
    let ends = files::certificates(file, environment)?.into_iter().map(|certificate| {
        let (_, read) =
            X509Certificate::from_der(&certificate).map_err(|error| TlsError::setup(file, &error))?;
        Ok(read.validity().not_after.timestamp())
    });
    first(what, file, ends)
}

fn list(file: &Path) -> Result<Expiry, TlsError> {
    let ends = files::revocation_lists(file)?.into_iter().map(|list| {
        let (_, read) =
            CertificateRevocationList::from_der(&list).map_err(|error| TlsError::setup(file, &error))?;
        let next = read.next_update().ok_or("the list does not say when the next one comes");
        Ok(next.map_err(|error| TlsError::setup(file, &error))?.timestamp())
    });
    first(Expiring::RevocationList, file, ends)
}

fn first(
    what: Expiring,
    file: &Path,
    ends: impl Iterator<Item = Result<i64, TlsError>>,
) -> Result<Expiry, TlsError> {
    let ends = ends.collect::<Result<Vec<_>, _>>()?;
    let at = ends.into_iter().min().and_then(|second| Timestamp::from_second(second).ok());
    match at {
        Some(at) => Ok(Expiry { what, file: file.to_owned(), at }),
        None => Err(TlsError::new(TlsErrorKind::NoPem, file, None)),
    }
}

/// What the files of a client hold, to tell a change by; a file that can't be read counts as empty.
pub(super) fn contents(tls: &ClientTls) -> Vec<u8> {
    let files = [Some(&tls.ca_file), tls.cert_file.as_ref(), tls.key_file.as_ref()];
    let mut all = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    for file in files.into_iter().flatten().chain(&tls.crl_files) {
        let bytes = zeroize::Zeroizing::new(fs::read(file).unwrap_or_default());
        all.update(&(bytes.len() as u64).to_le_bytes());
        all.update(&bytes);
    }
    all.finish().as_ref().to_vec()
}
