//! Where the site's private key comes from, as it is written: a part of [`super::file`].

use std::path::PathBuf;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::file::ClientTls;

/// Where the site's private key comes from.
#[derive(Clone, Debug, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MindKey {
    /// The source.
    pub source: KeySource,
    /// The name of the credential, for `credential`.
    #[serde(default = "default_credential")]
    pub credential: String,
    /// The key file, for `file`: of its owner alone, and not on the disk of the copy or the journal.
    #[serde(default)]
    pub file: Option<PathBuf>,
    /// Whether the key may be on the disk of the copy or the journal. Who steals that disk then reads the copy: for
    /// training and tests.
    #[serde(default)]
    pub allow_key_on_disk: bool,
    /// The socket at which `postern mind unlock` hands the key over, for `operator`. Nobody else may write in its folder.
    #[serde(default = "default_socket")]
    pub socket: PathBuf,
    /// Where the key server gives this site's key, for `server`: `https://host:port/path`.
    #[serde(default)]
    pub url: Option<String>,
    /// The key server's authority and our certificate, for `server`.
    #[serde(default)]
    pub tls: Option<ClientTls>,
    /// How long a request to the key server may take in all, in milliseconds.
    #[serde(default = "default_key_request_timeout_ms")]
    pub request_timeout_ms: u64,
    /// How long at most is waited between two tries of a key server that gives nothing, in seconds; the first wait is one
    /// second, and each is twice as long as the one before.
    #[serde(default = "default_retry_s_max")]
    pub retry_s_max: u64,
}

/// A source of the site's private key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeySource {
    /// A credential that systemd gives to the service (`LoadCredentialEncrypted=`), sealed by the TPM.
    Credential,
    /// A file on another disk, such as a stick that is taken away.
    File,
    /// An operator gives it at each start by `postern mind unlock`; until then the copy is locked.
    Operator,
    /// A key server gives it over mutual TLS; until then the copy is locked.
    Server,
}

fn default_credential() -> String {
    "postern-site-key".to_owned()
}
fn default_socket() -> PathBuf {
    PathBuf::from("/run/postern/unlock")
}
const fn default_key_request_timeout_ms() -> u64 {
    5_000
}
const fn default_retry_s_max() -> u64 {
    60
}
