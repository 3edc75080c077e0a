//! Asking for and changing what is known about a file.

use std::sync::Arc;

use rustix::fs::{Access, AtFlags, FileType, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::fs::{UTIME_NOW, UTIME_OMIT};
use usermem_types::Errno;

use crate::host::{self, errno};
use crate::lookup::{Follow, Found};
use crate::node::synthetic_stat;
use crate::{FileDescription, Namespace, Place, Stat, StatFs, Timestamp};

/// What to set a time of a file to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SetTime {
    /// Leave it as it is.
    Omit,
    /// The time of the call.
    Now,
    /// This time.
    At(Timestamp),
}

impl From<Option<Timestamp>> for SetTime {
    fn from(time: Option<Timestamp>) -> Self {
        time.map_or(Self::Omit, Self::At)
    }
}

/// Converts a time to what `utimensat` takes.
pub(crate) fn timespec(time: SetTime) -> Timespec {
    match time {
        SetTime::Omit => Timespec { tv_sec: 0, tv_nsec: UTIME_OMIT },
        SetTime::Now => Timespec { tv_sec: 0, tv_nsec: UTIME_NOW },
        SetTime::At(time) => Timespec { tv_sec: time.sec, tv_nsec: time.nsec.into() },
    }
}

/// What an operation on a path works on.
enum Target<'a> {
    Place(Place, Stat),
    Link,
    File(&'a dyn FileDescription),
    Open(Arc<dyn FileDescription>),
}

impl Target<'_> {
    /// Returns the open file when there is no place to work on.
    fn file(&self) -> Option<&dyn FileDescription> {
        match self {
            Self::File(file) => Some(*file),
            Self::Open(file) => Some(file.as_ref()),
            Self::Place(..) | Self::Link => None,
        }
    }
}

/// Checks the flags of a call and returns them.
pub(crate) fn at_flags(flags: u32, known: AtFlags) -> Result<AtFlags, Errno> {
    let flags = AtFlags::from_bits_retain(flags);
    if known.contains(flags) { Ok(flags) } else { Err(Errno::EINVAL) }
}

/// Flags that every call of the `stat` kind takes.
const LOOKUP_FLAGS: AtFlags = AtFlags::SYMLINK_NOFOLLOW.union(AtFlags::EMPTY_PATH);

