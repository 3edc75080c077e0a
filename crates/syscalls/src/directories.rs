//! Directories: reading them, changing what they hold, and where the program is.

use hostfs::{DirEntry, FileKind, Whence};
use kernel_task::{CurrentTask, errno_of_fault};
use usermem_types::{Addr, Errno};

use crate::paths::{
    AT_EMPTY_PATH, AT_FDCWD, AT_REMOVEDIR, AT_SYMLINK_FOLLOW, contents, file, path, path_at,
    path_at_flags,
};
use crate::{Args, SysResult};

/// Bytes of `struct linux_dirent64` before the name.
const DIRENT_HEADER: usize = 19;

/// The most bytes of entries that one call gathers.
const GETDENTS_MAX: usize = 256 << 10;

fn encode(entry: &DirEntry, out: &mut Vec<u8>, room: usize) -> bool {
    let len = (DIRENT_HEADER + entry.name.len() + 1).next_multiple_of(8);
    let (Ok(record), true) = (u16::try_from(len), out.len() + len <= room) else { return false };
    let end = out.len() + len;
    out.extend(entry.ino.to_le_bytes());
    out.extend(entry.offset.to_le_bytes());
    out.extend(record.to_le_bytes());
    out.push(entry.kind);
    out.extend(&entry.name);
    out.resize(end, 0);
    true
}

/// Entries as the program gets them, and where each of them ends.
#[derive(Default)]
struct Listing {
    bytes: Vec<u8>,
    /// Of each entry: where its name ends, where it ends, and the directory's position after it.
    ends: Vec<(usize, usize, u64)>,
    /// An entry was left out for lack of room.
    is_full: bool,
}

impl Listing {
    fn push(&mut self, entry: &DirEntry, room: usize) -> bool {
        let name_end = self.bytes.len() + DIRENT_HEADER + entry.name.len() + 1;
        let fits = encode(entry, &mut self.bytes, room);
        if fits {
            self.ends.push((name_end, self.bytes.len(), entry.offset));
        }
        self.is_full |= !fits;
        fits
    }
}

pub(crate) fn getdents64(task: &mut CurrentTask, args: &Args) -> SysResult {
    let directory = contents(task, args, 0)?;
    if directory.kind() != FileKind::Directory {
        return Err(Errno::ENOTDIR);
    }
    let room = (args.uint(2) as usize).min(GETDENTS_MAX);
    let start = directory.seek(0, Whence::Current)?;
    let mut listing = Listing::default();
    directory.read_dir(&mut |entry| listing.push(entry, room))?;
    if listing.bytes.is_empty() {
        return if listing.is_full { Err(Errno::EINVAL) } else { Ok(0) };
    }
    let Err(partial) = task.copy_out_bytes(args.addr(1), &listing.bytes) else {
        return Ok(listing.bytes.len() as u64);
    };
    // An entry whose name could not be stored comes again with the next call; Linux does not
    // write the padding after it.
    let whole = listing.ends.iter().rev().find(|(name_end, ..)| *name_end <= partial.done);
    let position = i64::try_from(whole.map_or(start, |(.., position)| *position));
    directory.seek(position.map_err(|_| Errno::EOVERFLOW)?, Whence::Start)?;
    match whole {
        Some((_, end, _)) => Ok(*end as u64),
        None => Err(errno_of_fault(partial.cause)),
    }
}

fn mkdir_at(task: &CurrentTask, fd: i32, addr: Addr, mode: u32) -> SysResult {
    let at = path_at(task, fd, addr)?;
    let mode = mode & 0o7777 & !task.task().fs().lock().umask;
    task.task().namespace().mkdir(at.base(), &at.path, mode)?;
    Ok(0)
}

pub(crate) fn mkdir(task: &mut CurrentTask, args: &Args) -> SysResult {
    mkdir_at(task, AT_FDCWD, args.addr(0), args.uint(1))
}

pub(crate) fn mkdirat(task: &mut CurrentTask, args: &Args) -> SysResult {
    mkdir_at(task, args.int(0), args.addr(1), args.uint(2))
}

fn mknod_at(task: &CurrentTask, fd: i32, addr: Addr, mode: u32) -> SysResult {
    const TYPE: u32 = 0o170_000;
    let at = path_at(task, fd, addr)?;
    let permissions = mode & 0o7777 & !task.task().fs().lock().umask;
    task.task().namespace().mknod(at.base(), &at.path, mode & TYPE | permissions)?;
    Ok(0)
}

pub(crate) fn mknod(task: &mut CurrentTask, args: &Args) -> SysResult {
    mknod_at(task, AT_FDCWD, args.addr(0), args.uint(1))
}

pub(crate) fn mknodat(task: &mut CurrentTask, args: &Args) -> SysResult {
    mknod_at(task, args.int(0), args.addr(1), args.uint(2))
}

fn unlink_at(task: &CurrentTask, fd: i32, addr: Addr, flags: u32) -> SysResult {
    let at = path_at(task, fd, addr)?;
    task.task().namespace().unlink(at.base(), &at.path, flags)?;
    Ok(0)
}

