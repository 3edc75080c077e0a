//! futex, for a program that has nobody to wait for.

use std::time::Duration;

use kernel_task::{CurrentTask, FutexKey, futex_key};
use usermem_types::{Addr, Errno};

use crate::time::{expire_timers, sleep_or_pause, until_timer};
use crate::{Args, SysResult};

const WAIT: u32 = 0;
const WAKE: u32 = 1;
const REQUEUE: u32 = 3;
const CMP_REQUEUE: u32 = 4;
const WAIT_BITSET: u32 = 9;
const WAKE_BITSET: u32 = 10;
const PRIVATE: u32 = 128;
const CLOCK_REALTIME: u32 = 256;

pub(crate) fn futex(task: &mut CurrentTask, args: &Args) -> SysResult {
    let operation = args.uint(1);
    let command = operation & !(PRIVATE | CLOCK_REALTIME);
    if operation & CLOCK_REALTIME != 0 && !matches!(command, WAIT | WAIT_BITSET) {
        return Err(Errno::ENOSYS);
    }
    match command {
        WAIT | WAIT_BITSET => wait(task, args, command, operation & CLOCK_REALTIME != 0),
        WAKE | WAKE_BITSET => {
            if command == WAKE_BITSET && args.uint(5) == 0 {
                return Err(Errno::EINVAL);
            }
            wake(task, args, operation)
        }
        REQUEUE | CMP_REQUEUE => requeue(task, args, command),
        _ => Err(Errno::ENOSYS),
    }
}

fn wait(task: &mut CurrentTask, args: &Args, command: u32, realtime: bool) -> SysResult {
    let timeout = match args.addr(3) {
        Addr::ZERO => None,
        addr => Some(checked_time(task.copy_in::<[i64; 2]>(addr)?)?),
    };
    if command == WAIT_BITSET && args.uint(5) == 0 {
        return Err(Errno::EINVAL);
    }
    let key = checked_key(task, args.addr(0), args.uint(1))?;
    let word = task.load_futex(key).map_err(|error| error.errno())?;
    if word != args.uint(2) {
        return Err(Errno::EAGAIN);
    }
    let now = || clock_now(realtime);
    let deadline = match (timeout, command) {
        (None, _) => None,
        (Some(timeout), WAIT) => Some(now().saturating_add(timeout)),
        (Some(deadline), _) => Some(deadline),
    };
    // Nobody is there to wake the only thread: only time or a signal ends the wait.
    loop {
        expire_timers(task);
        if task.task().signals().lock().has_deliverable() {
            return Err(Errno::EINTR);
        }
        let left = deadline.map(|deadline| deadline.saturating_sub(now()));
        if left == Some(Duration::ZERO) {
            return Err(Errno::ETIMEDOUT);
        }
        sleep_or_pause(left.into_iter().chain(until_timer(task)).min());
    }
}

fn checked_time([sec, nsec]: [i64; 2]) -> Result<Duration, Errno> {
    let sec = u64::try_from(sec).map_err(|_| Errno::EINVAL)?;
    match u32::try_from(nsec) {
        Ok(nsec @ 0..=999_999_999) => Ok(Duration::new(sec, nsec)),
        _ => Err(Errno::EINVAL),
    }
}

fn clock_now(realtime: bool) -> Duration {
    let clock =
        if realtime { rustix::time::ClockId::Realtime } else { rustix::time::ClockId::Monotonic };
    let time = rustix::time::clock_gettime(clock);
    Duration::new(time.tv_sec.try_into().unwrap_or(0), time.tv_nsec.try_into().unwrap_or(0))
}

/// Makes the key of a word whose address Linux checks and whose contents it leaves alone. For so
/// short a word it checks the start only. The key of a futex that processes may share is found
/// through its page, so that one must be readable; who could share it is not there yet.
fn checked_key(task: &CurrentTask, addr: Addr, operation: u32) -> Result<FutexKey, Errno> {
    let key = futex_key(addr).map_err(|error| error.errno())?;
    task.check_io_range(addr, 0)?;
    if operation & PRIVATE == 0 {
        task.shared_futex_key(key).map_err(|error| error.errno())?;
    }
    Ok(key)
}

fn wake(task: &CurrentTask, args: &Args, operation: u32) -> SysResult {
    checked_key(task, args.addr(0), operation)?;
    Ok(0)
}

fn requeue(task: &CurrentTask, args: &Args, command: u32) -> SysResult {
    if args.int(2) < 0 || args.int(3) < 0 {
        return Err(Errno::EINVAL);
    }
    // Both keys are made before the value is compared.
    let first = checked_key(task, args.addr(0), args.uint(1))?;
    checked_key(task, args.addr(4), args.uint(1))?;
    if command == CMP_REQUEUE {
        let word = task.load_futex(first).map_err(|error| error.errno())?;
        if word != args.uint(5) {
            return Err(Errno::EAGAIN);
        }
    }
    Ok(0)
}
