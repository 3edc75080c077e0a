//! What fits nowhere else.

mod machine;
mod process_control;
mod random;

use kernel_task::CurrentTask;
use usermem_types::{Addr, Errno};

use crate::identity::check_self;
use crate::{Args, SysResult};

pub(crate) use machine::{setdomainname, sethostname, sysinfo, syslog, uname};
pub(crate) use process_control::prctl;
pub(crate) use random::getrandom;

/// The size of `struct robust_list_head`.
const ROBUST_LIST_HEAD: u64 = 24;

pub(crate) fn set_tid_address(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().set_clear_child_tid(args.addr(0));
    Ok(task.task().pid() as u64)
}

pub(crate) fn set_robust_list(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.raw(1) != ROBUST_LIST_HEAD {
        return Err(Errno::EINVAL);
    }
    task.task().set_robust_list(args.addr(0), args.raw(1));
    Ok(0)
}

pub(crate) fn get_robust_list(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_self(task, args.int(0))?;
    task.copy_out(args.addr(2), &ROBUST_LIST_HEAD)?;
    task.copy_out(args.addr(1), &task.task().robust_list().0.get())?;
    Ok(0)
}

/// Restartable sequences need a word of the kernel in the thread's memory at each preemption; a
/// libc does without them.
pub(crate) fn rseq(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::ENOSYS)
}

pub(crate) fn membarrier(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().membarrier(args.uint(0), args.uint(1)).map(u64::from)
}

pub(crate) fn ioprio_get(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_ioprio(task, args)
}

/// Accepts a priority; the host's order of our reads and writes stays as it is.
pub(crate) fn ioprio_set(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (class, level) = ((args.uint(2) >> 13) & 7, args.uint(2) & 7);
    match class {
        // None has no levels; best effort has eight; idle ignores them.
        0 if level != 0 => return Err(Errno::EINVAL),
        0 | 2 | 3 => {}
        1 => return Err(Errno::EPERM),
        _ => return Err(Errno::EINVAL),
    }
    check_ioprio(task, args)
}

fn check_ioprio(task: &CurrentTask, args: &Args) -> SysResult {
    const PROCESS: i32 = 1;
    const GROUP: i32 = 2;
    const USER: i32 = 3;
    let own = match args.int(0) {
        PROCESS => task.task().pid(),
        GROUP => crate::identity::process_group(task),
        USER => task.task().credentials().uid as i32,
        _ => return Err(Errno::EINVAL),
    };
    if args.int(1) == 0 || args.int(1) == own { Ok(0) } else { Err(Errno::ESRCH) }
}

pub(crate) fn sync(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    rustix::fs::sync();
    Ok(0)
}

pub(crate) fn syncfs(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = task.task().files().lock().get(args.int(0))?.file.clone();
    match file.sync(false) {
        // What has no storage has nothing to write back.
        Ok(()) | Err(Errno::EINVAL) => Ok(0),
        Err(errno) => Err(errno),
    }
}

/// Stores a number where a program wants it.
fn put<T: zerocopy::IntoBytes + zerocopy::Immutable>(
    task: &CurrentTask,
    addr: Addr,
    value: T,
) -> SysResult {
    task.copy_out(addr, &value)?;
    Ok(0)
}
