//! What can be in a bundle, and under which name. Nothing else is written anywhere, whatever a bundle says.

use std::path::{Path, PathBuf};

use crate::mind::dataset::Dataset;
use crate::mind::folder::{version_folder, version_name};
use crate::mind::keyring::{GenerationName, KeyFile};
use crate::mind::state_manifest::state_file;
use crate::mind::trust::root_path;
use crate::mind::withdrawn::Withdrawn;

/// A file of a copy's folder that can be carried.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Item {
    Root(u64),
    RootSignatures(u64),
    Key(GenerationName),
    State(Dataset, u64, &'static str),
    Withdrawn(GenerationName),
}

impl Item {
    /// Where it is in a copy's folder.
    pub(super) fn path(&self, folder: &Path) -> PathBuf {
        match self {
            Self::Root(version) => root_path(&folder.join("trust"), *version),
            Self::RootSignatures(version) => root_path(&folder.join("trust"), *version).with_extension("sig"),
            Self::Key(name) => KeyFile::path(folder, name),
            Self::State(dataset, version, file) => {
                version_folder(folder, dataset.name(), *version).join(file)
            }
            Self::Withdrawn(name) => Withdrawn::path(folder, name.dataset(), name.generation()),
        }
    }

    /// Its name in the bundle: the path in the copy's folder.
    pub(super) fn name(&self) -> String {
        self.path(Path::new("")).to_string_lossy().into_owned()
    }

    /// What a name stands for.
    pub(super) fn of(name: &str) -> Option<Self> {
        let parts: Vec<&str> = name.split('/').collect();
        let generation = |file: &str| {
            let (dataset, generation) = file.strip_suffix(".json")?.split_once('.')?;
            GenerationName::new(dataset, generation).ok()
        };
        let root = |file: &str, ending: &str| file.strip_prefix("root.")?.strip_suffix(ending)?.parse().ok();
        let item = match parts[..] {
            ["trust", file] => {
                root(file, ".json").map(Self::Root).or_else(|| root(file, ".sig").map(Self::RootSignatures))
            }
            ["keys", file] => generation(file).map(Self::Key),
            ["withdrawn", file] => generation(file).map(Self::Withdrawn),
            [dataset, version, file] => {
                let dataset = Dataset::from_name(dataset)?;
                let number = version.parse().ok().filter(|number| version_name(*number) == version)?;
                Some(Self::State(dataset, number, state_file(dataset, file)?))
            }
            _ => None,
        };
        item.filter(|item| item.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Proves that each kind of item has one name, and that no other name stands for anything, least of all a path that
    // leads out of the folder.
    #[test]
    fn names() {
        let generation = GenerationName::new("documents", "00112233445566ff").unwrap();
        let items = [
            Item::Root(2),
            Item::RootSignatures(2),
            Item::Key(generation.clone()),
            Item::State(Dataset::Vehicles, 7, "delta.bin"),
            Item::State(Dataset::Notices, 7, "persons.bin"),
            Item::Withdrawn(generation),
        ];
        for item in items {
            assert_eq!(Item::of(&item.name()), Some(item));
        }
        let wrong = [
            "",
            "/etc/passwd",
            "trust/../root.000002.json",
            "../trust/root.000002.json",
            "trust/root.2.json",
            "trust/highest.json",
            "keys/documents.00112233445566FF.json",
            "keys/../x.00112233445566ff.json",
            "sites/airport.json",
            "documents/7/delta.bin",
            "documents/000000000007/x",
            "documents/000000000007/persons.bin",
            "notices/000000000007/delta.bin",
            "notices/000000000007/table.bin",
            "documents/000000000007/../delta.bin",
            "other/000000000007/delta.bin",
            "documents//delta.bin",
        ];
        for name in wrong {
            assert_eq!(Item::of(name), None, "{name}");
        }
    }
}
