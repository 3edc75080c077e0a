//! Opening what a path leads to.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags};
use usermem_types::Errno;

use crate::directory::Directory;
use crate::host::{self, errno};
use crate::lookup::{Follow, Found, LastName};
use crate::node::NodeKind;
use crate::open_file::OpenFile;
use crate::path_only::PathOnly;
use crate::synthetic::Synthetic;
use crate::tree::Tree;
use crate::{FileDescription, Place, Stat, StatusFlags};

/// The most symbolic links that creating a file follows.
const MAX_LINKS: usize = 40;

/// `O_TMPFILE` without the `O_DIRECTORY` that goes with it.
const TMPFILE: OFlags = OFlags::TMPFILE.difference(OFlags::DIRECTORY);

/// The flags that the host is given when it opens a file.
const PASSED_ON: OFlags = OFlags::RWMODE
    .union(OFlags::APPEND)
    .union(OFlags::NONBLOCK)
    .union(OFlags::SYNC)
    .union(OFlags::DSYNC)
    .union(OFlags::DIRECT)
    .union(OFlags::NOATIME)
    .union(OFlags::TRUNC);

/// What opening a file again may rely on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Granted {
    /// Nothing: writing is allowed where it always is.
    Nothing,
    /// The file is open for writing already.
    Writing,
}

/// Opens a path, creating the file when the flags say so.
pub(crate) fn open(
    tree: &Arc<Tree>,
    base: &dyn FileDescription,
    path: &[u8],
    flags: u32,
    mode: u32,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let flags = OFlags::from_bits_retain(flags);
    let follow = if flags.contains(OFlags::NOFOLLOW) { Follow::No } else { Follow::Yes };
    if flags.contains(OFlags::PATH) {
        return open_found(tree, tree.lookup(base, path, follow)?, flags);
    }
    if flags.intersects(TMPFILE) {
        return open_unnamed(tree, base, path, flags, mode);
    }
    if !flags.contains(OFlags::CREATE) {
        return open_found(tree, tree.lookup(base, path, follow)?, flags);
    }
    if flags.contains(OFlags::DIRECTORY) {
        return Err(Errno::EINVAL);
    }
    create(tree, base, path, flags, Mode::from_bits_truncate(mode))
}

/// Opens again what is at a place, as the link to an open file does.
pub(crate) fn reopen(
    place: &Place,
    flags: u32,
    tree: Option<&Arc<Tree>>,
    granted: Granted,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let flags = OFlags::from_bits_retain(flags);
    if flags.intersects(TMPFILE) {
        return Err(Errno::ENOTDIR);
    }
    let Some(tree) = tree else {
        let fd = place.host().ok_or(Errno::ENXIO)?;
        let fd = host::reopen(fd, flags & PASSED_ON, Mode::empty())?;
        return Ok(Arc::new(OpenFile::new(fd, None)?));
    };
    open_place(tree, place.clone(), &place.stat()?, flags, granted)
}

fn open_found(
    tree: &Arc<Tree>,
    found: Found,
    flags: OFlags,
) -> Result<Arc<dyn FileDescription>, Errno> {
    match found {
        Found::Place(place, stat) => open_place(tree, place, &stat, flags, Granted::Nothing),
        Found::Open(file) => {
            if flags.contains(OFlags::CREATE | OFlags::EXCL) {
                return Err(Errno::EEXIST);
            }
            file.reopen((flags - OFlags::CREATE).bits())
        }
        Found::Link(_) => Err(Errno::ELOOP),
    }
}