pub(crate) fn unlink(task: &mut CurrentTask, args: &Args) -> SysResult {
    unlink_at(task, AT_FDCWD, args.addr(0), 0)
}

pub(crate) fn rmdir(task: &mut CurrentTask, args: &Args) -> SysResult {
    unlink_at(task, AT_FDCWD, args.addr(0), AT_REMOVEDIR)
}

pub(crate) fn unlinkat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = args.uint(2);
    if flags & !AT_REMOVEDIR != 0 {
        return Err(Errno::EINVAL);
    }
    unlink_at(task, args.int(0), args.addr(1), flags)
}

fn rename_at(task: &CurrentTask, old: (i32, Addr), new: (i32, Addr), flags: u32) -> SysResult {
    const NOREPLACE: u32 = 1;
    const EXCHANGE: u32 = 2;
    const WHITEOUT: u32 = 4;
    let known = NOREPLACE | EXCHANGE | WHITEOUT;
    if flags & !known != 0 || (flags & EXCHANGE != 0 && flags & (NOREPLACE | WHITEOUT) != 0) {
        return Err(Errno::EINVAL);
    }
    let old = path_at(task, old.0, old.1)?;
    let new = path_at(task, new.0, new.1)?;
    let namespace = task.task().namespace();
    namespace.rename(old.base(), &old.path, new.base(), &new.path, flags)?;
    Ok(0)
}

pub(crate) fn rename(task: &mut CurrentTask, args: &Args) -> SysResult {
    rename_at(task, (AT_FDCWD, args.addr(0)), (AT_FDCWD, args.addr(1)), 0)
}

pub(crate) fn renameat(task: &mut CurrentTask, args: &Args) -> SysResult {
    rename_at(task, (args.int(0), args.addr(1)), (args.int(2), args.addr(3)), 0)
}

pub(crate) fn renameat2(task: &mut CurrentTask, args: &Args) -> SysResult {
    rename_at(task, (args.int(0), args.addr(1)), (args.int(2), args.addr(3)), args.uint(4))
}

fn symlink_at(task: &CurrentTask, target: Addr, fd: i32, addr: Addr) -> SysResult {
    let target = task.copy_in_path(target)?;
    let at = path_at(task, fd, addr)?;
    task.task().namespace().symlink(&target, at.base(), &at.path)?;
    Ok(0)
}

pub(crate) fn symlink(task: &mut CurrentTask, args: &Args) -> SysResult {
    symlink_at(task, args.addr(0), AT_FDCWD, args.addr(1))
}

pub(crate) fn symlinkat(task: &mut CurrentTask, args: &Args) -> SysResult {
    symlink_at(task, args.addr(0), args.int(1), args.addr(2))
}

pub(crate) fn link(task: &mut CurrentTask, args: &Args) -> SysResult {
    let old = path(task, args.addr(0))?;
    let new = path(task, args.addr(1))?;
    task.task().namespace().link(old.base(), &old.path, new.base(), &new.path, 0)?;
    Ok(0)
}

pub(crate) fn linkat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = args.uint(4);
    if flags & !(AT_SYMLINK_FOLLOW | AT_EMPTY_PATH) != 0 {
        return Err(Errno::EINVAL);
    }
    let old = path_at_flags(task, args.int(0), args.addr(1), flags)?;
    let new = path_at(task, args.int(2), args.addr(3))?;
    task.task().namespace().link(old.base(), &old.path, new.base(), &new.path, flags)?;
    Ok(0)
}

pub(crate) fn chdir(task: &mut CurrentTask, args: &Args) -> SysResult {
    let at = path(task, args.addr(0))?;
    let flags = (libc::O_PATH | libc::O_DIRECTORY) as u32;
    let directory = task.task().namespace().open(at.base(), &at.path, flags, 0)?;
    const EXECUTE: u32 = 1;
    task.task().namespace().access(&*directory, b"", EXECUTE, AT_EMPTY_PATH)?;
    task.task().fs().lock().cwd = directory;
    Ok(0)
}

pub(crate) fn fchdir(task: &mut CurrentTask, args: &Args) -> SysResult {
    const TYPE: u32 = 0o170_000;
    const DIRECTORY: u32 = 0o040_000;
    let directory = file(task, args, 0)?;
    if directory.stat()?.mode & TYPE != DIRECTORY {
        return Err(Errno::ENOTDIR);
    }
    task.task().fs().lock().cwd = directory;
    Ok(0)
}

pub(crate) fn getcwd(task: &mut CurrentTask, args: &Args) -> SysResult {
    let cwd = task.task().cwd();
    if cwd.stat()?.nlink == 0 {
        return Err(Errno::ENOENT);
    }
    let mut path = cwd.path();
    path.push(0);
    if path.len() as u64 > args.raw(1) {
        return Err(Errno::ERANGE);
    }
    task.copy_out(args.addr(0), path.as_slice())?;
    Ok(path.len() as u64)
}
