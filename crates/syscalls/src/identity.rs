//! Who the program is: ids, process groups, capabilities, umask.

mod capabilities;
mod credentials;
mod groups;

use kernel_task::{Attributes, CurrentTask};
use usermem_types::Errno;

use crate::{Args, SysResult};

pub(crate) use capabilities::{capget, capset};
pub(crate) use credentials::{
    getegid, geteuid, getgid, getgroups, getresgid, getresuid, getuid, setfsgid, setfsuid, setgid,
    setgroups, setregid, setresgid, setresuid, setreuid, setuid,
};
#[cfg(target_arch = "x86_64")]
pub(crate) use groups::getpgrp;
pub(crate) use groups::{getpgid, getsid, process_group, setpgid, setsid};

pub(crate) fn getpid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(id(task.task().pid()))
}

pub(crate) fn getppid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(id(task.task().ppid()))
}

/// The one thread of a process has its number.
pub(crate) fn gettid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(id(task.task().pid()))
}

pub(crate) fn umask(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mut fs = task.task().fs().lock();
    let old = fs.umask;
    fs.umask = args.uint(0) & 0o777;
    Ok(u64::from(old))
}

/// Keeps the flags that only concern how the next program starts, of which there is none, and
/// refuses others.
pub(crate) fn personality(task: &mut CurrentTask, args: &Args) -> SysResult {
    const FDPIC_FUNCPTRS: u32 = 0x0008_0000;
    const MMAP_PAGE_ZERO: u32 = 0x0010_0000;
    const ADDR_COMPAT_LAYOUT: u32 = 0x0020_0000;
    const KEPT: u32 =
        Attributes::ADDR_NO_RANDOMIZE | FDPIC_FUNCPTRS | MMAP_PAGE_ZERO | ADDR_COMPAT_LAYOUT;
    const ASK: u32 = u32::MAX;
    let mut attributes = task.task().attributes().lock();
    let old = attributes.personality;
    match args.uint(0) {
        ASK => {}
        new if new & !KEPT == 0 => attributes.personality = new,
        _ => return Err(Errno::EINVAL),
    }
    Ok(u64::from(old))
}

/// Checks that a call which takes a process or thread means the caller.
///
/// # Errors
/// `ESRCH` for another process: the program sees none but itself.
pub(crate) fn check_self(task: &CurrentTask, pid: i32) -> Result<(), Errno> {
    if pid == 0 || pid == task.task().pid() { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Returns an id as a call returns it.
fn id(pid: i32) -> u64 {
    i64::from(pid) as u64
}
