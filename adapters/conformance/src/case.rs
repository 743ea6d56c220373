//! The cases as they lie in the folder.

use std::fs;
use std::path::{Path, PathBuf};

use postern_sdk::LinkOptions;

/// One folder of `fixtures/cases`.
pub(crate) struct Case {
    /// The folder's name.
    pub(crate) name: String,
    /// The folder.
    pub(crate) folder: PathBuf,
    /// The frames, in the order of their files' names.
    pub(crate) frames: Vec<Vec<u8>>,
    /// The link's settings.
    pub(crate) options: LinkOptions,
    /// The names of all files.
    pub(crate) files: Vec<String>,
}

/// Reads all cases, sorted by name.
pub(crate) fn load_all(folder: &Path) -> Result<Vec<Case>, String> {
    let mut cases = entries(folder)?
        .into_iter()
        .filter(|path| path.is_dir())
        .map(|path| Case::load(&path))
        .collect::<Result<Vec<_>, _>>()?;
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    if cases.is_empty() { Err(format!("no case in {}", folder.display())) } else { Ok(cases) }
}

impl Case {
    fn load(folder: &Path) -> Result<Self, String> {
        let mut files: Vec<String> = entries(folder)?.iter().map(|path| name_of(path)).collect();
        files.sort_by_key(|name| (number_in(name), name.clone()));
        let inputs = files.iter().filter(|name| name.starts_with("input."));
        let frames = inputs.map(|name| read(&folder.join(name))).collect::<Result<Vec<_>, _>>()?;
        if frames.is_empty() {
            return Err(format!("no input file in {}", folder.display()));
        }
        let mut case = Self {
            name: name_of(folder),
            folder: folder.to_owned(),
            frames,
            options: LinkOptions::default(),
            files,
        };
        case.options = case.json("options.json")?.unwrap_or_default();
        Ok(case)
    }

    /// The value in a JSON file of the case, if there is the file.
    pub(crate) fn json<T: serde::de::DeserializeOwned>(&self, file: &str) -> Result<Option<T>, String> {
        if !self.files.iter().any(|name| name == file) {
            return Ok(None);
        }
        let bytes = read(&self.folder.join(file))?;
        serde_json::from_slice(&bytes).map(Some).map_err(|e| format!("{}/{file}: {e}", self.name))
    }

    /// The files of this stem: `reply.txt` and `reply.1.txt` of `reply`, but not `reply.hit.txt`.
    pub(crate) fn files_of<'a>(&'a self, stem: &'a str) -> impl Iterator<Item = &'a str> {
        self.files.iter().map(String::as_str).filter(move |name| is_of(name, stem))
    }
}

fn is_of(name: &str, stem: &str) -> bool {
    let rest = name.strip_prefix(stem).and_then(|rest| rest.strip_prefix('.'));
    rest.is_some_and(|rest| match rest.split_once('.') {
        None => true,
        Some((number, ext)) => number.parse::<u32>().is_ok() && !ext.contains('.'),
    })
}

/// The number in `input.12.txt`, so that part 12 comes after part 2.
fn number_in(name: &str) -> u32 {
    name.split('.').nth(1).and_then(|number| number.parse().ok()).unwrap_or(0)
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let failed = |e: std::io::Error| format!("{}: {e}", folder.display());
    fs::read_dir(folder).map_err(failed)?.map(|entry| entry.map(|e| e.path()).map_err(failed)).collect()
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    fs::read(path).map_err(|e| format!("{}: {e}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves which files belong to a stem, and that parts are ordered by number.
    #[test]
    fn stems_and_numbers() {
        assert!(is_of("reply.txt", "reply") && is_of("reply.2.txt", "reply"));
        assert!(is_of("reply.hit.txt", "reply.hit") && !is_of("reply.hit.txt", "reply"));
        assert!(!is_of("update_reply.txt", "reply") && !is_of("reply", "reply"));
        assert!(number_in("input.12.txt") > number_in("input.2.txt"));
    }
}
