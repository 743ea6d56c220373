//! Which disk a file is on: a key beside what it opens protects nothing from a thief of the disk.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// Where the kernel tells of block devices by their numbers.
const BLOCK_DEVICES: &str = "/sys/dev/block";

/// How many layers of mapped devices (encryption, volumes, arrays) are looked through.
const LAYERS_MAX: usize = 16;

/// The first of the folders that shares a disk with the file. What does not exist yet is judged by where it would be.
///
/// Two partitions or volumes of one disk count as one. Where the kernel does not tell the disk (memory, network,
/// subvolumes), the file system itself counts.
pub fn beside<'a>(file: &Path, mut folders: impl Iterator<Item = &'a Path>) -> Option<&'a Path> {
    let of_file = disks(file);
    folders.find(|folder| !of_file.is_disjoint(&disks(folder)))
}

fn disks(path: &Path) -> BTreeSet<String> {
    let device = device(path);
    let node = format!("{BLOCK_DEVICES}/{}:{}", rustix::fs::major(device), rustix::fs::minor(device));
    let mut found = BTreeSet::from([format!("file system {device}")]);
    below(Path::new(&node), LAYERS_MAX, &mut found);
    found
}

/// The number of the file system of a path, or of the nearest folder above that is there. Links are followed.
fn device(path: &Path) -> u64 {
    let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    absolute.ancestors().find_map(|place| fs::metadata(place).ok()).map_or(0, |found| found.dev())
}

/// The disks that a block device is a part of or mapped onto.
fn below(node: &Path, layers: usize, found: &mut BTreeSet<String>) {
    let Ok(node) = fs::canonicalize(node) else { return };
    let whole = if node.join("partition").exists() { node.parent().unwrap_or(&node) } else { &node };
    let mapped: Vec<_> = fs::read_dir(whole.join("slaves")).into_iter().flatten().flatten().collect();
    if mapped.is_empty() || layers == 0 {
        found.extend(whole.file_name().map(|name| format!("disk {}", name.display())));
    }
    for onto in mapped.iter().take_while(|_| layers > 0) {
        below(&onto.path(), layers - 1, found);
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    fn below_of(node: &Path) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        below(node, LAYERS_MAX, &mut found);
        found
    }

    // Proves that a folder of the same file system is found, also where neither exists yet or a link leads there, and
    // that memory is another disk.
    #[test]
    fn file_systems() {
        let (disk, memory) =
            (tempfile::tempdir_in("/var/tmp").unwrap(), tempfile::tempdir_in("/dev/shm").unwrap());
        let copy = disk.path().join("copy/not/there/yet");
        let beside_copy = |file: &Path| beside(file, [copy.as_path()].into_iter()).is_some();
        assert!(beside_copy(&disk.path().join("key")));
        assert!(!beside_copy(&memory.path().join("key")));
        let link = memory.path().join("link");
        fs::write(disk.path().join("real"), "").unwrap();
        symlink(disk.path().join("real"), &link).unwrap();
        assert!(beside_copy(&link));
    }

    // Proves by a drawing of the kernel's tree that partitions and mapped devices are led back to their disks.
    #[test]
    fn partitions_and_layers() {
        let sys = tempfile::tempdir().unwrap();
        let at = |path: &str| sys.path().join(path);
        for folder in ["sda/sda1", "sda/sda2", "sdb/slaves", "dm-0/slaves", "dm-1/slaves"] {
            fs::create_dir_all(at(folder)).unwrap();
        }
        fs::write(at("sda/sda1/partition"), "1").unwrap();
        fs::write(at("sda/sda2/partition"), "2").unwrap();
        symlink(at("sda/sda2"), at("dm-0/slaves/sda2")).unwrap();
        symlink(at("dm-0"), at("dm-1/slaves/dm-0")).unwrap();
        symlink(at("sdb"), at("dm-1/slaves/sdb")).unwrap();
        assert_eq!(below_of(&at("sda/sda1")), ["disk sda".to_owned()].into());
        assert_eq!(below_of(&at("dm-0")), ["disk sda".to_owned()].into());
        assert_eq!(below_of(&at("dm-1")), ["disk sda".to_owned(), "disk sdb".to_owned()].into());
        assert_eq!(below_of(&at("none")), BTreeSet::new());
    }
}
