//! Where the site's key comes from: whether the source has what it needs, and whether the key would be stolen with the
//! disk.

use std::path::{Path, PathBuf};

use super::Checker;
use crate::config::disk;
use crate::config::file::{ClientTls, KeySource, Mind, MindKey};

/// Length of a socket's path in bytes, as the kernel takes it.
const SOCKET_BYTES_MAX: usize = 107;

/// Which option is read for which source. What is not read would mislead whoever reads it.
const OPTIONS: [(&str, &[KeySource]); 8] = [
    ("credential", &[KeySource::Credential]),
    ("file", &[KeySource::File]),
    ("allow_key_on_disk", &[KeySource::Credential, KeySource::File]),
    ("socket", &[KeySource::Operator]),
    ("url", &[KeySource::Server]),
    ("tls", &[KeySource::Server]),
    ("request_timeout_ms", &[KeySource::Server]),
    ("retry_s_max", &[KeySource::Server]),
];

impl Checker<'_> {
    pub(super) fn mind_key(&mut self, folder: &Path) {
        let Some(mind) = &self.file.mind else { return };
        let Some(key) = &mind.key else {
            let remedy = "add [mind.key] with source = \"credential\" (systemd, sealed by the TPM), \"operator\", \
                          \"server\" or \"file\"; docs/keys.md describes each";
            return self.error("mind.key", "nothing says where the site's key comes from", remedy);
        };
        self.unread_options(key.source);
        match key.source {
            KeySource::Credential => self.credential(&key.credential),
            KeySource::File => self.key_file(mind, key, folder),
            KeySource::Operator => self.socket(&folder.join(&key.socket)),
            KeySource::Server => self.key_server(key),
        }
    }

    fn unread_options(&mut self, source: KeySource) {
        for (option, sources) in OPTIONS {
            let key = format!("mind.key.{option}");
            if self.places.has(&key) && !sources.contains(&source) {
                self.error(
                    &key,
                    "the source does not read this option",
                    "remove it, or choose another source",
                );
            }
        }
    }

    fn credential(&mut self, name: &str) {
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
        if name.is_empty() || name.starts_with('.') || !name.bytes().all(fits) {
            let cause = format!("{name:?} can't be the name of a credential");
            self.error("mind.key.credential", cause, "write a file name: letters, digits, '.', '_' and '-'");
        }
    }

    fn key_file(&mut self, mind: &Mind, key: &MindKey, folder: &Path) {
        let Some(file) = &key.file else {
            return self.error("mind.key.file", "the source needs a file", "write its path");
        };
        let folders = [folder.join(&mind.folder), folder.join(&self.file.journal.folder)];
        let beside = disk::beside(&folder.join(file), folders.iter().map(PathBuf::as_path));
        match beside {
            Some(beside) if key.allow_key_on_disk => {
                let cause = format!("the key is on the disk of {}: it opens a stolen disk", beside.display());
                self.warn("mind.key.allow_key_on_disk", cause, "choose another source where that matters");
            }
            Some(beside) => {
                let cause = format!("the key is on the disk of {}: it opens a stolen disk", beside.display());
                let remedy =
                    "choose another disk or source; allow_key_on_disk = true where a stolen disk may be read";
                self.error("mind.key.file", cause, remedy);
            }
            None => {}
        }
    }

    fn socket(&mut self, socket: &Path) {
        if socket.as_os_str().len() > SOCKET_BYTES_MAX {
            let remedy = format!("write one of at most {SOCKET_BYTES_MAX} bytes");
            self.error("mind.key.socket", "the path is too long for a socket", remedy);
        }
    }

    fn key_server(&mut self, key: &MindKey) {
        let times = [("request_timeout_ms", key.request_timeout_ms), ("retry_s_max", key.retry_s_max)];
        self.not_zero("mind.key", &times);
        let url = key.url.as_deref().and_then(|url| url.parse::<hyper::Uri>().ok());
        let named = url.as_ref().and_then(|url| url.authority());
        let plain = named.is_some_and(|named| !named.as_str().contains('@') && !named.host().is_empty());
        let secured =
            url.as_ref().is_some_and(|url| url.scheme_str() == Some("https") && url.query().is_none());
        if !plain || !secured {
            let cause = "the source needs the https URL of the key, without credentials or query";
            self.error("mind.key.url", cause, "write https://host:port/path");
        }
        if !matches!(&key.tls, Some(ClientTls { cert_file: Some(_), key_file: Some(_), .. })) {
            let cause = "the key server must know who asks, and we must know the server";
            self.error("mind.key.tls", cause, "add [mind.key.tls] with ca_file, cert_file and key_file");
        }
    }
}
