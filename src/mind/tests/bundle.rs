//! Bundles: what is carried arrives whole or not at all.

use std::fs;
use std::path::{Path, PathBuf};

use super::super::bundle::{ExportError, ExportOptions, ImportOptions, Imported, export, import};
use super::super::hub::{Sites, current_generations};
use super::super::keyring::{GenerationName, KeyFile, SiteKey, Vault};
use super::super::trust;
use super::*;
use crate::clock::Clock;

const CHANGE: &str = "upsert,sltd,L898902C4,UTO,PAS,,,,,,id-9";

/// A hub's copy with one enrolled site, and that site's folder.
struct Carried {
    site: Site,
    own: Vault,
    vault: Arc<Vault>,
    edge: tempfile::TempDir,
}

impl Carried {
    fn new() -> Self {
        let site = Site::new();
        site.build(1, &csv(&[ROW, TDAWN])).unwrap();
        let [own, key] = [(); 2].map(|()| SiteKey::generate().unwrap());
        let mut file = KeyFile::new(&GenerationName::new("documents", site.generation.name()).unwrap());
        file.add(site.generation.key(), own.public()).unwrap();
        file.write(&site.folder).unwrap();
        let text = site.root.text();
        fs::write(site.temporary.path().join("root.json"), &text).unwrap();
        let signed = trust::sign(&text, b"", &site.key).unwrap();
        fs::write(site.temporary.path().join("root.sig"), signed).unwrap();
        let public = key.public().clone();
        let edge = tempfile::tempdir().unwrap();
        let carried = Self { site, own: Vault::holding(own), vault: Arc::new(Vault::holding(key)), edge };
        carried.sites().request("ship", &public, NOW).unwrap();
        carried.approve("ship", &public.id());
        carried
    }

    fn sites(&self) -> Sites {
        Sites::of(&self.site.folder)
    }

    fn approve(&self, site: &str, id: &str) {
        let generations = current_generations(&self.site.folder, &self.site.root, &self.own).unwrap();
        self.sites().approve(site, id, &generations, NOW).unwrap();
    }

    fn out(&self) -> PathBuf {
        self.site.temporary.path().join("bundle")
    }

    fn export(&self, from: Option<u64>, site: Option<&str>) -> Result<PathBuf, ExportError> {
        let from = from.map(|from| (Dataset::Documents, from)).into_iter().collect();
        let options = ExportOptions { folder: &self.site.folder, datasets: &Dataset::ALL, from: &from, site };
        export(&options, &self.out(), |_, _| {}).map(|_| self.out())
    }

    fn folder(&self) -> PathBuf {
        self.edge.path().join("copy")
    }

    fn import(&self, bundle: &Path) -> Result<Imported, Refusal> {
        self.import_as(&self.vault, bundle)
    }

    fn import_as(&self, vault: &Vault, bundle: &Path) -> Result<Imported, Refusal> {
        let root_file = self.site.temporary.path().join("root.json");
        let folder = self.folder();
        let options =
            ImportOptions { folder: &folder, root_file: &root_file, vault, country: None, now: NOW };
        import(&options, bundle, |_, _| {})
    }

    fn version(&self) -> Option<u64> {
        let options = MindOptions {
            folder: self.folder(),
            root_file: self.site.temporary.path().join("root.json"),
            environment: Environment::Training,
            purge: std::time::Duration::from_secs(720 * 3600),
            vault: Arc::clone(&self.vault),
            country: None,
            fold: FoldSettings::default(),
        };
        let (mind, _) = Mind::open(options, Clock::from_fn(|| NOW));
        mind.serving(Dataset::Documents).map(|copy| copy.manifest().version)
    }

    /// All that is in the site's folder, by path, with its content.
    fn content(&self) -> BTreeMap<PathBuf, Vec<u8>> {
        let (mut content, mut folders) = (BTreeMap::new(), vec![self.folder()]);
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    folders.push(path);
                } else if !path.file_name().unwrap().to_string_lossy().starts_with('.') {
                    content.insert(path.clone(), fs::read(path).unwrap());
                }
            }
        }
        content
    }
}

