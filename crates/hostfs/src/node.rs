//! Entries of the tree that no host file is behind.

use std::collections::BTreeMap;
use std::fmt;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use parking_lot::RwLock;

use crate::{FileDescription, Stat};

/// The contents of a synthetic file or link, made anew whenever one is opened or read.
pub type Contents = Arc<dyn Fn() -> Vec<u8> + Send + Sync>;

/// The open files of a program, for its `/proc/PID/fd`.
pub trait DescriptorTable: Send + Sync {
    /// Returns the numbers in use, ascending.
    fn numbers(&self) -> Vec<u32>;

    /// Returns what a number refers to.
    fn get(&self, number: u32) -> Option<Arc<dyn FileDescription>>;
}

/// Which entries of the host's directory a directory that is both shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HostEntries {
    /// All of them.
    All,
    /// Those of a list.
    Listed(&'static [&'static str]),
}

/// What an entry is.
pub(crate) enum NodeKind {
    /// A directory.
    Directory { children: RwLock<BTreeMap<Vec<u8>, Arc<Node>>>, host: HostEntries },
    /// A file whose contents come from above.
    File { mode: u32, contents: Contents },
    /// A symbolic link.
    Link(Contents),
    /// A directory of links to open files.
    Descriptors(Arc<dyn DescriptorTable>),
    /// A device of the host, opened as a place.
    Device(Arc<OwnedFd>),
}

/// A synthetic entry.
pub(crate) struct Node {
    path: Vec<u8>,
    ino: u64,
    /// Gives way to a host entry of the same name.
    gives_way: bool,
    kind: NodeKind,
}

impl Node {
    pub(crate) fn new(path: Vec<u8>, kind: NodeKind) -> Arc<Self> {
        Arc::new(Self { path, ino: next_ino(), gives_way: false, kind })
    }

    pub(crate) fn giving_way(path: Vec<u8>, kind: NodeKind) -> Arc<Self> {
        Arc::new(Self { path, ino: next_ino(), gives_way: true, kind })
    }

    pub(crate) fn directory(path: Vec<u8>, host: HostEntries) -> Arc<Self> {
        Self::new(path, NodeKind::Directory { children: RwLock::default(), host })
    }

    pub(crate) fn kind(&self) -> &NodeKind {
        &self.kind
    }

    pub(crate) fn path(&self) -> &[u8] {
        &self.path
    }

    pub(crate) fn ino(&self) -> u64 {
        self.ino
    }

    pub(crate) fn gives_way(&self) -> bool {
        self.gives_way
    }

    pub(crate) fn is_directory(&self) -> bool {
        matches!(self.kind, NodeKind::Directory { .. } | NodeKind::Descriptors(_))
    }

    /// Returns the entry of a name.
    pub(crate) fn child(&self, name: &[u8]) -> Option<Arc<Self>> {
        let NodeKind::Directory { children, .. } = &self.kind else { return None };
        children.read().get(name).cloned()
    }

    /// Returns the entries, by name.
    pub(crate) fn children(&self) -> Vec<(Vec<u8>, Arc<Self>)> {
        let NodeKind::Directory { children, .. } = &self.kind else { return Vec::new() };
        children.read().iter().map(|(name, node)| (name.clone(), Arc::clone(node))).collect()
    }

    /// Returns whether a host entry of this name is shown.
    pub(crate) fn shows_host_entry(&self, name: &[u8]) -> bool {
        match &self.kind {
            NodeKind::Directory { host: HostEntries::All, .. } => true,
            NodeKind::Directory { host: HostEntries::Listed(names), .. } => {
                names.iter().any(|listed| listed.as_bytes() == name)
            }
            _ => false,
        }
    }

    /// Returns the entry at a path without symbolic links.
    pub(crate) fn find(self: &Arc<Self>, path: &[u8]) -> Option<Arc<Self>> {
        let mut node = Arc::clone(self);
        for name in components(path) {
            node = node.child(name)?;
        }
        Some(node)
    }

    /// Adds an entry below this one, making the directories on the way.
    pub(crate) fn insert(self: &Arc<Self>, path: &[u8], make: impl FnOnce(Vec<u8>) -> Arc<Self>) {
        let mut names: Vec<&[u8]> = components(path).collect();
        let Some(last) = names.pop() else { return };
        let mut at = Arc::clone(self);
        for name in names {
            let NodeKind::Directory { children, .. } = &at.kind else { return };
            let next = Arc::clone(
                children
                    .write()
                    .entry(name.to_vec())
                    .or_insert_with(|| Self::directory(join(&at.path, name), HostEntries::All)),
            );
            at = next;
        }
        if let NodeKind::Directory { children, .. } = &at.kind {
            children.write().insert(last.to_vec(), make(join(&at.path, last)));
        }
    }

    /// Removes an entry below this one, and all that is below it.
    pub(crate) fn remove(self: &Arc<Self>, path: &[u8]) {
        let mut names: Vec<&[u8]> = components(path).collect();
        let Some(last) = names.pop() else { return };
        let mut at = Arc::clone(self);
        for name in names {
            let Some(next) = at.child(name) else { return };
            at = next;
        }
        if let NodeKind::Directory { children, .. } = &at.kind {
            children.write().remove(last);
        }
    }

    /// Returns what `stat` tells of an entry that has no host file.
    pub(crate) fn stat(&self) -> Stat {
        let (mode, nlink) = match &self.kind {
            NodeKind::Directory { .. } => (libc::S_IFDIR | 0o555, 2),
            NodeKind::Descriptors(_) => (libc::S_IFDIR | 0o500, 2),
            NodeKind::File { mode, .. } => (libc::S_IFREG | (mode & 0o7777), 1),
            NodeKind::Link(_) => (libc::S_IFLNK | 0o777, 1),
            NodeKind::Device(_) => (libc::S_IFCHR | 0o666, 1),
        };
        synthetic_stat(self.ino, mode, nlink)
    }

    /// Returns the `DT_*` type.
    pub(crate) fn entry_kind(&self) -> u8 {
        match &self.kind {
            NodeKind::Directory { .. } | NodeKind::Descriptors(_) => libc::DT_DIR,
            NodeKind::File { .. } => libc::DT_REG,
            NodeKind::Link(_) => libc::DT_LNK,
            NodeKind::Device(_) => libc::DT_CHR,
        }
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Node({})", self.path.escape_ascii())
    }
}

/// Returns what `stat` tells of something that only we know: ours, empty, on device 0:0.
pub(crate) fn synthetic_stat(ino: u64, mode: u32, nlink: u32) -> Stat {
    Stat {
        ino,
        mode,
        nlink,
        uid: rustix::process::getuid().as_raw(),
        gid: rustix::process::getgid().as_raw(),
        blksize: 1024,
        ..Stat::default()
    }
}

/// Returns the names of a path.
pub(crate) fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    path.split(|&byte| byte == b'/').filter(|name| !name.is_empty())
}

/// Returns the path of `name` in the directory `dir`.
pub(crate) fn join(dir: &[u8], name: &[u8]) -> Vec<u8> {
    let dir = dir.strip_suffix(b"/").unwrap_or(dir);
    [dir, b"/", name].concat()
}

fn next_ino() -> u64 {
    /// Numbers that the host's proc gives to none of the files shown beside ours.
    static NEXT: AtomicU64 = AtomicU64::new(0xf000_0000);
    NEXT.fetch_add(1, Ordering::Relaxed)
}
