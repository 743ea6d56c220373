//! Certificates of training never count in production.
//!
//! The simulator's certificates, and those of every authority that it makes, say in two ways what they are: by the
//! organisational unit `TRAINING` in subject and issuer, and by an extension of their own. Either is enough to be refused
//! in production, on each side of a connection. The mark is looked for after the usual verification, never instead of it.

use std::fmt;
use std::sync::Arc;

use postern_sdk::Environment;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::{CertificateError, DigitallySignedStruct, DistinguishedName, Error, SignatureScheme};
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::X509Extension;
use x509_parser::prelude::FromDer;
use x509_parser::x509::X509Name;

/// The organisational unit in subject and issuer of a training certificate.
pub const TRAINING_UNIT: &str = "TRAINING";

/// The extension of a training certificate, an object identifier of the arc for UUIDs (ITU-T X.667).
pub const TRAINING_EXTENSION: &[u64] = &[2, 25, 4_207_711_861_902_310_537];

/// A certificate of a training authority in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OfTraining;

impl fmt::Display for OfTraining {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("issued by a training authority, or not readable")
    }
}

impl std::error::Error for OfTraining {}

/// Refuses, in production, a chain of which any certificate bears the mark of training, in its issuer, its
/// subject or its extensions. What can't be read is refused as well.
///
/// # Errors
/// If it is such a chain.
pub fn refuse_training(chain: &[CertificateDer<'_>], environment: Environment) -> Result<(), OfTraining> {
    if environment == Environment::Training || !chain.iter().any(is_of_training) {
        Ok(())
    } else {
        Err(OfTraining)
    }
}

fn is_of_training(certificate: &CertificateDer<'_>) -> bool {
    match X509Certificate::from_der(certificate) {
        Ok((_, certificate)) => {
            names_training(certificate.issuer())
                || names_training(certificate.subject())
                || certificate.extensions().iter().any(marks_training)
        }
        Err(_) => true,
    }
}

fn marks_training(extension: &X509Extension<'_>) -> bool {
    extension.oid.iter().is_some_and(|arcs| arcs.eq(TRAINING_EXTENSION.iter().copied()))
}

fn names_training(name: &X509Name<'_>) -> bool {
    name.iter_organizational_unit()
        .any(|unit| unit.as_str().is_ok_and(|unit| unit.trim().eq_ignore_ascii_case(TRAINING_UNIT)))
}

/// Verifies clients as `inner` does, and refuses training in production.
pub(super) fn verify_clients(
    inner: Arc<dyn ClientCertVerifier>,
    environment: Environment,
) -> Arc<dyn ClientCertVerifier> {
    Arc::new(Clients { inner, environment })
}

/// Verifies servers as `inner` does, and refuses training in production.
pub(super) fn verify_servers(
    inner: Arc<dyn ServerCertVerifier>,
    environment: Environment,
) -> Arc<dyn ServerCertVerifier> {
    Arc::new(Servers { inner, environment })
}

fn refuse_chain(
    leaf: &CertificateDer<'_>,
    rest: &[CertificateDer<'_>],
    environment: Environment,
) -> Result<(), Error> {
    refuse_training(std::slice::from_ref(leaf), environment)
        .and_then(|()| refuse_training(rest, environment))
        .map_err(|_| Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
}

#[derive(Debug)]
struct Clients {
    inner: Arc<dyn ClientCertVerifier>,
    environment: Environment,
}

impl ClientCertVerifier for Clients {
    fn client_auth_mandatory(&self) -> bool {
        true
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        self.inner.root_hint_subjects()
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        let verified = self.inner.verify_client_cert(end_entity, intermediates, now)?;
        refuse_chain(end_entity, intermediates, self.environment).map(|()| verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[derive(Debug)]
struct Servers {
    inner: Arc<dyn ServerCertVerifier>,
    environment: Environment,
}

impl ServerCertVerifier for Servers {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let verified =
            self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)?;
        refuse_chain(end_entity, intermediates, self.environment).map(|()| verified)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls12_signature(message, cert, dss)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        self.inner.verify_tls13_signature(message, cert, dss)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}
