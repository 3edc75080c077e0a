//! What files say of themselves: stat, access, modes, owners, times, file systems.

use hostfs::{SetTime, Stat, StatFs, Timestamp};
use kernel_task::CurrentTask;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::paths::{
    AT_EMPTY_PATH, AT_FDCWD, AT_SYMLINK_NOFOLLOW, PathAt, contents, file, path, path_at,
    path_at_flags, path_or_empty,
};
use crate::{Args, SysResult};

/// `struct stat`, x86-64.
#[cfg(target_arch = "x86_64")]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StatAbi {
    dev: u64,
    ino: u64,
    nlink: u64,
    mode: u32,
    uid: u32,
    gid: u32,
    pad: u32,
    rdev: u64,
    size: i64,
    blksize: i64,
    blocks: i64,
    times: [[u64; 2]; 3],
    unused: [i64; 3],
}

/// `struct stat`, the generic layout of newer architectures.
#[cfg(not(target_arch = "x86_64"))]
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StatAbi {
    dev: u64,
    ino: u64,
    mode: u32,
    nlink: u32,
    uid: u32,
    gid: u32,
    rdev: u64,
    pad: u64,
    size: i64,
    blksize: i32,
    pad2: i32,
    blocks: i64,
    times: [[u64; 2]; 3],
    unused: [i32; 2],
}

#[cfg(target_arch = "x86_64")]
static_assertions::assert_eq_size!(StatAbi, [u8; 144]);

/// A device number as `struct stat` holds it.
fn device((major, minor): (u32, u32)) -> u64 {
    u64::from(minor & 0xff)
        | u64::from(major & 0xfff) << 8
        | u64::from(minor & !0xff) << 12
        | u64::from(major & !0xfff) << 32
}

fn seconds(time: Timestamp) -> [u64; 2] {
    [time.sec as u64, time.nsec.into()]
}

fn copy_out_stat(task: &CurrentTask, addr: Addr, stat: &Stat) -> SysResult {
    let abi = StatAbi {
        dev: device(stat.dev),
        ino: stat.ino,
        nlink: stat.nlink.into(),
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
        rdev: device(stat.rdev),
        size: stat.size as i64,
        blksize: stat.blksize as _,
        blocks: stat.blocks as i64,
        times: [seconds(stat.atime), seconds(stat.mtime), seconds(stat.ctime)],
        ..StatAbi::default()
    };
    task.copy_out(addr, &abi)?;
    Ok(0)
}

fn lookup(task: &CurrentTask, at: &PathAt, flags: u32) -> Result<Stat, Errno> {
    if at.path.is_empty() && flags & AT_EMPTY_PATH != 0 {
        return at.base.stat();
    }
    task.task().namespace().stat(at.base(), &at.path, flags)
}

pub(crate) fn stat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    copy_out_stat(task, args.addr(1), &lookup(task, &at, 0)?)
}

pub(crate) fn lstat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    copy_out_stat(task, args.addr(1), &lookup(task, &at, AT_SYMLINK_NOFOLLOW)?)
}

pub(crate) fn fstat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let stat = file(task, args, 0)?.stat()?;
    copy_out_stat(task, args.addr(1), &stat)
}

pub(crate) fn newfstatat(task: &mut CurrentTask, args: &Args) -> SysResult {
    const AT_NO_AUTOMOUNT: u32 = 0x800;
    let flags = args.uint(3);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH | AT_NO_AUTOMOUNT) != 0 {
        return Err(Errno::EINVAL);
    }
    let at = path_at_flags(task, args.int(0), args.addr(1), flags)?;
    copy_out_stat(task, args.addr(2), &lookup(task, &at, flags)?)
}

/// `struct statx_timestamp`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StatxTime {
    sec: i64,
    nsec: u32,
    pad: i32,
}

/// `struct statx`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StatxAbi {
    mask: u32,
    blksize: u32,
    attributes: u64,
    nlink: u32,
    uid: u32,
    gid: u32,
    mode: u16,
    pad: u16,
    ino: u64,
    size: u64,
    blocks: u64,
    attributes_mask: u64,
    atime: StatxTime,
    btime: StatxTime,
    ctime: StatxTime,
    mtime: StatxTime,
    rdev_major: u32,
    rdev_minor: u32,
    dev_major: u32,
    dev_minor: u32,
    mnt_id: u64,
    unused: [u64; 13],
}

static_assertions::assert_eq_size!(StatxAbi, [u8; 256]);

fn statx_time(time: Timestamp) -> StatxTime {
    StatxTime { sec: time.sec, nsec: time.nsec, pad: 0 }
}

