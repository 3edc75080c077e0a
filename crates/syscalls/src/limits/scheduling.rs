//! Priorities, scheduling policies and CPUs. The program is an ordinary process; what it is told
//! about CPUs is what the host would tell it.

use std::sync::OnceLock;

use kernel_task::CurrentTask;
use rustix::process::Pid;
use rustix::thread::CpuSet;
use usermem_types::{Addr, Errno};

use crate::identity::check_self;
use crate::{Args, SysResult};

const PRIO_PROCESS: i32 = 0;
const PRIO_USER: i32 = 2;

/// The CPUs that we were started on. A platform may have bound our own thread to one of them
/// since.
static CPUS: OnceLock<Vec<u64>> = OnceLock::new();

/// Notes on which CPUs the calling thread may run: this is what programs will be told. To be called
/// before a platform binds the thread to one CPU; later calls change nothing.
pub fn remember_cpus() {
    let _ = cpus();
}

/// Returns the CPUs that were noted, 64 to a word.
fn cpus() -> &'static [u64] {
    CPUS.get_or_init(|| {
        let set = rustix::thread::sched_getaffinity(None).unwrap_or_default();
        let mut mask = vec![0; possible_cpus().div_ceil(64)];
        for cpu in 0..(mask.len() * 64).min(CpuSet::MAX_CPU) {
            if let Some(word) = mask.get_mut(cpu / 64).filter(|_| set.is_set(cpu)) {
                *word |= 1 << (cpu % 64);
            }
        }
        mask
    })
}

/// Returns whether programs are told that they may run on a CPU, as [`remember_cpus`] noted it.
#[must_use]
pub fn may_run_on(cpu: usize) -> bool {
    cpus().get(cpu / 64).is_some_and(|word| word & 1 << (cpu % 64) != 0)
}

/// Returns how many CPUs the host could ever have.
#[must_use]
pub fn possible_cpus() -> usize {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/possible").unwrap_or_default();
    let last = text.trim().rsplit(['-', ',']).next().and_then(|last| last.parse::<usize>().ok());
    last.map_or(1, |last| (last + 1).min(CpuSet::MAX_CPU))
}

fn host_errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// Checks that `getpriority` or `setpriority` means the program.
fn check_target(task: &CurrentTask, which: i32, who: i32) -> Result<(), Errno> {
    let own = match which {
        PRIO_PROCESS => task.task().pid(),
        PRIO_USER => task.task().credentials().uid as i32,
        1 => crate::identity::process_group(task),
        _ => return Err(Errno::EINVAL),
    };
    if who == 0 || who == own { Ok(()) } else { Err(Errno::ESRCH) }
}

/// Returns 20 minus the nice value, which is never negative.
pub(crate) fn getpriority(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_target(task, args.int(0), args.int(1))?;
    let nice = rustix::process::getpriority_process(None).map_err(host_errno)?;
    Ok((20 - i64::from(nice)) as u64)
}

pub(crate) fn setpriority(task: &mut CurrentTask, args: &Args) -> SysResult {
    check_target(task, args.int(0), args.int(1))?;
    let nice = args.int(2).clamp(-20, 19);
    rustix::process::setpriority_process(None, nice).map_err(host_errno)?;
    if let Some(stub) = task.context().host_pid().and_then(Pid::from_raw) {
        rustix::process::setpriority_process(Some(stub), nice).map_err(host_errno)?;
    }
    Ok(0)
}

pub(crate) fn sched_yield(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    rustix::thread::sched_yield();
    Ok(0)
}

pub(crate) fn sched_getaffinity(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mask = cpus();
    let len = args.uint(1) as usize;
    if len.saturating_mul(8) < possible_cpus() || !len.is_multiple_of(8) {
        return Err(Errno::EINVAL);
    }
    check_self(task, args.int(0))?;
    let words = mask.get(..len / 8).unwrap_or(mask);
    task.copy_out(args.addr(2), words)?;
    Ok(words.len() as u64 * 8)
}

