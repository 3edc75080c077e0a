//! The tree that a program sees, and what it may do there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use parking_lot::RwLock;
use rustix::fs::FileType;
use usermem_types::Errno;

use crate::host;
use crate::node::{HostEntries, Node, NodeKind};
use crate::{Place, Stat};

/// What of the host's `/proc` a program sees: nothing of any process, nothing to write to.
const PROC_ENTRIES: &[&str] = &[
    "cpuinfo",
    "devices",
    "diskstats",
    "filesystems",
    "loadavg",
    "meminfo",
    "partitions",
    "stat",
    "swaps",
    "sys",
    "uptime",
    "version",
    "vmstat",
];

/// The devices that may be opened, wherever they are: name in `/dev`, major, minor.
const DEVICES: &[(&str, u32, u32)] = &[
    ("null", 1, 3),
    ("zero", 1, 5),
    ("full", 1, 7),
    ("random", 1, 8),
    ("urandom", 1, 9),
    ("tty", 5, 0),
];

/// Links that a `/dev` of the host has, for a root that has none.
const DEVICE_LINKS: &[(&str, &str)] = &[
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
];

/// The tree: a root directory of the host, entries of our own, and where writing is allowed.
#[derive(Debug)]
pub(crate) struct Tree {
    root: Arc<OwnedFd>,
    /// The host path of the root without a slash at the end; empty for the host's own root.
    prefix: Vec<u8>,
    /// The host paths below which a program may change files, without a slash at the end.
    writable: Vec<Vec<u8>>,
    overlay: Arc<Node>,
    /// The host's `/proc`, whatever the root is.
    proc: Option<Arc<OwnedFd>>,
    /// The caller's own terminals and the like: devices that may be opened besides [`DEVICES`].
    admitted: RwLock<Vec<(u32, u32)>>,
}

impl Tree {
    /// Creates the tree below `root`, whose host path is `prefix`.
    pub(crate) fn new(root: OwnedFd, prefix: Vec<u8>, proc: Option<OwnedFd>) -> Self {
        let overlay = Node::directory(b"/".to_vec(), HostEntries::All);
        overlay.insert(b"/proc", |path| Node::directory(path, HostEntries::Listed(PROC_ENTRIES)));
        overlay.insert(b"/dev", |path| Node::directory(path, HostEntries::All));
        overlay.insert(b"/proc/mounts", |path| {
            Node::new(path, NodeKind::Link(Arc::new(|| b"self/mounts".to_vec())))
        });
        for (path, target) in DEVICE_LINKS {
            overlay.insert(path.as_bytes(), |path| {
                Node::giving_way(path, NodeKind::Link(Arc::new(|| target.as_bytes().to_vec())))
            });
        }
        for (name, major, minor) in DEVICES {
            let path = format!("/dev/{name}");
            let Ok(fd) = host::open_place(path.as_bytes()) else { continue };
            if host::stat(fd.as_fd()).is_ok_and(|stat| stat.rdev == (*major, *minor)) {
                let device = NodeKind::Device(Arc::new(fd));
                overlay.insert(path.as_bytes(), |path| Node::giving_way(path, device));
            }
        }
        Self {
            root: Arc::new(root),
            prefix,
            writable: Vec::new(),
            overlay,
            proc: proc.map(Arc::new),
            admitted: RwLock::default(),
        }
    }

    /// Lets programs change what lies below a host path.
    pub(crate) fn allow_writing(&mut self, mut path: Vec<u8>) {
        if path == b"/" {
            path.clear();
        }
        self.writable.push(path);
    }

    /// Returns the root directory.
    pub(crate) fn root(&self) -> Place {
        Place::of_host(Arc::clone(&self.root), Some(Arc::clone(&self.overlay)))
    }

    pub(crate) fn root_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// Returns our own entries.
    pub(crate) fn overlay(&self) -> &Arc<Node> {
        &self.overlay
    }