pub(crate) fn statx(task: &mut CurrentTask, args: &Args) -> SysResult {
    const STATX_BASIC_STATS: u32 = 0x7ff;
    const STATX_BTIME: u32 = 0x800;
    const STATX_MNT_ID: u32 = 0x1000;
    const STATX_RESERVED: u32 = 0x8000_0000;
    /// Both synchronisation flags together are contradictory.
    const AT_STATX_SYNC_TYPE: u32 = 0x6000;
    const KNOWN: u32 = AT_SYMLINK_NOFOLLOW | 0x800 | AT_EMPTY_PATH | AT_STATX_SYNC_TYPE;
    let (flags, wanted) = (args.uint(2), args.uint(3));
    if flags & AT_STATX_SYNC_TYPE == AT_STATX_SYNC_TYPE
        || wanted & STATX_RESERVED != 0
        || flags & !KNOWN != 0
    {
        return Err(Errno::EINVAL);
    }
    let at = path_at_flags(task, args.int(0), args.addr(1), flags)?;
    let stat = lookup(task, &at, flags & !AT_STATX_SYNC_TYPE)?;
    let mut mask = STATX_BASIC_STATS;
    if stat.btime.is_some() {
        mask |= STATX_BTIME & wanted;
    }
    if stat.mnt_id != 0 {
        mask |= STATX_MNT_ID & wanted;
    }
    let abi = StatxAbi {
        mask,
        blksize: stat.blksize,
        attributes: stat.attributes,
        nlink: stat.nlink,
        uid: stat.uid,
        gid: stat.gid,
        mode: stat.mode as u16,
        ino: stat.ino,
        size: stat.size,
        blocks: stat.blocks,
        attributes_mask: stat.attributes_mask,
        atime: statx_time(stat.atime),
        btime: statx_time(stat.btime.unwrap_or_default()),
        ctime: statx_time(stat.ctime),
        mtime: statx_time(stat.mtime),
        rdev_major: stat.rdev.0,
        rdev_minor: stat.rdev.1,
        dev_major: stat.dev.0,
        dev_minor: stat.dev.1,
        mnt_id: if mask & STATX_MNT_ID != 0 { stat.mnt_id } else { 0 },
        ..StatxAbi::default()
    };
    task.copy_out(args.addr(4), &abi)?;
    Ok(0)
}

fn check_access(task: &CurrentTask, at: &PathAt, mode: u32, flags: u32) -> SysResult {
    if mode & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    task.task().namespace().access(at.base(), &at.path, mode, flags)?;
    Ok(0)
}

pub(crate) fn access(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.uint(1) & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let at = path(task, args.addr(0))?;
    check_access(task, &at, args.uint(1), 0)
}

pub(crate) fn faccessat(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.uint(2) & !7 != 0 {
        return Err(Errno::EINVAL);
    }
    let at = path_at(task, args.int(0), args.addr(1))?;
    check_access(task, &at, args.uint(2), 0)
}

pub(crate) fn faccessat2(task: &mut CurrentTask, args: &Args) -> SysResult {
    const AT_EACCESS: u32 = 0x200;
    let flags = args.uint(3);
    if args.uint(2) & !7 != 0 || flags & !(AT_EACCESS | AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let at = path_at_flags(task, args.int(0), args.addr(1), flags)?;
    check_access(task, &at, args.uint(2), flags)
}

fn read_link_at(task: &CurrentTask, fd: i32, path: Addr, out: Addr, len: i32) -> SysResult {
    let len = usize::try_from(len).ok().filter(|len| *len > 0).ok_or(Errno::EINVAL)?;
    let at = path_or_empty(task, fd, path)?;
    let target = task.task().namespace().read_link(at.base(), &at.path)?;
    let target = target.get(..target.len().min(len)).unwrap_or_default();
    task.copy_out(out, target)?;
    Ok(target.len() as u64)
}

pub(crate) fn readlink(task: &mut CurrentTask, args: &Args) -> SysResult {
    read_link_at(task, AT_FDCWD, args.addr(0), args.addr(1), args.int(2))
}

pub(crate) fn readlinkat(task: &mut CurrentTask, args: &Args) -> SysResult {
    read_link_at(task, args.int(0), args.addr(1), args.addr(2), args.int(3))
}

fn chmod_at(task: &CurrentTask, at: &PathAt, mode: u32) -> SysResult {
    task.task().namespace().chmod(at.base(), &at.path, mode & 0o7777, 0)?;
    Ok(0)
}

pub(crate) fn chmod(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    chmod_at(task, &at, args.uint(1))
}

pub(crate) fn fchmodat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path_at(task, args.int(0), args.addr(1))?;
    chmod_at(task, &at, args.uint(2))
}

pub(crate) fn fchmod(task: &mut CurrentTask, args: &Args) -> SysResult {
    contents(task, args, 0)?.chmod(args.uint(1) & 0o7777)?;
    Ok(0)
}