fn open_place(
    tree: &Arc<Tree>,
    place: Place,
    stat: &Stat,
    flags: OFlags,
    granted: Granted,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let file_type = host::file_type(stat);
    if flags.contains(OFlags::DIRECTORY) && file_type != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    if flags.contains(OFlags::PATH) {
        let kept = flags & (OFlags::PATH | OFlags::DIRECTORY | OFlags::NOFOLLOW);
        return Ok(Arc::new(PathOnly::new(place, shown(kept), Arc::clone(tree))));
    }
    let writes = writes(flags);
    if file_type == FileType::Directory {
        if writes || flags.contains(OFlags::CREATE) {
            return Err(Errno::EISDIR);
        }
        let kept = flags & (OFlags::NONBLOCK | OFlags::NOATIME);
        let place = match place.host() {
            Some(fd) => {
                let fd = host::reopen(fd, kept | OFlags::DIRECTORY, Mode::empty())?;
                Place::of_host(Arc::new(fd), place.node().cloned())
            }
            None => place,
        };
        let shown = shown(kept) | StatusFlags::LARGEFILE | StatusFlags::DIRECTORY;
        return Ok(Arc::new(Directory::new(place, shown, Arc::clone(tree))));
    }
    match (place.host(), place.node()) {
        (Some(fd), _) => open_contents(tree, fd, stat, flags, granted),
        (None, Some(node)) => match node.kind() {
            NodeKind::File { .. } if writes => Err(Errno::EACCES),
            NodeKind::File { contents, .. } => {
                let (node, source) = (Arc::clone(node), Arc::clone(contents));
                let shown = shown(flags & OFlags::NONBLOCK) | StatusFlags::LARGEFILE;
                Ok(Arc::new(Synthetic::new(place, node, source, shown, Arc::clone(tree))))
            }
            NodeKind::Link(_) => Err(Errno::ELOOP),
            _ => Err(Errno::EACCES),
        },
        (None, None) => Err(Errno::ENOENT),
    }
}

/// Opens a host file that is no directory.
fn open_contents(
    tree: &Arc<Tree>,
    fd: BorrowedFd<'_>,
    stat: &Stat,
    flags: OFlags,
    granted: Granted,
) -> Result<Arc<dyn FileDescription>, Errno> {
    tree.check_type(stat)?;
    let regular = host::file_type(stat) == FileType::RegularFile;
    // Stricter than a read-only mount: who reads a FIFO out there has not asked for the program.
    let kept = regular || host::file_type(stat) == FileType::Fifo;
    let writable = || granted == Granted::Writing || tree.is_writable(fd);
    if kept && writes(flags) && !writable() {
        // The order in which Linux finds out on a mount that is read-only.
        if !flags.contains(OFlags::TRUNC) {
            host::access(fd, Access::WRITE_OK, AtFlags::EACCESS)?;
        }
        return Err(Errno::EROFS);
    }
    let fd = host::reopen(fd, flags & PASSED_ON, Mode::empty())?;
    if regular && flags.contains(OFlags::TRUNC) {
        crate::mapping::truncated(stat, 0);
    }
    Ok(Arc::new(OpenFile::new(fd, Some(Arc::clone(tree)))?))
}

/// Opens a file that may not exist yet.
fn create(
    tree: &Arc<Tree>,
    base: &dyn FileDescription,
    path: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let mut last = tree.lookup_parent(base, path)?;
    let exclusive = flags.contains(OFlags::EXCL);
    for _ in 0..MAX_LINKS {
        let name = match &last.name {
            LastName::Normal(name) if !last.slash => name.clone(),
            LastName::Normal(_) => return Err(Errno::EISDIR),
            _ => return Err(if exclusive { Errno::EEXIST } else { Errno::EISDIR }),
        };
        match tree.lookup_from(&last.parent, &name, Follow::No) {
            Ok(_) if exclusive => return Err(Errno::EEXIST),
            Ok(Found::Place(place, stat)) if host::file_type(&stat) == FileType::Symlink => {
                if flags.contains(OFlags::NOFOLLOW) {
                    return Err(Errno::ELOOP);
                }
                let target = place.read_link()?;
                if target.is_empty() {
                    return Err(Errno::ENOENT);
                }
                last = tree.parent_from(&last.parent, &target)?;
            }
            Ok(Found::Link(file)) => return open_found(tree, Found::Open(file), flags),
            Ok(found) => return open_found(tree, found, flags),
            Err(Errno::ENOENT) => match create_in(tree, &last.parent, &name, flags, mode)? {
                Some(fd) => return Ok(Arc::new(OpenFile::new(fd, Some(Arc::clone(tree)))?)),
                None if exclusive => return Err(Errno::EEXIST),
                // Somebody else was faster: look again.
                None => {}
            },
            Err(errno) => return Err(errno),
        }
    }
    Err(Errno::ELOOP)
}

