//! Sending signals. The only receiver is the program itself: other processes are not there
//! (`ESRCH`), except its parent, which it may not touch (`EPERM`).

use kernel_task::{CurrentTask, SigDetail, SigInfo};
use usermem_types::Errno;

use crate::identity::process_group;
use crate::{Args, SysResult};

const SI_USER: i32 = 0;
const SI_TKILL: i32 = -6;
const SI_KERNEL: i32 = 0x80;

pub(crate) fn kill(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (own, pid) = (task.task().pid(), args.int(0));
    // -1 is everyone but the sender, and i32::MIN has no positive counterpart.
    let is_own = match pid {
        0 => true,
        1.. => pid == own,
        _ => pid != -1 && pid.checked_neg() == Some(process_group(task)),
    };
    if is_own {
        return send(task, args.int(1), SI_USER);
    }
    if pid == task.task().ppid() { Err(Errno::EPERM) } else { Err(Errno::ESRCH) }
}

pub(crate) fn tkill(task: &mut CurrentTask, args: &Args) -> SysResult {
    send_to_thread(task, args.int(0), args.int(1))
}

pub(crate) fn tgkill(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (process, thread) = (args.int(0), args.int(1));
    if process <= 0 || thread <= 0 {
        return Err(Errno::EINVAL);
    }
    if process != task.task().pid() {
        return Err(Errno::ESRCH);
    }
    send_to_thread(task, thread, args.int(2))
}

fn send_to_thread(task: &CurrentTask, thread: i32, signal: i32) -> SysResult {
    if thread <= 0 {
        return Err(Errno::EINVAL);
    }
    if thread != task.task().pid() {
        return Err(Errno::ESRCH);
    }
    send(task, signal, SI_TKILL)
}

fn send(task: &CurrentTask, signal: i32, code: i32) -> SysResult {
    let detail = SigDetail::Sender { pid: task.task().pid(), uid: task.task().credentials().uid };
    match signal {
        0 => Ok(0),
        1..=64 if task.task().signals().lock().queue(SigInfo { signal, code, detail }) => Ok(0),
        1..=64 => Err(Errno::EAGAIN),
        _ => Err(Errno::EINVAL),
    }
}

/// Raises a signal of the kernel's own, such as SIGPIPE, which takes effect when the system call
/// returns.
pub(crate) fn raise(task: &CurrentTask, signal: i32) {
    let info = SigInfo { signal, code: SI_KERNEL, detail: SigDetail::Kernel };
    task.task().signals().lock().queue(info);
}
