//! The client side of TLS whose files are looked at while it is in use: certificate, key, authority and lists of revoked
//! certificates are replaced without a restart, all at once or not at all.

use std::sync::{Arc, Mutex, PoisonError};

use arc_swap::ArcSwap;
use jiff::Timestamp;
use postern_sdk::Environment;
use rustls::ClientConfig;

use super::error::TlsError;
use super::expiry::{Expiry, contents, of_client};
use crate::config::file::ClientTls;

/// What a look at the files found.
#[derive(Debug)]
pub enum Looked {
    /// What is in use, or what was refused before.
    Nothing,
    /// New files, now in use.
    Replaced,
    /// New files that can't be used; the ones before stay in use. Told once.
    Refused(TlsError),
}

/// The client side of TLS, as its files say.
pub struct WatchedClient {
    files: ClientTls,
    environment: Environment,
    current: ArcSwap<Current>,
    seen: Mutex<Seen>,
}

struct Current {
    config: Arc<ClientConfig>,
    expiries: Vec<Expiry>,
}

/// What the files held, by its digest.
struct Seen {
    in_use: Vec<u8>,
    /// What can't be used, and whether that was told.
    refused: Option<(Vec<u8>, bool)>,
}

impl WatchedClient {
    /// Reads the files. Lists that have expired are no error here: they refuse every server until others come.
    ///
    /// # Errors
    /// As [`super::client_config`].
    pub fn new(files: ClientTls, environment: Environment) -> Result<Self, TlsError> {
        let in_use = contents(&files);
        let current = Current::read(&files, environment)?;
        Ok(Self {
            files,
            environment,
            current: ArcSwap::from_pointee(current),
            seen: Mutex::new(Seen { in_use, refused: None }),
        })
    }

    /// The settings in use.
    pub fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.load().config)
    }

    /// When what is in use ends.
    pub fn expiries(&self) -> Vec<Expiry> {
        self.current.load().expiries.clone()
    }

    /// Whether the files hold something that can't be used.
    pub fn is_refusing(&self) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).refused.is_some()
    }

    /// Looks at the files, and takes new ones into use. What can't be used must be found twice before it is told: of a
    /// certificate and its key one is always replaced first.
    pub fn look(&self, now: Timestamp) -> Looked {
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let found = contents(&self.files);
        if found == seen.in_use {
            seen.refused = None;
            return Looked::Nothing;
        }
        let told = match &seen.refused {
            Some((refused, told)) if *refused == found => Some(*told),
            _ => None,
        };
        if told == Some(true) {
            return Looked::Nothing;
        }
        match Current::read(&self.files, self.environment).and_then(|current| current.check(now)) {
            Ok(current) => {
                self.current.store(Arc::new(current));
                *seen = Seen { in_use: found, refused: None };
                Looked::Replaced
            }
            Err(error) => {
                seen.refused = Some((found, told.is_some()));
                if told.is_some() { Looked::Refused(error) } else { Looked::Nothing }
            }
        }
    }
}

impl std::fmt::Debug for WatchedClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WatchedClient").field("files", &self.files).finish_non_exhaustive()
    }
}

impl Current {
    fn read(files: &ClientTls, environment: Environment) -> Result<Self, TlsError> {
        let config = super::client_config(files, environment)?;
        Ok(Self { config: Arc::new(config), expiries: of_client(files, environment)? })
    }

    /// Nothing that has ended takes the place of something.
    fn check(self, now: Timestamp) -> Result<Self, TlsError> {
        self.expiries.iter().try_for_each(|expiry| expiry.check(now))?;
        Ok(self)
    }
}
