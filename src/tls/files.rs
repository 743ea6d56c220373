//! Certificates and keys from PEM files.

use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use postern_sdk::Environment;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};
use x509_parser::prelude::FromDer;
use x509_parser::revocation_list::CertificateRevocationList;

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

/// The lists of revoked certificates of a file, at least one: PEM, or the one list of a file in DER.
pub(super) fn revocation_lists(file: &Path) -> Result<RevocationLists, TlsError> {
    let bytes =
        std::fs::read(file).map_err(|error| TlsError::new(TlsErrorKind::Unreadable, file, Some(&error)))?;
    if !bytes.trim_ascii_start().starts_with(b"-----BEGIN") {
        return readable(file, vec![CertificateRevocationListDer::from(bytes)]);
    }
    let lists: Result<Vec<_>, _> = CertificateRevocationListDer::pem_slice_iter(&bytes).collect();
    let lists = lists.map_err(|error| TlsError::new(TlsErrorKind::NoPem, file, Some(&error)))?;
    if lists.is_empty() { Err(TlsError::new(TlsErrorKind::NoPem, file, None)) } else { readable(file, lists) }
}

type RevocationLists = Vec<CertificateRevocationListDer<'static>>;

/// The lists, if each is one: the verifier would not say which file is wrong.
fn readable(file: &Path, lists: RevocationLists) -> Result<RevocationLists, TlsError> {
    for list in &lists {
        CertificateRevocationList::from_der(list).map_err(|error| TlsError::setup(file, &error))?;
    }
    Ok(lists)
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