// Proves that a bundle brings the whole state, and later the change alone; that it holds the key of its site and of no
// other; and that taking it in twice changes nothing.
#[test]
fn whole_then_changes_and_twice() {
    let carried = Carried::new();
    let bundle = carried.export(None, Some("ship")).unwrap();
    let text = String::from_utf8_lossy(&fs::read(&bundle).unwrap()).into_owned();
    let [its, hubs] = [&*carried.vault, &carried.own].map(|vault| vault.site_key().unwrap().public().id());
    assert!(text.contains(&its) && !text.contains(&hubs));
    assert_eq!(carried.import(&bundle).unwrap().states, [(Dataset::Documents, Installed::New(1))]);
    assert_eq!(carried.version(), Some(1));
    carried.site.change(2, &changes_csv(&[CHANGE.to_owned()])).unwrap();
    let bundle = carried.export(Some(1), Some("ship")).unwrap();
    assert_eq!(carried.import(&bundle).unwrap().states, [(Dataset::Documents, Installed::New(2))]);
    assert_eq!(carried.version(), Some(2));
    let before = carried.content();
    assert_eq!(carried.import(&bundle).unwrap().states, [(Dataset::Documents, Installed::Known(2))]);
    assert!(carried.content() == before);
}

// Proves that a bundle which was cut anywhere, or in which any byte was changed, is refused, and that nothing of the site's
// folder is changed then. At full length every byte is tried, else a sample.
#[test]
fn cut_and_changed_bundles_are_refused() {
    let carried = Carried::new();
    let whole = fs::read(carried.export(None, Some("ship")).unwrap()).unwrap();
    let step = if std::env::var_os("POSTERN_LONG").is_some() { 1 } else { 211 };
    let bad = carried.site.temporary.path().join("bad");
    let before = carried.content();
    for at in (0..whole.len()).step_by(step).chain([whole.len() - 1, 700, 701, 702]) {
        fs::write(&bad, &whole[..at]).unwrap();
        let code = carried.import(&bad).unwrap_err().code();
        assert_eq!(code, "truncated", "cut at {at}");
        let mut changed = whole.clone();
        changed[at] ^= 1 << (at % 8);
        fs::write(&bad, changed).unwrap();
        let refused = carried.import(&bad);
        assert!(refused.is_err(), "changed at {at}: {refused:?}");
        assert!(carried.content() == before, "at {at}");
    }
    fs::write(&bad, [&whole[..], b"x"].concat()).unwrap();
    assert_eq!(carried.import(&bad).unwrap_err().code(), "endless_data");
    assert_eq!(carried.import(&carried.out()).unwrap().states.len(), 1);
}

// Proves that changes without what they start from, an older state, and a bundle for another site are refused by name, and
// that the second state of a bundle that is bad keeps the first one out too.
#[test]
fn what_does_not_fit_is_refused() {
    let carried = Carried::new();
    let first = carried.site.temporary.path().join("first");
    fs::copy(carried.export(None, Some("ship")).unwrap(), &first).unwrap();
    carried.site.change(2, &changes_csv(&[CHANGE.to_owned()])).unwrap();
    carried.site.strip(2);
    assert_eq!(carried.import(&carried.export(Some(1), Some("ship")).unwrap()).unwrap_err().code(), "gap");
    let stranger = Vault::holding(SiteKey::generate().unwrap());
    let both = carried.export(None, Some("ship")).unwrap();
    assert_eq!(carried.import_as(&stranger, &both).unwrap_err().code(), "revoked");
    assert!(carried.content().is_empty());

    let delta = carried.site.path(2).join("delta.bin");
    let good = fs::read(&delta).unwrap();
    let mut bad = good.clone();
    bad[40] ^= 1;
    fs::write(&delta, bad).unwrap();
    assert_eq!(carried.import(&carried.export(None, Some("ship")).unwrap()).unwrap_err().code(), "bit_flip");
    assert!(carried.content().is_empty());
    fs::write(&delta, good).unwrap();

    let imported = carried.import(&carried.export(None, Some("ship")).unwrap()).unwrap();
    assert_eq!(
        imported.states,
        [(Dataset::Documents, Installed::New(1)), (Dataset::Documents, Installed::New(2))]
    );
    assert_eq!(carried.version(), Some(2));
    assert_eq!(carried.import(&first).unwrap_err().code(), "rollback");
}

// Proves that nothing is exported for a site that is revoked or unknown, and that a bundle without a site brings the keys
// of those that are enrolled.
#[test]
fn nothing_for_the_revoked() {
    let carried = Carried::new();
    assert!(matches!(carried.export(None, Some("other")), Err(ExportError::NotEnrolled(..))));
    carried.import(&carried.export(None, None).unwrap()).unwrap();
    assert_eq!(carried.version(), Some(1));
    carried.sites().revoke("ship", NOW).unwrap();
    assert!(matches!(carried.export(None, Some("ship")), Err(ExportError::NotEnrolled(..))));
    let bundle = carried.export(None, None).unwrap();
    fs::remove_dir_all(carried.folder()).unwrap();
    assert_eq!(carried.import(&bundle).unwrap_err().code(), "revoked");
}