    /// Returns the host's `/proc` when that is what `node` shows parts of.
    pub(crate) fn host_directory_of(&self, node: &Node) -> Option<Arc<OwnedFd>> {
        if node.path() == b"/proc" { self.proc.clone() } else { None }
    }

    /// Returns the path that the program knows for a host path; `None` outside of the root.
    pub(crate) fn seen_path(&self, host_path: &[u8]) -> Option<Vec<u8>> {
        let rest = host_path.strip_prefix(self.prefix.as_slice())?;
        match rest.first() {
            None => Some(b"/".to_vec()),
            Some(b'/') => Some(rest.to_vec()),
            Some(_) => None,
        }
    }

    /// Returns the path of a place, from the root, without symbolic links.
    ///
    /// # Errors
    /// `ENOENT` when nothing leads there from the root any more.
    pub(crate) fn path_of(&self, place: &Place) -> Result<Vec<u8>, Errno> {
        if let Some(node) = place.node() {
            return Ok(node.path().to_vec());
        }
        let fd = place.host().ok_or(Errno::ENOENT)?;
        let text = host::path_text(fd)?;
        if text.ends_with(b" (deleted)") && host::stat(fd)?.nlink == 0 {
            return Err(Errno::ENOENT);
        }
        self.seen_path(&text).ok_or(Errno::ENOENT)
    }

    /// Returns the path to show for a place, whatever became of it.
    pub(crate) fn shown_path(&self, place: &Place) -> Vec<u8> {
        match (place.node(), place.host()) {
            (Some(node), _) => node.path().to_vec(),
            (None, Some(fd)) => {
                let text = host::path_text(fd).unwrap_or_default();
                self.seen_path(&text).unwrap_or(text)
            }
            (None, None) => Vec::new(),
        }
    }

    /// Returns whether a program may change what a host descriptor refers to: by what is open, not
    /// by how it was named.
    pub(crate) fn is_writable(&self, fd: BorrowedFd<'_>) -> bool {
        if self.writable.is_empty() {
            return false;
        }
        let (Ok(text), Ok(stat)) = (host::path_text(fd), host::stat(fd)) else { return false };
        if host::is_procfs(fd, &stat) || self.seen_path(&text).is_none() {
            return false;
        }
        self.writable.iter().any(|area| {
            let rest = text.strip_prefix(area.as_slice());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
        })
    }

    /// Checks that a program may change the entries of a directory or the attributes of a file.
    ///
    /// # Errors
    /// `EROFS` when it may not.
    pub(crate) fn check_writable<'p>(&self, place: &'p Place) -> Result<BorrowedFd<'p>, Errno> {
        let fd = place.host().ok_or(Errno::EROFS)?;
        if self.is_writable(fd) { Ok(fd) } else { Err(Errno::EROFS) }
    }

    /// Lets a device of the caller's be opened by its path as well.
    pub(crate) fn admit(&self, device: (u32, u32)) {
        self.admitted.write().push(device);
    }

    /// Checks that opening a file of this type for reading or writing does no harm.
    ///
    /// # Errors
    /// `EACCES` for block devices and character devices that are not listed; `ENXIO` for sockets;
    /// `ELOOP` for symbolic links.
    pub(crate) fn check_type(&self, stat: &Stat) -> Result<(), Errno> {
        match host::file_type(stat) {
            FileType::RegularFile | FileType::Directory | FileType::Fifo => Ok(()),
            FileType::Symlink => Err(Errno::ELOOP),
            FileType::Socket => Err(Errno::ENXIO),
            FileType::CharacterDevice => {
                let listed = DEVICES.iter().any(|(_, major, minor)| stat.rdev == (*major, *minor));
                let admitted = listed || self.admitted.read().contains(&stat.rdev);
                if admitted { Ok(()) } else { Err(Errno::EACCES) }
            }
            _ => Err(Errno::EACCES),
        }
    }
}
