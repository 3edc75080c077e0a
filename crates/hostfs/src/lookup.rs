//! From a path to what is there.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags, ResolveFlags};
use usermem_types::Errno;

use crate::host;
use crate::node::{Node, components};
use crate::tree::Tree;
use crate::{FileDescription, Place, Stat};

/// What a path leads to.
#[derive(Debug)]
pub(crate) enum Found {
    /// A place in the tree.
    Place(Place, Stat),
    /// The link in `/proc/PID/fd` to an open file.
    Link(Arc<dyn FileDescription>),
    /// An open file, reached through such a link.
    Open(Arc<dyn FileDescription>),
}

/// Whether a symbolic link at the end of a path is followed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Follow {
    /// It is.
    Yes,
    /// It is not, unless a slash follows it.
    No,
}

/// The last name of a path, and the directory that holds it.
#[derive(Debug)]
pub(crate) struct Last {
    pub(crate) parent: Place,
    pub(crate) name: LastName,
    /// Slashes follow the name.
    pub(crate) slash: bool,
}

/// What the last name of a path is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum LastName {
    /// A name in the directory.
    Normal(Vec<u8>),
    /// The directory itself: `.`.
    Dot,
    /// The directory above: `..`.
    DotDot,
    /// The root, named by slashes alone.
    Root,
}

impl Tree {
    /// Looks up a path from `base`.
    pub(crate) fn lookup(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        follow: Follow,
    ) -> Result<Found, Errno> {
        if path.starts_with(b"/") {
            return self.lookup_from(&self.root(), path, follow);
        }
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        self.lookup_from(base.place().ok_or(Errno::ENOTDIR)?, path, follow)
    }

    /// Looks up a path, not empty, from a place; an absolute one from the root.
    pub(crate) fn lookup_from(
        &self,
        base: &Place,
        path: &[u8],
        follow: Follow,
    ) -> Result<Found, Errno> {
        if let Some(answer) = self.lookup_on_host(base, path, follow) {
            return answer;
        }
        self.walk(base, path, follow)
    }

    /// Lets the host look up the whole path; `None` when the answer may not be the program's.
    fn lookup_on_host(
        &self,
        base: &Place,
        path: &[u8],
        follow: Follow,
    ) -> Option<Result<Found, Errno>> {
        let from_root = path.starts_with(b"/") || is_root(base);
        if from_root {
            // What lies below an entry of ours is not for the host to find.
            let first = components(path).find(|name| *name != b"." && *name != b"..");
            if first.is_none_or(|name| self.overlay().child(name).is_some()) {
                return None;
            }
        } else if base.node().is_some() {
            return None;
        }
        let (dir, scope) = if from_root {
            (self.root_fd(), ResolveFlags::IN_ROOT)
        } else {
            (base.host()?, ResolveFlags::BENEATH)
        };
        let resolve = scope | ResolveFlags::NO_MAGICLINKS;
        match open_beneath(dir, path, follow, resolve) {
            Ok(fd) => {
                let stat = match host::stat(fd.as_fd()) {
                    Ok(stat) => stat,
                    Err(errno) => return Some(Err(errno)),
                };
                self.accept(fd, stat).map(Ok)
            }
            Err(errno) => {
                // A host may know no `openat2`, forbid it, or give up on a race.
                let unsure = matches!(
                    errno,
                    Errno::ELOOP | Errno::EXDEV | Errno::EAGAIN | Errno::ENOSYS | Errno::EPERM
                );
                if unsure || components(path).any(|name| name == b"..") {
                    return None;
                }
                // The same answer without any symbolic link on the way cannot be due to one that
                // leads to an entry of ours.
                let without_links = resolve | ResolveFlags::NO_SYMLINKS;
                let again = open_beneath(dir, path, follow, without_links).err()?;
                let missing = || errno == Errno::ENOENT && self.lacks(dir, path, resolve);
                (again == errno || missing()).then_some(Err(errno))
            }
        }
    }

