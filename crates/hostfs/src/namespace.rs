//! The tree of files that a program sees.

use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};
use usermem_types::Errno;

use crate::lookup::{Follow, Found};
use crate::node::{Contents, DescriptorTable, Node, NodeKind};
use crate::open::{self, Granted};
use crate::tree::Tree;
use crate::{FileDescription, host};

/// The tree of files that a program sees: a directory of the host as its root, entries that come
/// from above, and nothing else.
///
/// Whatever a path says, `..`, symbolic links and links to open files lead nowhere else. Nothing
/// can be changed but what lies below the directories named at the beginning. Paths are the bytes
/// that the program passed, without NUL; a relative path begins at `base`, which is `ENOTDIR` when
/// it is no directory; flags are the raw ones of the system calls. The modes of new files are taken as
/// they are: the program's mask belongs to the layer above, and the mask of our own process
/// applies as well.
#[derive(Clone, Debug)]
pub struct Namespace {
    tree: Arc<Tree>,
}

/// Why a [`Namespace`] could not be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NamespaceError {
    what: &'static str,
    path: PathBuf,
    errno: Errno,
}

impl NamespaceError {
    fn new(what: &'static str, path: &Path, errno: Errno) -> Self {
        Self { what, path: path.to_owned(), errno }
    }

    /// Returns the path that the failure is about.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Returns the host's error.
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for NamespaceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}: {}", self.what, self.path.display(), self.errno)
    }
}

impl std::error::Error for NamespaceError {}

impl Namespace {
    /// Creates the tree below `root`, changeable below the `writable` directories.
    ///
    /// An absolute writable directory is named as the program sees it; a relative one as the
    /// caller does, and it must lie below `root`.
    ///
    /// # Errors
    /// The first path that cannot be opened as a directory, or lies outside of the root.
    pub fn new(root: &Path, writable: &[PathBuf]) -> Result<Self, NamespaceError> {
        let directory = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let fail = |what, path, errno| NamespaceError::new(what, path, errno);
        let fd = rustix::fs::open(root, directory, Mode::empty())
            .map_err(|error| fail("cannot open the root directory", root, host::errno(error)))?;
        let mut prefix = host::path_text(fd.as_fd())
            .map_err(|errno| fail("cannot read /proc/self/fd for", root, errno))?;
        if prefix == b"/" {
            prefix.clear();
        }
        let proc = rustix::fs::open("/proc", directory, Mode::empty()).ok();
        let mut tree = Tree::new(fd, prefix, proc);
        for path in writable {
            let text = open_writable(&tree, path)
                .and_then(|fd| host::path_text(fd.as_fd()))
                .map_err(|errno| fail("cannot open the writable directory", path, errno))?;
            if tree.seen_path(&text).is_none() {
                let what = "outside of the root lies the writable directory";
                return Err(fail(what, path, Errno::EXDEV));
            }
            tree.allow_writing(text);
        }
        Ok(Self { tree: Arc::new(tree) })
    }

    pub(crate) fn tree(&self) -> &Arc<Tree> {
        &self.tree
    }

    /// Returns the root directory.
    ///
    /// # Errors
    /// None today; the host's, should opening it ever need one.
    pub fn root_directory(&self) -> Result<Arc<dyn FileDescription>, Errno> {
        let (root, flags) = (self.tree.root(), OFlags::DIRECTORY | OFlags::PATH);
        open::reopen(&root, flags.bits(), Some(&self.tree), Granted::Nothing)
    }

    /// Opens a directory by its path from the root, to begin at.
    ///
    /// # Errors
    /// As opening it with `O_PATH | O_DIRECTORY`.
    pub fn open_cwd(&self, path: &[u8]) -> Result<Arc<dyn FileDescription>, Errno> {
        let flags = OFlags::DIRECTORY | OFlags::PATH;
        self.open(self.root_directory()?.as_ref(), path, flags.bits(), 0)
    }

    /// Opens a file with the flags of `open(2)`, creating it with `mode` where they say so.
    ///
    /// # Errors
    /// The host's; `EROFS` where the program may write to nothing; `EACCES` for devices that are
    /// not for programs.
    pub fn open(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        flags: u32,
        mode: u32,
    ) -> Result<Arc<dyn FileDescription>, Errno> {
        open::open(&self.tree, base, path, flags, mode)
    }

    /// Describes a copy of our own standard input (0), output (1) or error (2), with the same
    /// offset.
    ///
    /// # Errors
    /// `EBADF` when the caller closed it, and for other numbers.
    pub fn standard_stream(&self, number: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        let (stdin, stdout, stderr) = (std::io::stdin(), std::io::stdout(), std::io::stderr());
        let fd = match number {
            0 => stdin.as_fd(),
            1 => stdout.as_fd(),
            2 => stderr.as_fd(),
            _ => return Err(Errno::EBADF),
        };
        open::standard_stream(&self.tree, fd)
    }

    /// Adds a file with contents that are made whenever it is opened, replacing an entry of ours.
    pub fn add_file(&self, path: &[u8], mode: u32, contents: Contents) {
        let kind = NodeKind::File { mode, contents };
        self.tree.overlay().insert(path, |path| Node::new(path, kind));
    }

    /// Adds a symbolic link with a text that is made whenever it is read.
    pub fn add_link(&self, path: &[u8], target: Contents) {
        self.tree.overlay().insert(path, |path| Node::new(path, NodeKind::Link(target)));
    }

    /// Adds a directory of links to open files, one for each number of `table`.
    ///
    /// The tree keeps `table`, and descriptions keep the tree: a table that holds descriptions is
    /// best reached through a weak reference.
    pub fn add_descriptors(&self, path: &[u8], table: Arc<dyn DescriptorTable>) {
        self.tree.overlay().insert(path, |path| Node::new(path, NodeKind::Descriptors(table)));
    }

    /// Removes an entry that was added, with everything below it.
    pub fn remove(&self, path: &[u8]) {
        self.tree.overlay().remove(path);
    }
}

fn open_writable(tree: &Tree, path: &Path) -> Result<Arc<OwnedFd>, Errno> {
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    if !path.is_absolute() {
        let fd = rustix::fs::open(path, flags, Mode::empty()).map_err(host::errno)?;
        return Ok(Arc::new(fd));
    }
    let path = path.as_os_str().as_bytes();
    let Found::Place(place, stat) = tree.lookup_from(&tree.root(), path, Follow::Yes)? else {
        return Err(Errno::ENOTDIR);
    };
    if host::file_type(&stat) != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    place.into_host().ok_or(Errno::EROFS)
}
