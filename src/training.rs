//! Certificates that are for training only.
//!
//! Training never mixes with production. The simulator's certificates, and those of every authority that it makes, say in
//! two ways what they are: by the organisational unit `TRAINING` in subject and issuer, and by an extension of their own.
//! Either is enough to be refused in production, on each side of a connection. The mark is looked for after the usual
//! verification, never instead of it.

use postern_sdk::Environment;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{CertificateError, DigitallySignedStruct, Error, OtherError, SignatureScheme};
use std::fmt;
use std::sync::Arc;
use x509_parser::prelude::{FromDer, X509Certificate, X509Name};

/// The organisational unit in subject and issuer of a training certificate.
pub const TRAINING_UNIT: &str = "TRAINING";

/// The extension of a training certificate, an object identifier of the arc for UUIDs (ITU-T X.667).
pub const TRAINING_EXTENSION: &[u64] = &[2, 25, 4_207_711_861_902_310_537];

/// A certificate for training was shown in production.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TrainingCertificate;

impl fmt::Display for TrainingCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a certificate for training is not accepted in production")
    }
}

impl std::error::Error for TrainingCertificate {}

/// Refuses a chain with a certificate for training, or one that can't be read, if this is production.
///
/// # Errors
/// [`CertificateError::Other`] with [`TrainingCertificate`], or [`CertificateError::BadEncoding`].
pub fn refuse_training(chain: &[CertificateDer<'_>], environment: Environment) -> Result<(), Error> {
    match environment {
        Environment::Training => Ok(()),
        Environment::Production => chain.iter().try_for_each(refuse_if_training),
    }
}

fn refuse_if_training(certificate: &CertificateDer<'_>) -> Result<(), Error> {
    let (_, parsed) = X509Certificate::from_der(certificate)
        .map_err(|_| Error::InvalidCertificate(CertificateError::BadEncoding))?;
    if is_training(&parsed) {
        let cause = OtherError(Arc::new(TrainingCertificate));
        return Err(Error::InvalidCertificate(CertificateError::Other(cause)));
    }
    Ok(())
}

fn is_training(certificate: &X509Certificate<'_>) -> bool {
    let marked = |extension: &x509_parser::extensions::X509Extension<'_>| {
        extension.oid.iter().is_some_and(|mut arcs| arcs.by_ref().eq(TRAINING_EXTENSION.iter().copied()))
    };
    names_training(certificate.issuer())
        || names_training(certificate.subject())
        || certificate.extensions().iter().any(marked)
}

fn names_training(name: &X509Name<'_>) -> bool {
    name.iter_organizational_unit()
        .any(|unit| unit.as_str().is_ok_and(|unit| unit.trim().eq_ignore_ascii_case(TRAINING_UNIT)))
}

/// Verifies a server's certificate as usual, then refuses training in production.
#[derive(Debug)]
pub struct RefuseTraining {
    inner: Arc<dyn ServerCertVerifier>,
    environment: Environment,
}

impl RefuseTraining {
    /// Adds the check to a verifier.
    pub fn new(inner: Arc<dyn ServerCertVerifier>, environment: Environment) -> Self {
        Self { inner, environment }
    }
}

impl ServerCertVerifier for RefuseTraining {
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
        refuse_training(std::slice::from_ref(end_entity), self.environment)?;
        refuse_training(intermediates, self.environment)?;
        Ok(verified)
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