    /// Returns whether the host finds the directory of a path, none of ours, and nothing in it of
    /// that name.
    fn lacks(&self, dir: BorrowedFd<'_>, path: &[u8], resolve: ResolveFlags) -> bool {
        let Some(slash) = path.iter().rposition(|&byte| byte == b'/') else { return false };
        let (parent, name) = path.split_at(slash + 1);
        let found = open_beneath(dir, parent, Follow::Yes, resolve)
            .and_then(|fd| host::stat(fd.as_fd()).map(|stat| (fd, stat)));
        let Ok((fd, stat)) = found else { return false };
        let Some(Found::Place(place, _)) = self.accept(fd, stat) else { return false };
        let resolve = ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS;
        let child = |fd| open_beneath(fd, name, Follow::No, resolve);
        !name.is_empty() && place.host().is_some_and(|fd| child(fd).err() == Some(Errno::ENOENT))
    }

    /// Takes what the host found, unless it belongs to an entry of ours.
    fn accept(&self, fd: OwnedFd, stat: Stat) -> Option<Found> {
        if host::is_procfs(fd.as_fd(), &stat) {
            return None;
        }
        if host::file_type(&stat) == FileType::Directory {
            let text = host::path_text(fd.as_fd()).ok()?;
            let path = self.seen_path(&text)?;
            if self.overlay().find(&path).is_some() {
                return None;
            }
        }
        Some(Found::Place(Place::of_host(Arc::new(fd), None), stat))
    }

    /// Looks up the directory that holds the last name of a path.
    pub(crate) fn lookup_parent(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
    ) -> Result<Last, Errno> {
        if path.starts_with(b"/") {
            return self.parent_from(&self.root(), path);
        }
        if path.is_empty() {
            return Err(Errno::ENOENT);
        }
        self.parent_from(base.place().ok_or(Errno::ENOTDIR)?, path)
    }

    /// As [`Tree::lookup_parent`], from a place, for a path that is not empty.
    pub(crate) fn parent_from(&self, base: &Place, path: &[u8]) -> Result<Last, Errno> {
        let end = path.iter().rposition(|&byte| byte != b'/').map_or(0, |at| at + 1);
        let (trimmed, slash) = (&path[..end], end < path.len());
        if trimmed.is_empty() {
            return Ok(Last { parent: self.root(), name: LastName::Root, slash });
        }
        let start = trimmed.iter().rposition(|&byte| byte == b'/').map_or(0, |at| at + 1);
        let (dir, name) = trimmed.split_at(start);
        let parent = if dir.is_empty() {
            directory(base.clone(), &base.stat()?)?
        } else {
            match self.lookup_from(base, dir, Follow::Yes)? {
                Found::Place(place, stat) => directory(place, &stat)?,
                Found::Open(file) => file.place().cloned().ok_or(Errno::ENOTDIR)?,
                Found::Link(_) => return Err(Errno::ENOTDIR),
            }
        };
        let name = match name {
            b"." => LastName::Dot,
            b".." => LastName::DotDot,
            name => LastName::Normal(name.to_vec()),
        };
        Ok(Last { parent, name, slash })
    }
}

fn directory(place: Place, stat: &Stat) -> Result<Place, Errno> {
    if host::file_type(stat) == FileType::Directory { Ok(place) } else { Err(Errno::ENOTDIR) }
}

/// Returns whether a place is the root of the tree.
pub(crate) fn is_root(place: &Place) -> bool {
    place.node().is_some_and(|node: &Arc<Node>| node.path() == b"/")
}

fn open_beneath(
    dir: BorrowedFd<'_>,
    path: &[u8],
    follow: Follow,
    resolve: ResolveFlags,
) -> Result<OwnedFd, Errno> {
    let mut flags = OFlags::PATH | OFlags::CLOEXEC;
    if follow == Follow::No {
        flags |= OFlags::NOFOLLOW;
    }
    rustix::fs::openat2(dir, path, flags, Mode::empty(), resolve).map_err(host::errno)
}
