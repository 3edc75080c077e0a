//! Looking up a path name by name, for what the host alone cannot answer.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{FileType, Mode, OFlags};
use usermem_types::Errno;

use crate::host;
use crate::lookup::{Follow, Found, is_root};
use crate::node::{DescriptorTable, Node, NodeKind};
use crate::tree::Tree;
use crate::{FileDescription, Place, Stat};

/// The most symbolic links that one lookup follows.
const MAX_LINKS: usize = 40;

/// What a name in a directory is.
enum Child {
    Place(Place, Stat),
    Descriptor(Arc<dyn FileDescription>),
}

impl Tree {
    /// Looks up a path from a place, one name at a time, never above the root.
    pub(crate) fn walk(&self, base: &Place, path: &[u8], follow: Follow) -> Result<Found, Errno> {
        // The directories on the way, so that `..` cannot lead anywhere else.
        let mut way = vec![self.root()];
        let mut rest = path.to_vec();
        if !path.starts_with(b"/") {
            match self.path_of(base) {
                Ok(dir) => rest = [dir.as_slice(), b"/", path].concat(),
                // A directory that is nowhere, as one that was removed, has itself.
                Err(Errno::ENOENT) => way = vec![base.clone()],
                Err(errno) => return Err(errno),
            }
        }
        let mut links = 0;
        while let Some((name, after)) = split_first(&rest) {
            match name {
                b"." => {}
                b".." if way.len() > 1 => {
                    way.pop();
                }
                b".." if is_root(&way[0]) => {}
                b".." => return Err(Errno::ENOENT),
                _ => {
                    let dir = way.last().expect("our own invariant: the first directory stays");
                    let last = after.is_empty();
                    match self.child(dir, name)? {
                        Child::Descriptor(file) if last => {
                            return Ok(match follow {
                                Follow::No => Found::Link(file),
                                Follow::Yes => Found::Open(file),
                            });
                        }
                        Child::Descriptor(file) => {
                            links += 1;
                            let place = file.place().ok_or(Errno::ENOTDIR)?;
                            rest = [self.path_of(place)?.as_slice(), after].concat();
                            way = vec![self.root()];
                            if links > MAX_LINKS {
                                return Err(Errno::ELOOP);
                            }
                            continue;
                        }
                        Child::Place(place, stat) => match host::file_type(&stat) {
                            FileType::Symlink if last && follow == Follow::No => {
                                return Ok(Found::Place(place, stat));
                            }
                            FileType::Symlink => {
                                links += 1;
                                if links > MAX_LINKS {
                                    return Err(Errno::ELOOP);
                                }
                                let target = place.read_link()?;
                                if target.is_empty() {
                                    return Err(Errno::ENOENT);
                                }
                                if target.starts_with(b"/") {
                                    way = vec![self.root()];
                                }
                                rest = [target.as_slice(), after].concat();
                                continue;
                            }
                            FileType::Directory => way.push(place),
                            _ if last => return Ok(Found::Place(place, stat)),
                            _ => return Err(Errno::ENOTDIR),
                        },
                    }
                }
            }
            rest = after.to_vec();
        }
        let place = way.pop().expect("our own invariant: the first directory stays");
        let stat = place.stat()?;
        Ok(Found::Place(place, stat))
    }

    /// Looks up one name, neither `.` nor `..`, in a directory.
    fn child(&self, dir: &Place, name: &[u8]) -> Result<Child, Errno> {
        let node = dir.node();
        if let Some(NodeKind::Descriptors(table)) = node.map(|node| node.kind()) {
            return descriptor(table.as_ref(), name);
        }
        let ours = node.and_then(|node| node.child(name));
        let theirs = match dir.host() {
            Some(fd) if node.is_none_or(|node| node.shows_host_entry(name)) => host_child(fd, name),
            _ => Err(Errno::ENOENT),
        };
        match (ours, theirs) {
            (Some(ours), Ok((fd, stat))) if ours.gives_way() => {
                self.host_place(dir, fd, stat, None)
            }
            (Some(ours), Ok((fd, stat)))
                if matches!(ours.kind(), NodeKind::Directory { .. })
                    && host::file_type(&stat) == FileType::Directory
                    && self.host_directory_of(&ours).is_none() =>
            {
                self.host_place(dir, fd, stat, Some(ours))
            }
            (Some(ours), theirs) => match theirs {
                Err(errno) if ours.gives_way() && errno != Errno::ENOENT => Err(errno),
                _ => {
                    let place = self.own_place(ours);
                    let stat = place.stat()?;
                    Ok(Child::Place(place, stat))
                }
            },
            (None, theirs) => {
                let (fd, stat) = theirs?;
                self.host_place(dir, fd, stat, None)
            }
        }
    }

    fn own_place(&self, node: Arc<Node>) -> Place {
        let host = match node.kind() {
            NodeKind::Device(fd) => Some(Arc::clone(fd)),
            _ => self.host_directory_of(&node),
        };
        match host {
            Some(fd) => Place::of_host(fd, Some(node)),
            None => Place::of_node(node),
        }
    }

    /// Accepts a host entry, unless it leads into a `proc` file system from outside of one.
    fn host_place(
        &self,
        dir: &Place,
        fd: OwnedFd,
        stat: Stat,
        node: Option<Arc<Node>>,
    ) -> Result<Child, Errno> {
        if host::is_procfs(fd.as_fd(), &stat) {
            let from = dir.host().ok_or(Errno::EACCES)?;
            if !host::is_procfs(from, &host::stat(from)?) {
                return Err(Errno::EACCES);
            }
        }
        Ok(Child::Place(Place::of_host(Arc::new(fd), node), stat))
    }
}

/// Looks up a number in a directory of links to open files.
fn descriptor(table: &dyn DescriptorTable, name: &[u8]) -> Result<Child, Errno> {
    let plain = matches!(name, b"0" | [b'1'..=b'9', ..]);
    let number = std::str::from_utf8(name).ok().filter(|_| plain).and_then(|n| n.parse().ok());
    let file = number.and_then(|number| table.get(number));
    file.map(Child::Descriptor).ok_or(Errno::ENOENT)
}

fn host_child(dir: BorrowedFd<'_>, name: &[u8]) -> Result<(OwnedFd, Stat), Errno> {
    let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let fd = rustix::fs::openat(dir, name, flags, Mode::empty()).map_err(host::errno)?;
    let stat = host::stat(fd.as_fd())?;
    Ok((fd, stat))
}

/// Returns the first name of a path, and what follows it, slashes included.
fn split_first(path: &[u8]) -> Option<(&[u8], &[u8])> {
    let start = path.iter().position(|&byte| byte != b'/')?;
    let path = &path[start..];
    let end = path.iter().position(|&byte| byte == b'/').unwrap_or(path.len());
    Some(path.split_at(end))
}
