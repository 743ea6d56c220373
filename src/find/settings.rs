//! What a FIND connection needs, loaded from the config's files and checked.

use std::fmt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use postern_sdk::{Environment, Personal, State};
use rustls::client::WebPkiServerVerifier;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};

use crate::config::file;
use crate::training::{RefuseTraining, refuse_training};

use super::guard;

/// What of the config can't be used, and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetupError {
    /// The key of the config: `find.tls.ca_file`.
    pub key: &'static str,
    /// What is wrong. It holds no secret.
    pub what: String,
    /// What to do.
    pub remedy: &'static str,
}

impl SetupError {
    pub(super) fn new(key: &'static str, what: impl Into<String>, remedy: &'static str) -> Self {
        Self { key, what: what.into(), remedy }
    }
}

impl fmt::Display for SetupError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.key, self.what, self.remedy)
    }
}

impl std::error::Error for SetupError {}

/// What a FIND connection needs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The options as configured.
    pub options: file::Find,
    /// The country whose code begins each reference.
    pub country: State,
    /// Whether this is production or training.
    pub environment: Environment,
    /// The account's password.
    pub password: Personal<String>,
    /// The authority and our certificate, for `https`.
    pub tls: Option<TlsMaterial>,
}

/// Certificates and key, PEM.
#[derive(Clone)]
pub struct TlsMaterial {
    /// The private authority.
    pub ca: Vec<u8>,
    /// Our certificate chain and its key.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// The key is a secret.
impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TlsMaterial")
    }
}

impl Settings {
    /// Loads what the options name.
    ///
    /// # Errors
    /// The key of the option whose file can't be read or used.
    pub fn load(options: &file::Find, instance: &file::Instance) -> Result<Self, SetupError> {
        let password = read("find.password_file", &options.password_file)?;
        let password = String::from_utf8(password).map_err(|_| {
            SetupError::new("find.password_file", "not UTF-8", "write the password alone in one line")
        })?;
        Ok(Self {
            options: options.clone(),
            country: instance.country,
            environment: instance.environment,
            password: Personal::new(password.trim_end_matches(['\r', '\n']).to_owned()),
            tls: options.tls.as_ref().map(TlsMaterial::load).transpose()?,
        })
    }

    /// The limits of each service.
    pub(super) const fn limits(&self) -> guard::Limits {
        let options = &self.options;
        guard::Limits {
            concurrency_max: options.concurrency_max,
            rate_per_s_max: options.rate_per_s_max,
            breaker_failures: options.breaker_failures,
            breaker_rest: Duration::from_millis(options.breaker_rest_ms),
            request_timeout: self.request_timeout(),
        }
    }

    /// How long a request may take in all.
    pub(super) const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.options.request_timeout_ms)
    }

    /// The country as a reference begins with it: three letters.
    pub(super) fn country_code(&self) -> &str {
        if self.country == State::GERMANY { "DEU" } else { self.country.as_str() }
    }

    /// The client side of TLS: this private authority alone, and our certificate if there is one.
    pub(super) fn client_config(&self) -> Result<ClientConfig, SetupError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let versions = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| internal(&error))?;
        let Some(tls) = &self.tls else {
            return Ok(versions.with_root_certificates(RootCertStore::empty()).with_no_client_auth());
        };
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(tls.roots(self.environment)?), provider)
                .build()
                .map_err(|error| SetupError::new("find.tls.ca_file", error.to_string(), CA_REMEDY))?;
        let verifier = Arc::new(RefuseTraining::new(verifier, self.environment));
        let builder = versions.dangerous().with_custom_certificate_verifier(verifier);
        match &tls.identity {
            None => Ok(builder.with_no_client_auth()),
            Some((chain, key)) => {
                let chain = certificates("find.tls.cert_file", chain)?;
                refuse_training(&chain, self.environment).map_err(|_| training("find.tls.cert_file"))?;
                let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| {
                    SetupError::new(
                        "find.tls.key_file",
                        "no key in it",
                        "write one private key in PKCS#8 PEM",
                    )
                })?;
                builder.with_client_auth_cert(chain, key).map_err(|error| {
                    SetupError::new("find.tls.key_file", error.to_string(), "give the certificate's own key")
                })
            }
        }
    }
}

