//! Where a file is in the tree.

use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use usermem_types::Errno;

use crate::Stat;
use crate::host;
use crate::node::{Node, NodeKind};

/// A place in the tree that a program sees: a host file, a synthetic entry, or a directory that
/// is both.
///
/// Opaque: holding one only lets a lookup begin there.
#[derive(Clone)]
pub struct Place {
    /// The host file; with `node`, what the entry adds to it.
    host: Option<Arc<OwnedFd>>,
    node: Option<Arc<Node>>,
}

impl Place {
    /// Creates the place of a host file.
    pub(crate) fn of_host(fd: Arc<OwnedFd>, node: Option<Arc<Node>>) -> Self {
        Self { host: Some(fd), node }
    }

    /// Creates the place of a synthetic entry.
    pub(crate) fn of_node(node: Arc<Node>) -> Self {
        Self { host: None, node: Some(node) }
    }

    /// Returns the host file, where there is one.
    pub(crate) fn host(&self) -> Option<BorrowedFd<'_>> {
        self.host.as_ref().map(|fd| fd.as_fd())
    }

    /// Returns the host file, where there is one.
    pub(crate) fn into_host(self) -> Option<Arc<OwnedFd>> {
        self.host
    }

    /// Returns the synthetic entry, where there is one.
    pub(crate) fn node(&self) -> Option<&Arc<Node>> {
        self.node.as_ref()
    }

    /// Returns what `stat` tells of the place.
    pub(crate) fn stat(&self) -> Result<Stat, Errno> {
        match (&self.host, &self.node) {
            (Some(fd), _) => host::stat(fd.as_fd()),
            (None, Some(node)) => Ok(node.stat()),
            (None, None) => Err(Errno::ENOENT),
        }
    }

    /// Returns the text of a symbolic link; `EINVAL` for anything else.
    pub(crate) fn read_link(&self) -> Result<Vec<u8>, Errno> {
        match (&self.host, self.node.as_deref().map(Node::kind)) {
            (Some(fd), _) => {
                let text = rustix::fs::readlinkat(fd.as_fd(), "", Vec::new());
                match text.map_err(host::errno) {
                    Ok(text) => Ok(text.into_bytes()),
                    // An empty path that names no link.
                    Err(Errno::ENOENT) => Err(Errno::EINVAL),
                    Err(errno) => Err(errno),
                }
            }
            (None, Some(NodeKind::Link(target))) => Ok(target()),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Place").field("host", &self.host).field("node", &self.node).finish()
    }
}
