//! Files of secrets: whether anyone but their owner could read them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use super::Checker;

/// The bits that give anything to the group or to others.
const FOREIGN: u32 = 0o077;

impl<'a> Checker<'a> {
    /// Looks at the mode of each secret's file that is there (a file of tokens holds none, only their hashes); `check --live` tells of one that isn't.
    pub(super) fn secrets(&mut self, folder: &Path) {
        for (key, path) in self.secret_files() {
            let Ok(meta) = fs::metadata(folder.join(path)) else { continue };
            let mode = meta.permissions().mode() & 0o7777;
            if mode & FOREIGN != 0 {
                let cause = format!("{} has the mode {mode:04o}: others can read it", path.display());
                self.error(&key, cause, format!("chmod 0600 {}", path.display()));
            }
        }
    }

    fn secret_files(&self) -> Vec<(String, &'a Path)> {
        let file = self.file;
        let mut files = Vec::new();
        let mut add = |key: String, path: Option<&'a PathBuf>| {
            files.extend(path.map(|path| (key, path.as_path())));
        };
        if let Some(find) = &file.find {
            add("find.password_file".to_owned(), find.password_file.as_ref());
            let relay = find.relay.as_ref().and_then(|relay| relay.tls.key_file.as_ref());
            add("find.relay.tls.key_file".to_owned(), relay);
            add("find.tls.key_file".to_owned(), find.tls.as_ref().and_then(|tls| tls.key_file.as_ref()));
        }
        add("relay.tls.key_file".to_owned(), file.relay.as_ref().map(|relay| &relay.tls.key_file));
        if let Some(key) = file.mind.as_ref().and_then(|mind| mind.key.as_ref()) {
            add("mind.key.file".to_owned(), key.file.as_ref());
            add("mind.key.tls.key_file".to_owned(), key.tls.as_ref().and_then(|tls| tls.key_file.as_ref()));
        }
        if let Some(mind) = &file.mind {
            add("mind.hub.tls.key_file".to_owned(), mind.hub.as_ref().map(|hub| &hub.tls.key_file));
            let source = mind.source.as_ref().and_then(|source| source.tls.key_file.as_ref());
            add("mind.source.tls.key_file".to_owned(), source);
        }
        for (name, lane) in &file.lane {
            add(format!("lane.{name}.tls.key_file"), lane.tls.as_ref().map(|tls| &tls.key_file));
        }
        let console = file.console.as_ref().and_then(|console| console.tls.as_ref());
        add("console.tls.key_file".to_owned(), console.map(|tls| &tls.key_file));
        files
    }
}