impl Namespace {
    fn target<'a>(
        &self,
        base: &'a dyn FileDescription,
        path: &[u8],
        flags: AtFlags,
    ) -> Result<Target<'a>, Errno> {
        if path.is_empty() && flags.contains(AtFlags::EMPTY_PATH) {
            return Ok(match base.place() {
                Some(place) => Target::Place(place.clone(), place.stat()?),
                None => Target::File(base),
            });
        }
        let nofollow = flags.contains(AtFlags::SYMLINK_NOFOLLOW);
        let follow = if nofollow { Follow::No } else { Follow::Yes };
        Ok(match self.tree().lookup(base, path, follow)? {
            Found::Place(place, stat) => Target::Place(place, stat),
            Found::Link(_) => Target::Link,
            Found::Open(file) => match file.place() {
                Some(place) => Target::Place(place.clone(), place.stat()?),
                None => Target::Open(file),
            },
        })
    }

    /// Returns what `fstatat` tells.
    ///
    /// # Errors
    /// The host's; `EINVAL` for flags that it does not know.
    pub fn stat(&self, base: &dyn FileDescription, path: &[u8], flags: u32) -> Result<Stat, Errno> {
        let known = LOOKUP_FLAGS | AtFlags::NO_AUTOMOUNT | AtFlags::STATX_FORCE_SYNC;
        let flags = at_flags(flags, known | AtFlags::STATX_DONT_SYNC)?;
        match self.target(base, path, flags)? {
            Target::Place(_, stat) => Ok(stat),
            Target::Link => Ok(Stat { size: 64, ..synthetic_stat(1, libc::S_IFLNK | 0o700, 1) }),
            Target::File(file) => file.stat(),
            Target::Open(file) => file.stat(),
        }
    }

    /// Checks whether the program may access a file, with the mode of `access(2)`.
    ///
    /// # Errors
    /// `EACCES`; `EROFS` where the program may write to nothing; the host's.
    pub fn access(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        mode: u32,
        flags: u32,
    ) -> Result<(), Errno> {
        let access = Access::from_bits_retain(mode);
        if !(Access::READ_OK | Access::WRITE_OK | Access::EXEC_OK).contains(access) {
            return Err(Errno::EINVAL);
        }
        let flags = at_flags(flags, LOOKUP_FLAGS | AtFlags::EACCESS)?;
        let Target::Place(place, stat) = self.target(base, path, flags)? else { return Ok(()) };
        let Some(fd) = place.host() else {
            let allowed = stat.mode | stat.mode >> 3 | stat.mode >> 6;
            return if allowed & mode == mode { Ok(()) } else { Err(Errno::EACCES) };
        };
        host::access(fd, access, flags & AtFlags::EACCESS)?;
        let stored = matches!(
            host::file_type(&stat),
            FileType::RegularFile | FileType::Directory | FileType::Symlink
        );
        if access.contains(Access::WRITE_OK) && stored && !self.tree().is_writable(fd) {
            return Err(Errno::EROFS);
        }
        Ok(())
    }

    /// Returns the text of a symbolic link; an empty path asks for the link that `base` is.
    ///
    /// # Errors
    /// `EINVAL` when the path names no link, `ENOENT` when `base` is none; the host's.
    pub fn read_link(&self, base: &dyn FileDescription, path: &[u8]) -> Result<Vec<u8>, Errno> {
        if path.is_empty() {
            let text = base.place().ok_or(Errno::ENOENT)?.read_link();
            return text
                .map_err(|errno| if errno == Errno::EINVAL { Errno::ENOENT } else { errno });
        }
        match self.tree().lookup(base, path, Follow::No)? {
            Found::Place(place, _) => place.read_link(),
            Found::Link(file) => Ok(file.path()),
            Found::Open(_) => Err(Errno::EINVAL),
        }
    }

    /// Returns what `statfs` tells.
    ///
    /// # Errors
    /// The host's.
    pub fn statfs(&self, base: &dyn FileDescription, path: &[u8]) -> Result<StatFs, Errno> {
        match self.target(base, path, AtFlags::empty())? {
            Target::Place(place, _) => match place.host() {
                Some(fd) => host::statfs(fd),
                None => Ok(crate::synthetic::statfs()),
            },
            Target::Link => Ok(crate::synthetic::statfs()),
            Target::File(file) => file.statfs(),
            Target::Open(file) => file.statfs(),
        }
    }

    /// Sets the permission bits of a file.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn chmod(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        mode: u32,
        flags: u32,
    ) -> Result<(), Errno> {
        let target = self.target(base, path, at_flags(flags, LOOKUP_FLAGS)?)?;
        let Target::Place(place, _) = &target else {
            return target.file().ok_or(Errno::EROFS)?.chmod(mode);
        };
        let fd = self.tree().check_writable(place)?;
        let mode = Mode::from_bits_truncate(mode);
        host::by_number(fd, |dir, name| rustix::fs::chmodat(dir, name, mode, AtFlags::empty()))
    }

    /// Sets owner and group of a file; `u32::MAX` leaves one as it is.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn chown(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        uid: u32,
        gid: u32,
        flags: u32,
    ) -> Result<(), Errno> {
        let target = self.target(base, path, at_flags(flags, LOOKUP_FLAGS)?)?;
        let Target::Place(place, _) = &target else { return Err(Errno::EROFS) };
        let fd = self.tree().check_writable(place)?;
        let uid = (uid != u32::MAX).then(|| Uid::from_raw(uid));
        let gid = (gid != u32::MAX).then(|| Gid::from_raw(gid));
        rustix::fs::chownat(fd, "", uid, gid, AtFlags::EMPTY_PATH).map_err(errno)
    }

    /// Sets access and modification time of a file.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn set_times(
        &self,
        base: &dyn FileDescription,
        path: &[u8],
        atime: SetTime,
        mtime: SetTime,
        flags: u32,
    ) -> Result<(), Errno> {
        let target = self.target(base, path, at_flags(flags, LOOKUP_FLAGS)?)?;
        let Target::Place(place, _) = &target else { return Err(Errno::EROFS) };
        if (atime, mtime) == (SetTime::Omit, SetTime::Omit) {
            return Ok(());
        }
        let fd = self.tree().check_writable(place)?;
        let times = Timestamps { last_access: timespec(atime), last_modification: timespec(mtime) };
        rustix::fs::utimensat(fd, "", &times, AtFlags::EMPTY_PATH).map_err(errno)
    }

    /// Sets the length of a file.
    ///
    /// # Errors
    /// `EISDIR` for a directory, `EINVAL` for anything else that is no regular file; `EROFS` where
    /// the program may write to nothing; the host's.
    pub fn truncate(&self, base: &dyn FileDescription, path: &[u8], len: u64) -> Result<(), Errno> {
        if i64::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        let Target::Place(place, stat) = self.target(base, path, AtFlags::empty())? else {
            return Err(Errno::EINVAL);
        };
        match host::file_type(&stat) {
            FileType::Directory => return Err(Errno::EISDIR),
            FileType::RegularFile => {}
            _ => return Err(Errno::EINVAL),
        }
        let fd = self.tree().check_writable(&place)?;
        let fd = host::reopen(fd, OFlags::WRONLY | OFlags::NONBLOCK, Mode::empty())?;
        rustix::fs::ftruncate(&fd, len).map_err(errno)?;
        crate::mapping::truncated(&stat, len);
        Ok(())
    }
}
