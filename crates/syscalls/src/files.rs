//! Opening, closing, duplicating and steering descriptors.

use std::sync::Arc;

use hostfs::{FileDescription, FileKind, StatusFlags, Whence};
use kernel_task::{CurrentTask, OpenFile, Resource};
use usermem_types::{Addr, Errno};

use crate::paths::{AT_FDCWD, contents, file, path_at};
use crate::{Args, SysResult};

const O_CLOEXEC: u32 = libc::O_CLOEXEC as u32;
const O_CREAT: u32 = libc::O_CREAT as u32;
const O_TMPFILE_ONLY: u32 = 0o20_000_000;
const O_NONBLOCK: u32 = libc::O_NONBLOCK as u32;
const F_GETSIG: i32 = 11;
const O_LARGEFILE: u32 = 0o100_000;

/// The number of descriptors that a program may have open.
fn fd_limit(task: &CurrentTask) -> usize {
    let soft = task.task().limits().lock().get(Resource::OpenFiles).soft;
    usize::try_from(soft).unwrap_or(usize::MAX).min(1 << 20)
}

/// Puts an open file at the lowest free descriptor.
fn install(task: &CurrentTask, file: Arc<dyn FileDescription>, close_on_exec: bool) -> SysResult {
    let limit = fd_limit(task);
    let fd = task.task().files().lock().insert(OpenFile { file, close_on_exec }, 0, limit)?;
    Ok(fd as u64)
}

fn open_at(task: &CurrentTask, dirfd: i32, addr: Addr, flags: u32, mode: u32) -> SysResult {
    let at = path_at(task, dirfd, addr)?;
    let mode = if flags & (O_CREAT | O_TMPFILE_ONLY) == 0 {
        0
    } else {
        mode & 0o7777 & !task.task().fs().lock().umask
    };
    let file = task.task().namespace().open(at.base(), &at.path, flags | O_LARGEFILE, mode)?;
    install(task, file, flags & O_CLOEXEC != 0)
}

pub(crate) fn open(task: &mut CurrentTask, args: &Args) -> SysResult {
    open_at(task, AT_FDCWD, args.addr(0), args.uint(1), args.uint(2))
}

pub(crate) fn creat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = (libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC) as u32;
    open_at(task, AT_FDCWD, args.addr(0), flags, args.uint(1))
}

pub(crate) fn openat(task: &mut CurrentTask, args: &Args) -> SysResult {
    open_at(task, args.int(0), args.addr(1), args.uint(2), args.uint(3))
}

pub(crate) fn close(task: &mut CurrentTask, args: &Args) -> SysResult {
    let open = task.task().files().lock().remove(args.int(0))?;
    // Closing may block or call the host: not under the table's lock.
    drop(open);
    Ok(0)
}

pub(crate) fn close_range(task: &mut CurrentTask, args: &Args) -> SysResult {
    const CLOSE_RANGE_UNSHARE: u32 = 2;
    const CLOSE_RANGE_CLOEXEC: u32 = 4;
    let (first, last, flags) = (args.uint(0), args.uint(1), args.uint(2));
    if flags & !(CLOSE_RANGE_UNSHARE | CLOSE_RANGE_CLOEXEC) != 0 || first > last {
        return Err(Errno::EINVAL);
    }
    let mut files = task.task().files().lock();
    let open: Vec<i32> = files
        .iter()
        .map(|(fd, _)| fd)
        .filter(|fd| (first..=last).contains(&(*fd as u32)))
        .collect();
    let mut closed = Vec::new();
    for fd in open {
        if flags & CLOSE_RANGE_CLOEXEC != 0 {
            files.get_mut(fd)?.close_on_exec = true;
        } else {
            closed.push(files.remove(fd)?);
        }
    }
    drop(files);
    drop(closed);
    Ok(0)
}

fn duplicate_from(task: &CurrentTask, fd: i32, lowest: usize, close_on_exec: bool) -> SysResult {
    let limit = fd_limit(task);
    let mut files = task.task().files().lock();
    let file = Arc::clone(&files.get(fd)?.file);
    Ok(files.insert(OpenFile { file, close_on_exec }, lowest, limit)? as u64)
}

pub(crate) fn dup(task: &mut CurrentTask, args: &Args) -> SysResult {
    duplicate_from(task, args.int(0), 0, false)
}

fn duplicate_to(task: &CurrentTask, old: i32, new: i32, close_on_exec: bool) -> SysResult {
    let limit = fd_limit(task);
    let mut files = task.task().files().lock();
    if usize::try_from(new).map_or(true, |new| new >= limit) {
        return Err(Errno::EBADF);
    }
    let file = Arc::clone(&files.get(old)?.file);
    let replaced = files.replace(new, OpenFile { file, close_on_exec }, limit)?;
    drop(files);
    drop(replaced);
    Ok(new as u64)
}