fn chown_at(task: &CurrentTask, at: &PathAt, ids: (u32, u32), flags: u32) -> SysResult {
    task.task().namespace().chown(at.base(), &at.path, ids.0, ids.1, flags)?;
    Ok(0)
}

pub(crate) fn chown(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    chown_at(task, &at, (args.uint(1), args.uint(2)), 0)
}

pub(crate) fn lchown(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    chown_at(task, &at, (args.uint(1), args.uint(2)), AT_SYMLINK_NOFOLLOW)
}

pub(crate) fn fchown(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = PathAt { base: contents(task, args, 0)?, path: Vec::new() };
    chown_at(task, &at, (args.uint(1), args.uint(2)), AT_EMPTY_PATH)
}

pub(crate) fn fchownat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = args.uint(4);
    if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let at = path_at_flags(task, args.int(0), args.addr(1), flags)?;
    chown_at(task, &at, (args.uint(2), args.uint(3)), flags)
}

const UTIME_NOW: i64 = 0x3fff_ffff;
const UTIME_OMIT: i64 = 0x3fff_fffe;

fn set_time([sec, nsec]: [i64; 2]) -> Result<SetTime, Errno> {
    match nsec {
        UTIME_NOW => Ok(SetTime::Now),
        UTIME_OMIT => Ok(SetTime::Omit),
        0..=999_999_999 => Ok(SetTime::At(Timestamp { sec, nsec: nsec as u32 })),
        _ => Err(Errno::EINVAL),
    }
}

pub(crate) fn utimensat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = args.uint(3);
    const NOW: [i64; 2] = [0, UTIME_NOW];
    let (atime, mtime) = match args.addr(2) {
        Addr::ZERO => (NOW, NOW),
        addr => {
            let [atime, mtime] = task.copy_in::<[[i64; 2]; 2]>(addr)?;
            if atime[1] == UTIME_OMIT && mtime[1] == UTIME_OMIT {
                // Linux: nothing to do, not even a look at the path.
                return Ok(0);
            }
            (atime, mtime)
        }
    };
    let at = if args.addr(1) == Addr::ZERO && args.int(0) != AT_FDCWD {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        PathAt { base: contents(task, args, 0)?, path: Vec::new() }
    } else {
        if flags & !(AT_SYMLINK_NOFOLLOW | AT_EMPTY_PATH) != 0 {
            return Err(Errno::EINVAL);
        }
        path_at_flags(task, args.int(0), args.addr(1), flags)?
    };
    let flags = if at.path.is_empty() { flags | AT_EMPTY_PATH } else { flags };
    let (Ok(atime), Ok(mtime)) = (set_time(atime), set_time(mtime)) else {
        // Linux looks at the times once it has found the file.
        lookup(task, &at, flags)?;
        return Err(Errno::EINVAL);
    };
    task.task().namespace().set_times(at.base(), &at.path, atime, mtime, flags)?;
    Ok(0)
}

/// `struct statfs`.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct StatFsAbi {
    kind: u64,
    bsize: u64,
    blocks: u64,
    bfree: u64,
    bavail: u64,
    files: u64,
    ffree: u64,
    fsid: [u32; 2],
    namelen: u64,
    frsize: u64,
    flags: u64,
    spare: [u64; 4],
}

fn copy_out_statfs(task: &CurrentTask, addr: Addr, stat: &StatFs) -> SysResult {
    let abi = StatFsAbi {
        kind: stat.kind,
        bsize: stat.bsize,
        blocks: stat.blocks,
        bfree: stat.bfree,
        bavail: stat.bavail,
        files: stat.files,
        ffree: stat.ffree,
        fsid: stat.fsid,
        namelen: stat.namelen,
        frsize: stat.frsize,
        flags: stat.flags,
        spare: [0; 4],
    };
    task.copy_out(addr, &abi)?;
    Ok(0)
}

pub(crate) fn statfs(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    let stat = task.task().namespace().statfs(at.base(), &at.path)?;
    copy_out_statfs(task, args.addr(1), &stat)
}

pub(crate) fn fstatfs(task: &mut CurrentTask, args: &Args) -> SysResult {
    let stat = file(task, args, 0)?.statfs()?;
    copy_out_statfs(task, args.addr(1), &stat)
}

/// Extended attributes are not offered; the calls look at their arguments and say so.
pub(crate) fn no_xattr(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    lookup(task, &at, 0)?;
    Err(Errno::EOPNOTSUPP)
}

/// As [`no_xattr`], for calls that do not follow a link.
pub(crate) fn no_lxattr(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    lookup(task, &at, AT_SYMLINK_NOFOLLOW)?;
    Err(Errno::EOPNOTSUPP)
}

/// As [`no_xattr`], for calls on a descriptor.
pub(crate) fn no_fxattr(task: &mut CurrentTask, args: &Args) -> SysResult {
    contents(task, args, 0)?;
    Err(Errno::EOPNOTSUPP)
}
