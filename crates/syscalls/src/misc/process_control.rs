//! prctl.

use kernel_task::{CurrentTask, errno_of_partial};
use rustix::process::Signal;
use rustix::thread::CapabilitySet;
use usermem_types::{Addr, Errno};

use super::put;
use crate::{Args, SysResult};

/// The number of the last capability that Linux has.
const LAST_CAPABILITY: u64 = 40;

/// Linux's default timer slack, in nanoseconds.
const TIMER_SLACK: u64 = 50_000;

pub(crate) fn prctl(task: &mut CurrentTask, args: &Args) -> SysResult {
    let value = args.raw(1);
    let flag = || match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::EINVAL),
    };
    let rest_is_zero = |first: usize| (first..5).all(|index| args.raw(index) == 0);
    match args.int(0) {
        libc::PR_SET_NAME => set_name(task, args.addr(1)),
        libc::PR_GET_NAME => put(task, args.addr(1), task.task().name()),
        libc::PR_SET_PDEATHSIG => set_parent_death_signal(value),
        libc::PR_GET_PDEATHSIG => put(task, args.addr(1), parent_death_signal()?),
        libc::PR_SET_DUMPABLE => {
            task.task().attributes().lock().dumpable = flag()?;
            Ok(0)
        }
        libc::PR_GET_DUMPABLE => Ok(task.task().attributes().lock().dumpable.into()),
        libc::PR_SET_KEEPCAPS => {
            task.task().attributes().lock().keep_capabilities = flag()?;
            Ok(0)
        }
        libc::PR_GET_KEEPCAPS => Ok(task.task().attributes().lock().keep_capabilities.into()),
        libc::PR_SET_NO_NEW_PRIVS if value == 1 && rest_is_zero(2) => {
            task.task().attributes().lock().no_new_privs = true;
            Ok(0)
        }
        libc::PR_GET_NO_NEW_PRIVS if rest_is_zero(1) => {
            Ok(task.task().attributes().lock().no_new_privs.into())
        }
        libc::PR_SET_CHILD_SUBREAPER => {
            task.task().attributes().lock().child_subreaper = value != 0;
            Ok(0)
        }
        libc::PR_GET_CHILD_SUBREAPER => {
            let value = i32::from(task.task().attributes().lock().child_subreaper);
            put(task, args.addr(1), value)
        }
        libc::PR_SET_THP_DISABLE if rest_is_zero(2) => {
            task.task().attributes().lock().no_huge_pages = value != 0;
            Ok(0)
        }
        libc::PR_GET_THP_DISABLE if rest_is_zero(1) => {
            Ok(task.task().attributes().lock().no_huge_pages.into())
        }
        libc::PR_SET_TIMERSLACK => {
            let slack = if (value as i64) <= 0 { TIMER_SLACK } else { value };
            task.task().attributes().lock().timer_slack = slack;
            Ok(0)
        }
        libc::PR_GET_TIMERSLACK => Ok(task.task().attributes().lock().timer_slack),
        libc::PR_GET_TID_ADDRESS => put(task, args.addr(1), task.task().clear_child_tid().get()),
        libc::PR_CAPBSET_READ => bounding_set(value),
        // Neither seccomp nor special capability rules are in force.
        libc::PR_GET_SECCOMP | libc::PR_GET_SECUREBITS => Ok(0),
        libc::PR_SET_MM | libc::PR_CAPBSET_DROP => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// Takes up to 15 bytes, or up to a NUL; what lies beyond that need not be readable.
fn set_name(task: &CurrentTask, addr: Addr) -> SysResult {
    let mut name = [0; 15];
    if let Err(partial) = task.copy_in_bytes(addr, &mut name) {
        let read = name.get(..partial.done).unwrap_or(&[]);
        if !read.contains(&0) {
            return Err(errno_of_partial(partial));
        }
    }
    task.task().set_name(&name);
    Ok(0)
}

/// The program's parent is ours, and a signal that it sends us ends the program too.
fn set_parent_death_signal(signal: u64) -> SysResult {
    let signal = match signal {
        0 => None,
        1..=64 => {
            Some(i32::try_from(signal).ok().and_then(Signal::from_named_raw).ok_or(Errno::EINVAL)?)
        }
        _ => return Err(Errno::EINVAL),
    };
    rustix::process::set_parent_process_death_signal(signal).map_err(host_errno)?;
    Ok(0)
}

fn parent_death_signal() -> Result<i32, Errno> {
    let signal = rustix::process::parent_process_death_signal().map_err(host_errno)?;
    Ok(signal.map_or(0, Signal::as_raw))
}

fn bounding_set(capability: u64) -> SysResult {
    if capability > LAST_CAPABILITY {
        return Err(Errno::EINVAL);
    }
    let set = CapabilitySet::from_bits_retain(1 << capability);
    rustix::thread::capability_is_in_bounding_set(set).map(u64::from).map_err(host_errno)
}

fn host_errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}
