//! What is asked of host descriptors in more than one place.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{Access, AtFlags, FileType, Mode, OFlags, Statx, StatxFlags, StatxTimestamp};
use usermem_types::Errno;

use crate::{Stat, StatFs, Timestamp};

/// The type of the file system below `/proc`.
const PROC_SUPER_MAGIC: u64 = 0x9fa0;

/// Converts an error of the host.
pub(crate) fn errno(error: rustix::io::Errno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}

/// Returns our own `/proc/self/fd`: the way from a descriptor to its path, and from a place to
/// what is there.
fn descriptors() -> Result<BorrowedFd<'static>, Errno> {
    static DESCRIPTORS: OnceLock<OwnedFd> = OnceLock::new();
    if let Some(fd) = DESCRIPTORS.get() {
        return Ok(fd.as_fd());
    }
    let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
    let fd = rustix::fs::open("/proc/self/fd", flags, Mode::empty()).map_err(errno)?;
    Ok(DESCRIPTORS.get_or_init(|| fd).as_fd())
}

/// Calls `f` with the directory and the name under which the kernel knows a descriptor.
pub(crate) fn by_number<T>(
    fd: BorrowedFd<'_>,
    f: impl FnOnce(BorrowedFd<'_>, &str) -> rustix::io::Result<T>,
) -> Result<T, Errno> {
    let number = fd.as_raw_fd().to_string();
    f(descriptors()?, &number).map_err(errno)
}

/// Returns the path of what a descriptor refers to, as the kernel tells it.
pub(crate) fn path_text(fd: BorrowedFd<'_>) -> Result<Vec<u8>, Errno> {
    let text = by_number(fd, |dir, name| rustix::fs::readlinkat(dir, name, Vec::new()))?;
    Ok(text.into_bytes())
}

/// Opens anew what a descriptor refers to.
pub(crate) fn reopen(fd: BorrowedFd<'_>, flags: OFlags, mode: Mode) -> Result<OwnedFd, Errno> {
    // A controlling terminal of ours is not the program's to choose.
    let flags = (flags | OFlags::CLOEXEC | OFlags::NOCTTY) - OFlags::NOFOLLOW;
    by_number(fd, |dir, name| rustix::fs::openat(dir, name, flags, mode))
}

/// Returns what `statx` tells of a descriptor.
pub(crate) fn stat(fd: BorrowedFd<'_>) -> Result<Stat, Errno> {
    let mask = StatxFlags::ALL | StatxFlags::MNT_ID;
    let raw = rustix::fs::statx(fd, "", AtFlags::EMPTY_PATH, mask).map_err(errno)?;
    let mut stat = stat_from(&raw);
    let hidden = HIDDEN_PROCESSES.load(Ordering::Relaxed);
    if hidden != 0 && stat.ino == PROC_ROOT_INO && is_procfs(fd, &stat) {
        stat.nlink = stat.nlink.saturating_sub(hidden);
    }
    Ok(stat)
}

/// The inode number of the root of a `proc` file system.
const PROC_ROOT_INO: u64 = 1;

/// Processes of ours that a program is not to count.
static HIDDEN_PROCESSES: AtomicU32 = AtomicU32::new(0);

/// Leaves `count` processes out of the number of links of `/proc`, which is the number of all
/// processes of the host: those that run a program for us are not the program's to see.
pub fn hide_processes(count: u32) {
    HIDDEN_PROCESSES.store(count, Ordering::Relaxed);
}

fn stat_from(raw: &Statx) -> Stat {
    let time = |t: StatxTimestamp| Timestamp { sec: t.tv_sec, nsec: t.tv_nsec };
    let has_btime = raw.stx_mask & StatxFlags::BTIME.bits() != 0;
    Stat {
        dev: (raw.stx_dev_major, raw.stx_dev_minor),
        rdev: (raw.stx_rdev_major, raw.stx_rdev_minor),
        ino: raw.stx_ino,
        mode: u32::from(raw.stx_mode),
        nlink: raw.stx_nlink,
        uid: raw.stx_uid,
        gid: raw.stx_gid,
        size: raw.stx_size,
        blksize: raw.stx_blksize,
        blocks: raw.stx_blocks,
        atime: time(raw.stx_atime),
        mtime: time(raw.stx_mtime),
        ctime: time(raw.stx_ctime),
        btime: has_btime.then(|| time(raw.stx_btime)),
        mnt_id: raw.stx_mnt_id,
        attributes: raw.stx_attributes.bits(),
        attributes_mask: raw.stx_attributes_mask.bits(),
    }
}

/// Returns what `fstatfs` tells of a descriptor.
pub(crate) fn statfs(fd: BorrowedFd<'_>) -> Result<StatFs, Errno> {
    let [kind, bsize, blocks, bfree, bavail, files, ffree, fsid, namelen, frsize, flags, ..] =
        crate::sys::fstatfs(fd)?;
    let fsid = fsid.to_ne_bytes();
    let half = |at: usize| u32::from_ne_bytes([fsid[at], fsid[at + 1], fsid[at + 2], fsid[at + 3]]);
    Ok(StatFs {
        kind,
        bsize,
        blocks,
        bfree,
        bavail,
        files,
        ffree,
        fsid: [half(0), half(4)],
        namelen,
        frsize,
        flags,
    })
}

/// Returns whether what a descriptor refers to lies in a `proc` file system.
pub(crate) fn is_procfs(fd: BorrowedFd<'_>, stat: &Stat) -> bool {
    // File systems without a device, as proc is, have major number 0.
    stat.dev.0 == 0 && crate::sys::fstatfs(fd).is_ok_and(|words| words[0] == PROC_SUPER_MAGIC)
}

/// Returns the type of a file.
pub(crate) fn file_type(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.mode)
}

/// Opens a path of the host as a place, following links.
pub(crate) fn open_place(path: &[u8]) -> Result<OwnedFd, Errno> {
    rustix::fs::open(path, OFlags::PATH | OFlags::CLOEXEC, Mode::empty()).map_err(errno)
}

/// Checks whether we may access what a descriptor refers to; `EACCESS` asks for our effective
/// identity.
pub(crate) fn access(fd: BorrowedFd<'_>, access: Access, flags: AtFlags) -> Result<(), Errno> {
    by_number(fd, |dir, name| rustix::fs::accessat(dir, name, access, flags))
}
