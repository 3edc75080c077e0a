//! Folders that tests write in.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// Every path below a folder, with its mode, and its contents or link target.
pub(crate) type Tree = BTreeMap<PathBuf, (u32, Vec<u8>)>;

/// A folder of one test's own, empty at the start and removed at the end unless the test fails.
#[derive(Debug)]
pub(crate) struct Scratch {
    path: PathBuf,
}

impl Scratch {
    /// Makes the folder; `name` is unique among tests.
    pub(crate) fn new(name: &str) -> Self {
        let scratch =
            Self { path: Path::new(env!("CARGO_TARGET_TMPDIR")).join("scratch").join(name) };
        scratch.clear();
        scratch
    }

    /// Returns the folder.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Writes a file below the folder and returns its path.
    pub(crate) fn write(&self, name: &str, contents: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path.join(name);
        fs::create_dir_all(path.parent().expect("a joined path has a parent")).expect("folder");
        fs::write(&path, contents).expect("file");
        path
    }

    /// Removes everything below the folder.
    pub(crate) fn clear(&self) {
        drop(fs::remove_dir_all(&self.path));
        fs::create_dir_all(&self.path).expect("a scratch folder can be made");
    }

    /// Gives everything below the folder one date, so that listings and archives come out the same.
    pub(crate) fn settle(&self) {
        for path in self.tree().into_keys().chain([self.path.clone()]) {
            if !path.is_symlink() {
                let file = File::open(&path).expect("our own file");
                file.set_modified(UNIX_EPOCH + Duration::from_secs(1_000_000_000))
                    .expect("our own file");
            }
        }
    }

    /// Returns everything below the folder.
    pub(crate) fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        let mut folders = vec![self.path.clone()];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).expect("our own folder") {
                let path = entry.expect("our own folder").path();
                let meta = fs::symlink_metadata(&path).expect("our own file");
                let contents = if meta.is_symlink() {
                    fs::read_link(&path).expect("a link").into_os_string().into_encoded_bytes()
                } else if meta.is_file() {
                    fs::read(&path).expect("our own file")
                } else {
                    Vec::new()
                };
                if meta.is_dir() {
                    folders.push(path.clone());
                }
                tree.insert(path, (meta.mode(), contents));
            }
        }
        tree
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            drop(fs::remove_dir_all(&self.path));
        }
    }
}
