//! Certificates for tests.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer, KeyIdMethod,
    KeyPair, RevokedCertParams, SanType, SerialNumber,
};
use rustls::pki_types::CertificateDer;
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

use crate::config::file::{ClientTls, ServerTls};

/// An authority whose organisational unit is what it was made with.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pem: String,
    /// What follows the certificates that it issues, up to the root.
    chain_pem: String,
    unit: String,
}

/// A certificate and its key.
pub(crate) struct Issued {
    pub(crate) certificate: CertificateDer<'static>,
    certificate_pem: String,
    key_pem: String,
}

impl Authority {
    pub(crate) fn new(unit: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(unit);
        let pem = params.self_signed(&key).unwrap().pem();
        Self { issuer: Issuer::new(params, key), pem, chain_pem: String::new(), unit: unit.to_owned() }
    }

    /// An authority of another unit below this one.
    pub(crate) fn subordinate(&self, unit: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let params = authority_params(unit);
        let pem = params.signed_by(&key, &self.issuer).unwrap().pem();
        let chain_pem = format!("{pem}{}", self.chain_pem);
        Self { issuer: Issuer::new(params, key), pem, chain_pem, unit: unit.to_owned() }
    }

    pub(crate) fn issue(&self, common_name: &str) -> Issued {
        self.issue_named(common_name, &[])
    }

    pub(crate) fn issue_named(&self, common_name: &str, uris: &[String]) -> Issued {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["localhost".to_owned()]).unwrap();
        params.distinguished_name.push(DnType::CommonName, common_name);
        for uri in uris {
            params.subject_alt_names.push(SanType::URI(uri.as_str().try_into().unwrap()));
        }
        let certificate = params.signed_by(&key, &self.issuer).unwrap();
        Issued {
            certificate: certificate.der().clone(),
            certificate_pem: format!("{}{}", certificate.pem(), self.chain_pem),
            key_pem: key.serialize_pem(),
        }
    }

    /// The authority's certificate as a file.
    pub(crate) fn file(&self, folder: &Path) -> PathBuf {
        let file = folder.join(format!("{}-ca.pem", self.unit));
        fs::write(&file, &self.pem).unwrap();
        file
    }

    /// The authority's certificate, PEM.
    pub(crate) fn pem(&self) -> &str {
        &self.pem
    }

    /// A list of revoked certificates whose successor is due in a year.
    pub(crate) fn list(&self, revoked: &[&Issued], next_year: i32) -> String {
        let params = CertificateRevocationListParams {
            this_update: rcgen::date_time_ymd(2020, 1, 1),
            next_update: rcgen::date_time_ymd(next_year, 1, 1),
            crl_number: SerialNumber::from(1),
            issuing_distribution_point: None,
            revoked_certs: revoked.iter().map(|issued| issued.revoked()).collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        params.signed_by(&self.issuer).unwrap().pem().unwrap()
    }

    /// The settings of a server of this authority.
    pub(crate) fn server(&self, folder: &Path, client_ca: Option<&Self>) -> ServerTls {
        let (cert_file, key_file) = self.issue("server").files(folder, &format!("{}-server", self.unit));
        ServerTls { cert_file, key_file, client_ca_file: client_ca.map(|ca| ca.file(folder)) }
    }

    /// The settings of a client of this authority with a certificate of this name, or without one.
    pub(crate) fn client(&self, folder: &Path, server_ca: &Self, name: Option<&str>) -> ClientTls {
        let files = name.map(|name| self.issue(name).files(folder, &format!("{}-{name}", self.unit)));
        let (cert_file, key_file) = files.unzip();
        ClientTls { ca_file: server_ca.file(folder), crl_files: Vec::new(), cert_file, key_file }
    }
}

fn authority_params(unit: &str) -> CertificateParams {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.distinguished_name.push(DnType::CommonName, format!("{unit} authority"));
    params.distinguished_name.push(DnType::OrganizationalUnitName, unit);
    params
}

impl Issued {
    /// Certificate and key, PEM.
    pub(crate) fn pems(&self) -> (String, String) {
        (self.certificate_pem.clone(), self.key_pem.clone())
    }

    fn revoked(&self) -> RevokedCertParams {
        let (_, certificate) = X509Certificate::from_der(&self.certificate).unwrap();
        RevokedCertParams {
            serial_number: SerialNumber::from_slice(certificate.raw_serial()),
            revocation_time: rcgen::date_time_ymd(2020, 1, 1),
            reason_code: None,
            invalidity_date: None,
        }
    }

    /// Certificate and key as files, the key for its owner alone.
    pub(crate) fn files(&self, folder: &Path, name: &str) -> (PathBuf, PathBuf) {
        let (cert, key) = (folder.join(format!("{name}.pem")), folder.join(format!("{name}.key")));
        fs::write(&cert, &self.certificate_pem).unwrap();
        fs::write(&key, &self.key_pem).unwrap();
        fs::set_permissions(&key, fs::Permissions::from_mode(0o600)).unwrap();
        (cert, key)
    }
}
