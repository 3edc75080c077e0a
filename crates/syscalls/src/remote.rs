//! Calls on the memory of another process; the only one here is the program's own.

use kernel_task::CurrentTask;
use usermem_io::IoOpts;
use usermem_types::Errno;

use crate::{Args, SysResult};

/// Stands for a descriptor of the calling thread.
pub(crate) const PIDFD_SELF_THREAD: i32 = -10_000;
/// Stands for a descriptor of the calling process.
pub(crate) const PIDFD_SELF: i32 = -10_001;

pub(crate) fn process_madvise(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.uint(4) != 0 {
        return Err(Errno::EINVAL);
    }
    let vectors = task.iovecs_io_sequence(args.addr(1), args.raw(2), IoOpts::CHECKED)?;
    check_pid_fd(args.int(0))?;
    let memory = task.task().memory_manager();
    let is_empty = vectors.ranges().iter().all(|range| range.is_empty());
    let mut done = 0;
    for (index, range) in vectors.ranges().iter().enumerate() {
        // As in Linux, an empty range is looked at only where there is more to do, and only as
        // the first.
        if is_empty || range.is_empty() && index > 0 {
            continue;
        }
        match memory.madvise(range.start(), range.len(), args.int(3)) {
            Ok(()) => done += range.len(),
            Err(errno) if done == 0 => return Err(errno),
            Err(_) => break,
        }
    }
    Ok(done)
}

pub(crate) fn process_mrelease(_task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.uint(1) != 0 {
        return Err(Errno::EINVAL);
    }
    check_pid_fd(args.int(0))?;
    // Only memory of a process that is being killed can be released.
    Err(Errno::EINVAL)
}

/// Nothing makes a descriptor of a process, so every other descriptor is none.
fn check_pid_fd(fd: i32) -> Result<(), Errno> {
    if matches!(fd, PIDFD_SELF_THREAD | PIDFD_SELF) { Ok(()) } else { Err(Errno::EBADF) }
}

pub(crate) fn process_vm_readv(task: &mut CurrentTask, args: &Args) -> SysResult {
    process_vm(task, args, |task, local, remote| task.copy_from_other(task.task(), local, remote))
}

pub(crate) fn process_vm_writev(task: &mut CurrentTask, args: &Args) -> SysResult {
    process_vm(task, args, |task, local, remote| task.copy_to_other(task.task(), local, remote))
}

fn process_vm(
    task: &CurrentTask,
    args: &Args,
    copy: impl Fn(&CurrentTask, usermem_io::IoSequence<'_>, &[kernel_task::RemoteRange]) -> usize,
) -> SysResult {
    if args.raw(5) != 0 {
        return Err(Errno::EINVAL);
    }
    let local = task.iovecs_io_sequence(args.addr(1), args.raw(2), IoOpts::CHECKED)?;
    if local.sequence().num_bytes() == 0 {
        return Ok(0);
    }
    let remote = task.copy_in_remote_iovecs(args.addr(3), args.raw(4))?;
    if remote.iter().all(|range| range.len == 0) {
        return Ok(0);
    }
    if args.int(0) != task.task().pid() {
        return Err(Errno::ESRCH);
    }
    match copy(task, local.sequence(), &remote) {
        0 => Err(Errno::EFAULT),
        done => Ok(done as u64),
    }
}
