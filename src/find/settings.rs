//! What a FIND connection needs, loaded from the config's files and checked.

use std::fmt;
use std::path::Path;
use std::time::Duration;

use postern_sdk::{Environment, Personal, State};

use crate::config::file;
use crate::tls::{TlsError, TlsErrorKind, WatchedClient};

use super::breaker::Triggers;
use super::guard;
use super::link::LinkLimits;
use super::rate::Rate;
use super::request::Account;

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
}

impl Settings {
    /// Loads what the options name.
    ///
    /// # Errors
    /// The key of the option whose file can't be read or used.
    pub fn load(options: &file::Find, instance: &file::Instance) -> Result<Self, SetupError> {
        // A hub has the account; an edge has none.
        let password = options.password_file.as_deref().map(|file| read("find.password_file", file));
        let password = String::from_utf8(password.transpose()?.unwrap_or_default()).map_err(|_| {
            SetupError::new("find.password_file", "not UTF-8", "write the password alone in one line")
        })?;
        Ok(Self {
            options: options.clone(),
            country: instance.country,
            environment: instance.environment,
            password: Personal::new(password.trim_end_matches(['\r', '\n']).to_owned()),
        })
    }

    /// The service account.
    pub(super) fn account(&self) -> Account {
        Account {
            username: self.options.username.clone().unwrap_or_default(),
            password: self.password.clone(),
        }
    }

    /// The limits of each service.
    pub(super) const fn limits(&self) -> guard::Limits {
        let options = &self.options;
        guard::Limits {
            concurrency_max: options.concurrency_max,
            file_concurrency_max: options.file_concurrency_max,
            request_timeout: self.request_timeout(),
            file_timeout: Duration::from_millis(options.file_timeout_ms),
            retry_percent: options.retry_percent,
            triggers: Triggers {
                failures_max: options.breaker_failures,
                window: Duration::from_millis(options.breaker_window_ms),
                requests_min: options.breaker_requests_min,
                failure_percent: options.breaker_failure_percent,
                rest: Duration::from_millis(options.breaker_rest_ms),
            },
        }
    }

    /// This instance's share of the account's rate.
    pub(super) fn rate(&self) -> Rate {
        Rate::new(self.options.rate_per_s_max, self.options.rate_share_percent)
    }

    /// How connections are made and kept.
    pub(super) const fn link_limits(&self) -> LinkLimits {
        LinkLimits {
            connect_timeout: Duration::from_millis(self.options.connect_timeout_ms),
            age_max: Duration::from_secs(self.options.connection_age_s_max),
            idle_max: self.options.concurrency_max,
        }
    }

    /// How long the trial of a service after its rest may take.
    pub(super) const fn probe_timeout(&self) -> Duration {
        Duration::from_millis(self.options.probe_timeout_ms)
    }

    /// How long a request may take in all.
    pub(super) const fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.options.request_timeout_ms)
    }

    /// The country as a reference begins with it: three letters.
    pub(super) fn country_code(&self) -> &str {
        if self.country == State::GERMANY { "DEU" } else { self.country.as_str() }
    }

    /// The client side of TLS: the private authority of the options alone, and our certificate if there is one.
    pub(super) fn tls(&self) -> Result<Option<WatchedClient>, SetupError> {
        let Some(tls) = &self.options.tls else { return Ok(None) };
        WatchedClient::new(tls.clone(), self.environment).map(Some).map_err(|error| unusable(tls, &error))
    }
}

/// The error of a TLS file, under the key that names the file.
fn unusable(tls: &file::ClientTls, error: &TlsError) -> SetupError {
    let is = |file: &Option<std::path::PathBuf>| file.as_deref() == Some(error.file());
    let key = match error.kind() {
        TlsErrorKind::Half => "find.tls",
        _ if is(&tls.key_file) => "find.tls.key_file",
        _ if is(&tls.cert_file) => "find.tls.cert_file",
        _ if tls.crl_files.iter().any(|file| file == error.file()) => "find.tls.crl_files",
        _ => "find.tls.ca_file",
    };
    SetupError::new(key, error.to_string(), "postern check --live looks at it again")
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
        assert_eq!(settings.tls().unwrap_err().key, "find.tls.ca_file");

        let half =
            format!("tls = {{ ca_file = '{0}/ca.pem', cert_file = '{0}/ca.pem' }}", folder.path().display());
        let key_of = |password: &[u8], tls: &str| {
            let (find, instance) = written(folder.path(), password, tls);
            Settings::load(&find, &instance).and_then(|settings| settings.tls()).unwrap_err().key
        };
        assert_eq!(key_of(b"x", &half), "find.tls");
        assert_eq!(key_of(b"\xff", ""), "find.password_file");
        assert_eq!(key_of(b"x", "tls = { ca_file = '/nowhere/ca.pem' }"), "find.tls.ca_file");
    }
}
