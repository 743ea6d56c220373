//! Certificates and keys from PEM files.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use postern_sdk::Environment;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};

use super::error::{TlsError, TlsErrorKind};
use super::training;

/// The bits of a file's mode that let others than its owner do anything.
const OTHERS: u32 = 0o077;

/// The certificates of a file, at least one; in production none of a training authority.
pub(super) fn certificates(
    file: &Path,
    environment: Environment,
) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error: &std::io::Error| TlsError::new(TlsErrorKind::Unreadable, file, Some(error));
    let pem = std::fs::read(file).map_err(|error| unreadable(&error))?;
    let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let chain = chain.map_err(|error| TlsError::new(TlsErrorKind::NoPem, file, Some(&error)))?;
    if chain.is_empty() {
        return Err(TlsError::new(TlsErrorKind::NoPem, file, None));
    }
    training::refuse_training(&chain, environment)
        .map_err(|error| TlsError::new(TlsErrorKind::Training, file, Some(&error)))?;
    Ok(chain)
}

/// The key of a file that only its owner can read. The mode is asked of the open file, so that it can't change
/// between.
pub(super) fn key(file: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    let unreadable = |error: std::io::Error| TlsError::new(TlsErrorKind::Unreadable, file, Some(&error));
    let mut open = File::open(file).map_err(unreadable)?;
    let mode = open.metadata().map_err(unreadable)?.mode();
    if mode & OTHERS != 0 {
        return Err(TlsError::new(TlsErrorKind::KeyMode(mode & 0o7777), file, None));
    }
    let mut pem = Vec::new();
    open.read_to_end(&mut pem).map_err(unreadable)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|error| TlsError::new(TlsErrorKind::NoPem, file, Some(&error)))
}