/// Accepts a set that leaves a CPU to run on. The set is not kept: which CPU the program runs on
/// is the platform's choice, and what `sched_getaffinity` reports stays.
pub(crate) fn sched_setaffinity(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mask = cpus();
    let mut wanted = vec![0u8; (args.uint(1) as usize).min(mask.len() * 8)];
    task.copy_in_bytes(args.addr(2), &mut wanted).map_err(kernel_task::errno_of_partial)?;
    check_self(task, args.int(0))?;
    let allowed = mask.iter().flat_map(|word| word.to_le_bytes());
    if allowed.zip(wanted).any(|(allowed, wanted)| allowed & wanted != 0) {
        Ok(0)
    } else {
        Err(Errno::EINVAL)
    }
}

pub(crate) fn sched_getscheduler(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    check_self(task, args.int(0))?;
    Ok(libc::SCHED_OTHER as u64)
}

pub(crate) fn sched_getparam(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.addr(1) == Addr::ZERO || args.int(0) < 0 {
        return Err(Errno::EINVAL);
    }
    check_self(task, args.int(0))?;
    task.copy_out(args.addr(1), &0i32)?;
    Ok(0)
}

pub(crate) fn sched_setscheduler(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.int(1) < 0 {
        return Err(Errno::EINVAL);
    }
    set_policy(task, args.int(0), args.int(1), args.addr(2))
}

pub(crate) fn sched_setparam(task: &mut CurrentTask, args: &Args) -> SysResult {
    set_policy(task, args.int(0), libc::SCHED_OTHER, args.addr(1))
}

/// Accepts the policies without a priority, which differ in how eagerly a process is run, and
/// refuses the real-time ones.
fn set_policy(task: &CurrentTask, pid: i32, policy: i32, param: Addr) -> SysResult {
    const SCHED_RESET_ON_FORK: i32 = 0x4000_0000;
    if param == Addr::ZERO || pid < 0 {
        return Err(Errno::EINVAL);
    }
    let priority: i32 = task.copy_in(param)?;
    check_self(task, pid)?;
    match (policy & !SCHED_RESET_ON_FORK, priority) {
        (libc::SCHED_OTHER | libc::SCHED_BATCH | libc::SCHED_IDLE, 0) => Ok(0),
        (libc::SCHED_FIFO | libc::SCHED_RR, 1..=99) => Err(Errno::EPERM),
        _ => Err(Errno::EINVAL),
    }
}

pub(crate) fn sched_get_priority_max(_task: &mut CurrentTask, args: &Args) -> SysResult {
    priority_bound(args.int(0), 99)
}

pub(crate) fn sched_get_priority_min(_task: &mut CurrentTask, args: &Args) -> SysResult {
    priority_bound(args.int(0), 1)
}

fn priority_bound(policy: i32, real_time: u64) -> SysResult {
    match policy {
        libc::SCHED_FIFO | libc::SCHED_RR => Ok(real_time),
        libc::SCHED_OTHER | libc::SCHED_BATCH | libc::SCHED_IDLE | libc::SCHED_DEADLINE => Ok(0),
        _ => Err(Errno::EINVAL),
    }
}

pub(crate) fn getcpu(task: &mut CurrentTask, args: &Args) -> SysResult {
    let cpu = u32::try_from(rustix::thread::sched_getcpu()).unwrap_or(0);
    for (index, value) in [cpu, 0].iter().enumerate() {
        if args.addr(index) != Addr::ZERO {
            task.copy_out(args.addr(index), value)?;
        }
    }
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_holds_as_many_cpus_as_this_thread_has() {
        let count: u32 = cpus().iter().map(|word| word.count_ones()).sum();
        assert_eq!(count as usize, std::thread::available_parallelism().unwrap().get());
    }

    #[test]
    fn priorities() {
        assert_eq!(priority_bound(libc::SCHED_FIFO, 99), Ok(99));
        assert_eq!(priority_bound(libc::SCHED_OTHER, 99), Ok(0));
        assert_eq!(priority_bound(4, 99), Err(Errno::EINVAL));
        assert_eq!(priority_bound(-1, 99), Err(Errno::EINVAL));
    }
}