pub(crate) fn dup2(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (old, new) = (args.int(0), args.int(1));
    if old == new {
        task.task().files().lock().get(old)?;
        return Ok(new as u64);
    }
    duplicate_to(task, old, new, false)
}

pub(crate) fn dup3(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (old, new, flags) = (args.int(0), args.int(1), args.uint(2));
    if flags & !O_CLOEXEC != 0 || old == new {
        return Err(Errno::EINVAL);
    }
    duplicate_to(task, old, new, flags & O_CLOEXEC != 0)
}

fn make_pipe(task: &CurrentTask, addr: Addr, flags: u32) -> SysResult {
    let known = O_CLOEXEC | O_NONBLOCK | libc::O_DIRECT as u32;
    if flags & !known != 0 {
        return Err(Errno::EINVAL);
    }
    let (read_end, write_end) = hostfs::pipe(flags)?;
    let close_on_exec = flags & O_CLOEXEC != 0;
    let limit = fd_limit(task);
    let mut files = task.task().files().lock();
    let read_fd = files.insert(OpenFile { file: read_end, close_on_exec }, 0, limit)?;
    let write_fd = match files.insert(OpenFile { file: write_end, close_on_exec }, 0, limit) {
        Ok(fd) => fd,
        Err(errno) => {
            files.remove(read_fd)?;
            return Err(errno);
        }
    };
    drop(files);
    if let Err(errno) = task.copy_out(addr, &[read_fd, write_fd]) {
        let mut files = task.task().files().lock();
        let ends = (files.remove(read_fd), files.remove(write_fd));
        drop(files);
        drop(ends);
        return Err(errno);
    }
    Ok(0)
}

pub(crate) fn pipe(task: &mut CurrentTask, args: &Args) -> SysResult {
    make_pipe(task, args.addr(0), 0)
}

pub(crate) fn pipe2(task: &mut CurrentTask, args: &Args) -> SysResult {
    make_pipe(task, args.addr(0), args.uint(1))
}

pub(crate) fn eventfd2(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = args.uint(1);
    let file = hostfs::eventfd(args.uint(0), flags)?;
    install(task, file, flags & O_CLOEXEC != 0)
}

pub(crate) fn memfd_create(task: &mut CurrentTask, args: &Args) -> SysResult {
    const MFD_CLOEXEC: u32 = 1;
    /// Bytes of the longest name, NUL included: NAME_MAX less the prefix "memfd:".
    const NAME_MAX: usize = 250;
    let name = task.copy_in_string(args.addr(0), NAME_MAX).map_err(|error| match error.cause {
        usermem_io::StringCause::TooLong => Errno::EINVAL,
        usermem_io::StringCause::Fault(fault) => kernel_task::errno_of_fault(fault),
    })?;
    let flags = args.uint(1);
    let limit = Arc::clone(task.task().memory_manager().memory_file());
    let file = hostfs::memfd(&name, flags, limit)?;
    install(task, file, flags & MFD_CLOEXEC != 0)
}