const CA_REMEDY: &str = "write the certificates of the private authority in PEM";

impl TlsMaterial {
    fn load(options: &file::ClientTls) -> Result<Self, SetupError> {
        let identity = match (&options.cert_file, &options.key_file) {
            (None, None) => None,
            (Some(cert), Some(key)) => {
                Some((read("find.tls.cert_file", cert)?, read("find.tls.key_file", key)?))
            }
            _ => {
                let what = "one of cert_file and key_file alone";
                return Err(SetupError::new("find.tls", what, "give both or neither"));
            }
        };
        Ok(Self { ca: read("find.tls.ca_file", &options.ca_file)?, identity })
    }

    fn roots(&self, environment: Environment) -> Result<RootCertStore, SetupError> {
        let authorities = certificates("find.tls.ca_file", &self.ca)?;
        refuse_training(&authorities, environment).map_err(|_| training("find.tls.ca_file"))?;
        let mut roots = RootCertStore::empty();
        for authority in authorities {
            roots
                .add(authority)
                .map_err(|error| SetupError::new("find.tls.ca_file", error.to_string(), CA_REMEDY))?;
        }
        Ok(roots)
    }
}

fn training(key: &'static str) -> SetupError {
    SetupError::new(
        key,
        "a certificate for training",
        "use the certificates of production, or the environment training",
    )
}

fn internal(error: &rustls::Error) -> SetupError {
    SetupError::new("find.tls", error.to_string(), "report this: the build lacks a protocol version")
}

fn certificates(key: &'static str, pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, SetupError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(pem).collect();
    match found {
        Ok(found) if !found.is_empty() => Ok(found),
        _ => Err(SetupError::new(key, "no certificate in it", "write certificates in PEM")),
    }
}

fn read(key: &'static str, path: &Path) -> Result<Vec<u8>, SetupError> {
    std::fs::read(path).map_err(|error| {
        let what = format!("{} can't be read: {error}", path.display());
        SetupError::new(key, what, "name a file that the service may read")
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(folder: &Path, password: &[u8], tls: &str) -> (file::Find, file::Instance) {
        std::fs::write(folder.join("password"), password).unwrap();
        std::fs::write(folder.join("ca.pem"), "no certificate").unwrap();
        let find = format!(
            "base_url = 'https://find.example'\nusername = 'acct'\npassword_file = '{0}/password'\n{tls}",
            folder.display()
        );
        let instance = "name = 'x'\nenvironment = 'production'\ncountry = 'D'";
        (toml::from_str(&find).unwrap(), toml::from_str(instance).unwrap())
    }

    // Proves that the password is read without its line end and not shown, and that each mistake names its key.
    #[test]
    fn loads_what_the_options_name() {
        let folder = tempfile::tempdir().unwrap();
        let ca = format!("tls = {{ ca_file = '{}/ca.pem' }}", folder.path().display());
        let (find, instance) = written(folder.path(), b"pass word\r\n", &ca);
        let settings = Settings::load(&find, &instance).unwrap();
        assert_eq!(settings.password.reveal(), "pass word");
        assert_eq!(settings.country_code(), "DEU");
        assert!(!format!("{settings:?}").contains("pass word"));
        assert_eq!(settings.client_config().unwrap_err().key, "find.tls.ca_file");

        let half =
            format!("tls = {{ ca_file = '{0}/ca.pem', cert_file = '{0}/ca.pem' }}", folder.path().display());
        let key_of = |password: &[u8], tls: &str| {
            let (find, instance) = written(folder.path(), password, tls);
            Settings::load(&find, &instance).unwrap_err().key
        };
        assert_eq!(key_of(b"x", &half), "find.tls");
        assert_eq!(key_of(b"\xff", ""), "find.password_file");
        assert_eq!(key_of(b"x", "tls = { ca_file = '/nowhere/ca.pem' }"), "find.tls.ca_file");
    }
}