/// Creates a file that must not exist; `None` when it does by now.
fn create_in(
    tree: &Tree,
    parent: &Place,
    name: &[u8],
    flags: OFlags,
    mode: Mode,
) -> Result<Option<OwnedFd>, Errno> {
    let dir = tree.check_writable(parent)?;
    let new = OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC | OFlags::NOCTTY;
    match rustix::fs::openat(dir, name, (flags & PASSED_ON) | new, mode) {
        Ok(fd) => Ok(Some(fd)),
        Err(rustix::io::Errno::EXIST) => Ok(None),
        Err(error) => Err(errno(error)),
    }
}

/// Creates a file without a name in a directory.
fn open_unnamed(
    tree: &Arc<Tree>,
    base: &dyn FileDescription,
    path: &[u8],
    flags: OFlags,
    mode: u32,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let access = flags & OFlags::RWMODE;
    if !flags.contains(OFlags::TMPFILE) || access == OFlags::RDONLY {
        return Err(Errno::EINVAL);
    }
    let Found::Place(place, stat) = tree.lookup(base, path, Follow::Yes)? else {
        return Err(Errno::ENOTDIR);
    };
    if host::file_type(&stat) != FileType::Directory {
        return Err(Errno::ENOTDIR);
    }
    let dir = tree.check_writable(&place)?;
    let passed = (flags & (PASSED_ON | OFlags::EXCL)) | OFlags::TMPFILE;
    let fd = host::reopen(dir, passed, Mode::from_bits_truncate(mode))?;
    Ok(Arc::new(OpenFile::new(fd, Some(Arc::clone(tree)))?))
}

fn writes(flags: OFlags) -> bool {
    flags.intersects(OFlags::WRONLY | OFlags::RDWR | OFlags::TRUNC)
}

/// Returns flags of `open(2)` as `F_GETFL` shows them.
fn shown(flags: OFlags) -> StatusFlags {
    let mut bits = StatusFlags::from_bits_retain((flags - OFlags::DIRECTORY).bits());
    bits.set(StatusFlags::DIRECTORY, flags.contains(OFlags::DIRECTORY));
    bits
}

/// Describes a copy of a descriptor of our own process.
pub(crate) fn standard_stream(
    tree: &Arc<Tree>,
    fd: BorrowedFd<'_>,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let fd = rustix::io::fcntl_dupfd_cloexec(fd, 3).map_err(errno)?;
    let stat = host::stat(fd.as_fd())?;
    match host::file_type(&stat) {
        FileType::Directory => {
            let place = Place::of_host(Arc::new(fd), None);
            let shown = StatusFlags::LARGEFILE | StatusFlags::DIRECTORY;
            return Ok(Arc::new(Directory::new(place, shown, Arc::clone(tree))));
        }
        FileType::CharacterDevice => tree.admit(stat.rdev),
        _ => {}
    }
    Ok(Arc::new(OpenFile::new(fd, Some(Arc::clone(tree)))?))
}

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};

    use usermem_io::{BytesIo, IoOpts, IoSequence};
    use usermem_types::{Addr, AddrRangeSeq};

    use super::*;
    use crate::{Namespace, Whence};

    #[test]
    fn a_standard_stream_shares_its_offset_with_the_caller() {
        let dir = tempfile::tempdir().unwrap();
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"0123456789").unwrap();
        file.rewind().unwrap();
        let namespace = Namespace::new(dir.path(), &[]).unwrap();
        let stream = standard_stream(namespace.tree(), file.as_fd()).unwrap();
        let mut buffer = [0; 4];
        let all = Addr::ZERO.to_range(4).unwrap();
        let io = BytesIo::new(&mut buffer);
        let dst = IoSequence::new(&io, AddrRangeSeq::of(all).unwrap(), IoOpts::CHECKED);
        assert_eq!(stream.read(dst), Ok(4));
        assert_eq!(file.stream_position().unwrap(), 4);
        file.seek(std::io::SeekFrom::Start(9)).unwrap();
        assert_eq!(stream.seek(0, Whence::Current), Ok(9));
        // Outside of the root: nothing but what the caller handed over.
        assert_eq!(stream.chmod(0o777), Err(Errno::EROFS));
        assert!(stream.reopen(libc::O_RDWR as u32).is_ok());
    }
}
