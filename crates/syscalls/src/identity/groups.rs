//! Process groups and sessions: those of our own process, so that what the program is told agrees
//! with what a terminal of the host says.

use kernel_task::CurrentTask;
use rustix::process::Pid;
use usermem_types::Errno;

use super::{check_self, id};
use crate::{Args, SysResult};

/// Returns the number under which the program knows a process of the host: its own for ours.
fn seen(task: &CurrentTask, host: Pid) -> i32 {
    if host == rustix::process::getpid() { task.task().pid() } else { host.as_raw_nonzero().get() }
}

/// Returns the process that the program knows under a number.
fn on_host(task: &CurrentTask, pid: i32) -> Option<Pid> {
    if pid == 0 || pid == task.task().pid() {
        Some(rustix::process::getpid())
    } else {
        Pid::from_raw(pid)
    }
}

fn host_errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// Returns the process group of the program.
pub(crate) fn process_group(task: &CurrentTask) -> i32 {
    seen(task, rustix::process::getpgrp())
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn getpgrp(task: &mut CurrentTask, _args: &Args) -> SysResult {
    Ok(id(process_group(task)))
}

pub(crate) fn getpgid(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_self(task, args.int(0))?;
    Ok(id(process_group(task)))
}

pub(crate) fn getsid(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_self(task, args.int(0))?;
    let session = rustix::process::getsid(None).map_err(host_errno)?;
    Ok(id(seen(task, session)))
}

pub(crate) fn setpgid(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.int(1) < 0 {
        return Err(Errno::EINVAL);
    }
    check_self(task, args.int(0))?;
    let group = on_host(task, args.int(1));
    rustix::process::setpgid(None, group).map_err(host_errno)?;
    Ok(0)
}

pub(crate) fn setsid(task: &mut CurrentTask, _args: &Args) -> SysResult {
    let session = rustix::process::setsid().map_err(host_errno)?;
    Ok(id(seen(task, session)))
}
