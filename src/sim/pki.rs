//! Certificates for training: an authority of its own for each simulator, marked so that production refuses them.

use jiff::Timestamp;
use jiff::tz::TimeZone;
use rcgen::{
    BasicConstraints, CertificateParams, CustomExtension, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer,
    KeyPair, KeyUsagePurpose,
};

use crate::tls::{TRAINING_EXTENSION, TRAINING_UNIT};

/// A certificate and its key, PEM.
#[derive(Clone)]
pub struct Identity {
    /// The certificate.
    pub cert_pem: String,
    /// The key, PKCS#8.
    pub key_pem: String,
}

/// The key is a secret, even in training.
impl std::fmt::Debug for Identity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Identity")
    }
}

/// An authority with one server and one client certificate.
#[derive(Clone, Debug)]
pub struct TrainingPki {
    /// The authority's certificate.
    pub ca_pem: String,
    /// For the simulator.
    pub server: Identity,
    /// For whoever asks it.
    pub client: Identity,
}

impl TrainingPki {
    /// Makes an authority and its two certificates. The server's is good for `hosts`, the client's names `client`; they
    /// last from the year before `now` to the end of the year after.
    ///
    /// # Errors
    /// A host that can't stand in a certificate.
    pub fn generate(hosts: &[String], client: &str, now: Timestamp) -> Result<Self, rcgen::Error> {
        Self::marked(hosts, client, now, [Mark::BOTH, Mark::BOTH])
    }

    /// As [`generate`](Self::generate), with the marks of the authority and of what it issues.
    fn marked(
        hosts: &[String],
        client: &str,
        now: Timestamp,
        [of_authority, of_issued]: [Mark; 2],
    ) -> Result<Self, rcgen::Error> {
        let year = i32::from(TimeZone::UTC.to_datetime(now).year());
        let template = Template { year, mark: of_authority };
        let ca_key = KeyPair::generate()?;
        let mut ca = template.params("Postern training authority", &[])?;
        ca.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        let ca_pem = ca.self_signed(&ca_key)?.pem();
        let issuer = Issuer::new(ca, ca_key);
        let template = Template { year, mark: of_issued };
        let server = template.params("postern-sim", hosts)?;
        let client = template.params(client, &[])?;
        Ok(Self {
            ca_pem,
            server: issue(server, ExtendedKeyUsagePurpose::ServerAuth, &issuer)?,
            client: issue(client, ExtendedKeyUsagePurpose::ClientAuth, &issuer)?,
        })
    }

    /// Without any mark of training, as production would have it: for tests of the refusal alone.
    #[cfg(test)]
    pub(crate) fn unmarked(hosts: &[String], client: &str, now: Timestamp) -> Self {
        Self::marked(hosts, client, now, [Mark::NONE, Mark::NONE]).unwrap()
    }

    /// Marked certificates of an authority without any mark: for tests of the refusal in the handshake.
    #[cfg(test)]
    pub(crate) fn of_unmarked_authority(hosts: &[String], client: &str, now: Timestamp) -> Self {
        Self::marked(hosts, client, now, [Mark::NONE, Mark::BOTH]).unwrap()
    }
}

/// By what a certificate says that it is for training.
#[derive(Clone, Copy)]
struct Mark {
    unit: bool,
    extension: bool,
}

impl Mark {
    const BOTH: Self = Self { unit: true, extension: true };
    #[cfg(test)]
    const NONE: Self = Self { unit: false, extension: false };
}

struct Template {
    year: i32,
    mark: Mark,
}

impl Template {
    fn params(&self, name: &str, hosts: &[String]) -> Result<CertificateParams, rcgen::Error> {
        let mut params = CertificateParams::new(hosts)?;
        params.distinguished_name.remove(DnType::CommonName);
        params.distinguished_name.push(DnType::CommonName, name);
        if self.mark.unit {
            params.distinguished_name.push(DnType::OrganizationalUnitName, TRAINING_UNIT);
        }
        if self.mark.extension {
            let mark = CustomExtension::from_oid_content(TRAINING_EXTENSION, DER_TRUE.to_vec());
            params.custom_extensions.push(mark);
        }
        params.not_before = rcgen::date_time_ymd(self.year - 1, 1, 1);
        params.not_after = rcgen::date_time_ymd(self.year + 1, 12, 31);
        Ok(params)
    }
}

/// The content of the extension: TRUE.
const DER_TRUE: [u8; 3] = [0x01, 0x01, 0xFF];

fn issue(
    mut params: CertificateParams,
    usage: ExtendedKeyUsagePurpose,
    issuer: &Issuer<'_, KeyPair>,
) -> Result<Identity, rcgen::Error> {
    params.use_authority_key_identifier_extension = true;
    params.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    params.extended_key_usages = vec![usage];
    let key = KeyPair::generate()?;
    let cert = params.signed_by(&key, issuer)?;
    Ok(Identity { cert_pem: cert.pem(), key_pem: key.serialize_pem() })
}

#[cfg(test)]
mod tests {
    use postern_sdk::Environment;
    use rustls::pki_types::CertificateDer;
    use rustls::pki_types::pem::PemObject;

    use crate::tls::refuse_training;

    use super::*;

    fn der(pem: &str) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(pem.as_bytes()).unwrap()
    }

    // Proves that each certificate for training is refused in production and accepted in training, and that one without
    // the mark is accepted.
    #[test]
    fn marked_certificates_are_refused() {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        let hosts = ["localhost".to_owned()];
        let pki = TrainingPki::generate(&hosts, "gate-1", now).unwrap();
        for pem in [&pki.ca_pem, &pki.server.cert_pem, &pki.client.cert_pem] {
            assert!(refuse_training(&[der(pem)], Environment::Production).is_err());
            assert!(refuse_training(&[der(pem)], Environment::Training).is_ok());
        }
        let plain = TrainingPki::unmarked(&hosts, "gate-1", now);
        assert!(refuse_training(&[der(&plain.server.cert_pem)], Environment::Production).is_ok());
        let chain = [der(&plain.server.cert_pem), der(&pki.ca_pem)];
        assert!(refuse_training(&chain, Environment::Production).is_err());
        assert!(refuse_training(&[CertificateDer::from(vec![1, 2, 3])], Environment::Production).is_err());
    }

    // Proves that either mark alone is enough.
    #[test]
    fn either_mark_is_enough() {
        let now = "2026-11-24T10:00:00Z".parse().unwrap();
        for mark in [Mark { unit: true, ..Mark::NONE }, Mark { extension: true, ..Mark::NONE }] {
            for marks in [[Mark::NONE, mark], [mark, mark]] {
                let pki = TrainingPki::marked(&[], "gate-1", now, marks).unwrap();
                assert!(refuse_training(&[der(&pki.client.cert_pem)], Environment::Production).is_err());
            }
        }
    }
}