pub(crate) fn fcntl(task: &mut CurrentTask, args: &Args) -> SysResult {
    const FD_CLOEXEC: u64 = 1;
    let (fd, argument) = (args.int(0), args.raw(2));
    let file = file(task, args, 0)?;
    let is_place = file.opened_flags().contains(StatusFlags::PATH);
    match args.int(1) {
        command @ (libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => {
            let lowest = usize::try_from(argument).map_err(|_| Errno::EINVAL)?;
            if lowest >= fd_limit(task) {
                return Err(Errno::EINVAL);
            }
            duplicate_from(task, fd, lowest, command == libc::F_DUPFD_CLOEXEC)
        }
        libc::F_GETFD => {
            let close_on_exec = task.task().files().lock().get(fd)?.close_on_exec;
            Ok(if close_on_exec { FD_CLOEXEC } else { 0 })
        }
        libc::F_SETFD => {
            let close_on_exec = argument & FD_CLOEXEC != 0;
            task.task().files().lock().get_mut(fd)?.close_on_exec = close_on_exec;
            Ok(0)
        }
        libc::F_GETFL => Ok(file.status_flags().bits().into()),
        _ if is_place => Err(Errno::EBADF),
        libc::F_SETFL => {
            file.set_status_flags(StatusFlags::from_bits_retain(argument as u32))?;
            Ok(0)
        }
        libc::F_GETLK | libc::F_OFD_GETLK => get_lock(task, args.addr(2)),
        libc::F_SETLK | libc::F_SETLKW | libc::F_OFD_SETLK | libc::F_OFD_SETLKW => {
            set_lock(task, &*file, args.addr(2))
        }
        libc::F_GET_SEALS => file.seals().map(u64::from),
        libc::F_ADD_SEALS => {
            // As in Linux, what is more than an int is not looked at.
            file.add_seals(argument as u32).map(|()| 0)
        }
        libc::F_GETPIPE_SZ => Ok(file.pipe_size()? as u64),
        // As in Linux, what is more than an int is not looked at.
        libc::F_SETPIPE_SZ => Ok(file.set_pipe_size(argument as u32)? as u64),
        libc::F_GETOWN | F_GETSIG | libc::F_GETLEASE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

/// `struct flock` of 64-bit Linux.
#[derive(
    Clone, Copy, Debug, Default, zerocopy::FromBytes, zerocopy::IntoBytes, zerocopy::Immutable,
)]
#[repr(C)]
struct Flock {
    kind: i16,
    whence: i16,
    padding: u32,
    start: i64,
    len: i64,
    pid: i32,
    tail: u32,
}

const F_RDLCK: i16 = 0;
const F_WRLCK: i16 = 1;
const F_UNLCK: i16 = 2;

/// With one process, no lock of another one is ever in the way.
fn get_lock(task: &CurrentTask, addr: Addr) -> SysResult {
    let mut lock: Flock = task.copy_in(addr)?;
    check_lock(&lock)?;
    if lock.kind == F_UNLCK {
        return Err(Errno::EINVAL);
    }
    lock.kind = F_UNLCK;
    task.copy_out(addr, &lock)?;
    Ok(0)
}

fn set_lock(task: &CurrentTask, file: &dyn FileDescription, addr: Addr) -> SysResult {
    let lock: Flock = task.copy_in(addr)?;
    check_lock(&lock)?;
    let mode = file.opened_flags().bits() & 3;
    let allowed = match lock.kind {
        F_RDLCK => mode != StatusFlags::WRITE_ONLY.bits(),
        F_WRLCK => mode != 0,
        _ => true,
    };
    if allowed { Ok(0) } else { Err(Errno::EBADF) }
}

fn check_lock(lock: &Flock) -> Result<(), Errno> {
    let known = matches!(lock.kind, F_RDLCK | F_WRLCK | F_UNLCK) && (0..=2).contains(&lock.whence);
    if known { Ok(()) } else { Err(Errno::EINVAL) }
}

pub(crate) fn flock(task: &mut CurrentTask, args: &Args) -> SysResult {
    const LOCK_NB: i32 = 4;
    contents(task, args, 0)?;
    match args.int(1) & !LOCK_NB {
        1 | 2 | 8 => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(crate) fn lseek(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = contents(task, args, 0)?;
    let whence = match args.uint(2) {
        0 => Whence::Start,
        1 => Whence::Current,
        2 => Whence::End,
        3 => Whence::Data,
        4 => Whence::Hole,
        _ => return Err(Errno::EINVAL),
    };
    file.seek(args.long(1), whence)
}

fn checked_len(len: i64) -> Result<u64, Errno> {
    u64::try_from(len).map_err(|_| Errno::EINVAL)
}

pub(crate) fn ftruncate(task: &mut CurrentTask, args: &Args) -> SysResult {
    let len = checked_len(args.long(1))?;
    contents(task, args, 0)?.truncate(len)?;
    Ok(0)
}

pub(crate) fn truncate(task: &mut CurrentTask, args: &Args) -> SysResult {
    let len = checked_len(args.long(1))?;
    let at = path_at(task, AT_FDCWD, args.addr(0))?;
    task.task().namespace().truncate(at.base(), &at.path, len)?;
    Ok(0)
}

pub(crate) fn fallocate(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = contents(task, args, 0)?;
    let (offset, len) = (args.long(2), args.long(3));
    if offset < 0 || len <= 0 {
        return Err(Errno::EINVAL);
    }
    if file.opened_flags().bits() & 3 == 0 {
        return Err(Errno::EBADF);
    }
    file.allocate(args.uint(1), offset as u64, len as u64)?;
    Ok(0)
}

pub(crate) fn fsync(task: &mut CurrentTask, args: &Args) -> SysResult {
    contents(task, args, 0)?.sync(false)?;
    Ok(0)
}

pub(crate) fn fdatasync(task: &mut CurrentTask, args: &Args) -> SysResult {
    contents(task, args, 0)?.sync(true)?;
    Ok(0)
}

/// Accepts a hint that does nothing: the host reads ahead by itself.
pub(crate) fn readahead(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = contents(task, args, 0)?;
    if file.opened_flags().contains(StatusFlags::WRITE_ONLY) {
        return Err(Errno::EBADF);
    }
    if file.kind() == FileKind::Regular { Ok(0) } else { Err(Errno::EINVAL) }
}

pub(crate) fn fadvise64(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = contents(task, args, 0)?;
    if file.kind() == FileKind::Pipe {
        return Err(Errno::ESPIPE);
    }
    if args.long(2) < 0 || args.uint(3) > 5 {
        return Err(Errno::EINVAL);
    }
    Ok(0)
}
