//! The workspace on disk: its root, its crates as cargo sees them, its files.

use std::path::{Path, PathBuf};
use std::{env, fs};

use cargo_metadata::{Metadata, MetadataCommand, Package};

/// The workspace that this program was built in.
pub(crate) struct Workspace {
    root: PathBuf,
    metadata: Metadata,
}

impl Workspace {
    /// Asks cargo for the workspace.
    ///
    /// # Errors
    ///
    /// When cargo cannot read the manifests.
    pub(crate) fn find() -> Result<Self, String> {
        // Cargo says where at run time too; the folder of the build is wrong when two trees share a build folder.
        let folder =
            env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        let manifest = Path::new(&folder).join("Cargo.toml");
        // Without dependencies cargo reads manifests only: no network, no lock file.
        let metadata = MetadataCommand::new()
            .manifest_path(manifest)
            .no_deps()
            .exec()
            .map_err(|error| format!("cargo metadata failed: {error}"))?;
        Ok(Self { root: metadata.workspace_root.clone().into_std_path_buf(), metadata })
    }

    /// Returns the folder of the root manifest.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Returns the folder that cargo builds into.
    pub(crate) fn target(&self) -> PathBuf {
        self.metadata.target_directory.clone().into_std_path_buf()
    }

    /// Returns the packages of the workspace.
    pub(crate) fn packages(&self) -> &[Package] {
        &self.metadata.packages
    }

    /// Returns every file below `folder` (relative to the root) as paths relative to the root, sorted; build folders
    /// and the version store are left out.
    ///
    /// # Errors
    ///
    /// When a folder cannot be read.
    pub(crate) fn files(&self, folder: &str) -> Result<Vec<PathBuf>, String> {
        let mut found = Vec::new();
        collect(&self.root.join(folder), &mut found)?;
        let mut files: Vec<PathBuf> = found
            .iter()
            .filter_map(|path| path.strip_prefix(&self.root).ok().map(Path::to_owned))
            .collect();
        files.sort();
        Ok(files)
    }

    /// Returns the names at the top level, build folders and the version store left out.
    ///
    /// # Errors
    ///
    /// When the root cannot be read.
    pub(crate) fn top_level(&self) -> Result<Vec<String>, String> {
        let mut names: Vec<String> = entries(&self.root)?
            .iter()
            .map(|path| name(path))
            .filter(|name| !is_passing(name))
            .collect();
        names.sort();
        Ok(names)
    }

    /// Returns the text of a document, empty when there is none.
    pub(crate) fn document(&self, path: &str) -> String {
        fs::read_to_string(self.root.join(path)).unwrap_or_default()
    }

    /// Returns the text of a file named relative to the root, or `None` when it is not text.
    ///
    /// # Errors
    ///
    /// When it cannot be read.
    pub(crate) fn read(&self, path: &Path) -> Result<Option<String>, String> {
        let bytes = fs::read(self.root.join(path))
            .map_err(|error| format!("{}: {error}", path.display()))?;
        Ok(String::from_utf8(bytes).ok())
    }
}

/// Returns the last component of `path` as text.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

/// Whether a name at the top level comes and goes with builds and version control.
fn is_passing(name: &str) -> bool {
    name == ".git" || name == "target" || name.starts_with("target-")
}

fn entries(folder: &Path) -> Result<Vec<PathBuf>, String> {
    let list = fs::read_dir(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    list.map(|entry| {
        entry.map(|entry| entry.path()).map_err(|error| format!("{}: {error}", folder.display()))
    })
    .collect()
}

fn collect(folder: &Path, into: &mut Vec<PathBuf>) -> Result<(), String> {
    for path in entries(folder)? {
        // The version store is a file in a tree that shares another's.
        if path.is_symlink() || is_passing(&name(&path)) {
            continue;
        } else if path.is_dir() {
            collect(&path, into)?;
        } else {
            into.push(path);
        }
    }
    Ok(())
}
