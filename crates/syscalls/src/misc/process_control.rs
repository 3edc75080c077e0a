//! prctl.

use kernel_task::{CurrentTask, errno_of_fault, errno_of_partial};
use mm::MemoryManager;
use rustix::process::Signal;
use rustix::thread::CapabilitySet;
use usermem_io::StringCause;
use usermem_types::{Addr, Errno};

use super::put;
use crate::{Args, SysResult};

/// The number of the last capability that Linux has.
const LAST_CAPABILITY: u64 = 40;

/// `PR_SET_VMA_ANON_NAME`.
const PR_SET_VMA_ANON_NAME: u64 = 0;

const PR_SET_MEMORY_MERGE: i32 = 67;
const PR_GET_MEMORY_MERGE: i32 = 68;

/// Linux's default timer slack, in nanoseconds.
const TIMER_SLACK: u64 = 50_000;

pub(crate) fn prctl(task: &mut CurrentTask, args: &Args) -> SysResult {
    let value = args.raw(1);
    let flag = || match value {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(Errno::EINVAL),
    };
    let memory = task.task().memory_manager();
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
        libc::PR_SET_THP_DISABLE if rest_is_zero(3) => {
            memory.set_thp_disable(value, args.raw(2))?;
            Ok(0)
        }
        libc::PR_GET_THP_DISABLE if rest_is_zero(1) => Ok(memory.thp_disable()),
        libc::PR_SET_MDWE if rest_is_zero(2) => {
            memory.set_mdwe(value)?;
            Ok(0)
        }
        libc::PR_GET_MDWE if rest_is_zero(1) => Ok(memory.mdwe()),
        PR_SET_MEMORY_MERGE if rest_is_zero(2) => {
            memory.set_memory_merge(value);
            Ok(0)
        }
        PR_GET_MEMORY_MERGE if rest_is_zero(1) => Ok(memory.memory_merge()),
        libc::PR_SET_VMA if value == PR_SET_VMA_ANON_NAME => set_anon_name(task, args),
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
        libc::PR_SET_MM if !takes_size(value) && args.raw(3) != 0 || args.raw(4) != 0 => {
            Err(Errno::EINVAL)
        }
        libc::PR_SET_MM | libc::PR_CAPBSET_DROP => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

/// Names the memory of a range, or takes its name away.
fn set_anon_name(task: &CurrentTask, args: &Args) -> SysResult {
    let name = match args.addr(4) {
        Addr::ZERO => None,
        addr => {
            // A name that is too long is refused, and so is one that cannot be read to its end.
            let longest = MemoryManager::ANON_NAME_MAX + 1;
            Some(task.copy_in_string(addr, longest).map_err(|error| match error.cause {
                StringCause::TooLong => Errno::EINVAL,
                StringCause::Fault(fault) => errno_of_fault(fault),
            })?)
        }
    };
    let memory = task.task().memory_manager();
    memory.set_anon_name(args.addr(2), args.raw(3), name.as_deref())?;
    Ok(0)
}

/// Returns whether a part of `PR_SET_MM` has a size in its fourth argument: `PR_SET_MM_AUXV`,
/// `PR_SET_MM_MAP` and `PR_SET_MM_MAP_SIZE`.
fn takes_size(part: u64) -> bool {
    matches!(part, 12 | 14 | 15)
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
