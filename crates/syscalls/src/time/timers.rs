//! The interval timer that raises SIGALRM.
//!
//! It is looked at whenever the application comes to the kernel, it bounds every wait of ours
//! (sleeping, polling, waiting for a signal), and when it expires a running application is
//! interrupted. A program that blocks in a read of a pipe or terminal gets its SIGALRM when the
//! read is over. The timers that count CPU time are refused.

use std::time::Duration;

use kernel_task::{CurrentTask, RealTimer, SigDetail, SigInfo};
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Timeval, alarm_clock, monotonic};
use crate::{Args, SysResult};

/// `struct itimerval` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct Itimerval {
    interval: Timeval,
    value: Timeval,
}

/// `si_code` of a signal that the kernel itself sends.
const SI_KERNEL: i32 = 0x80;

/// Raises SIGALRM when the timer has expired, and arms it again when it repeats.
pub(crate) fn expire_timers(task: &mut CurrentTask) {
    let mut signals = task.task().signals().lock();
    let Some(deadline) = signals.real_timer.deadline else { return };
    let now = monotonic();
    if now < deadline {
        return;
    }
    signals.real_timer = after(signals.real_timer.interval, deadline, now);
    signals.queue(SigInfo { signal: libc::SIGALRM, code: SI_KERNEL, detail: SigDetail::Kernel });
    drop(signals);
    set_alarm_clock(task);
}

/// Has the application interrupted when the timer expires.
fn set_alarm_clock(task: &mut CurrentTask) {
    let pid = task.task().pid();
    let deadline = task.task().signals().lock().real_timer.deadline;
    match (deadline, task.context().interrupter()) {
        (Some(deadline), Some(program)) => alarm_clock::set(pid, deadline, program),
        _ => alarm_clock::cancel(pid),
    }
}

/// Returns the timer as it goes on after it has expired: expirations that were missed are skipped.
fn after(interval: Duration, deadline: Duration, now: Duration) -> RealTimer {
    if interval.is_zero() {
        return RealTimer::default();
    }
    let late = now.saturating_sub(deadline).as_nanos() % interval.as_nanos();
    let late = Duration::from_nanos(u64::try_from(late).unwrap_or(0));
    let next = now.saturating_sub(late).saturating_add(interval);
    RealTimer { deadline: Some(next), interval }
}

/// Returns how long it is until the timer expires; `None` when it is not armed.
pub(crate) fn until_timer(task: &CurrentTask) -> Option<Duration> {
    let deadline = task.task().signals().lock().real_timer.deadline?;
    Some(deadline.saturating_sub(monotonic()))
}

pub(crate) fn getitimer(task: &mut CurrentTask, args: &Args) -> SysResult {
    let timer = match args.int(0) {
        libc::ITIMER_REAL => current(task),
        libc::ITIMER_VIRTUAL | libc::ITIMER_PROF => Itimerval::default(),
        _ => return Err(Errno::EINVAL),
    };
    task.copy_out(args.addr(1), &timer)?;
    Ok(0)
}

pub(crate) fn setitimer(task: &mut CurrentTask, args: &Args) -> SysResult {
    let new = match args.addr(1) {
        // As Linux does, with a complaint in its log.
        Addr::ZERO => Itimerval::default(),
        addr => task.copy_in(addr)?,
    };
    let value = new.value.duration()?;
    let interval = new.interval.duration()?;
    let old = match args.int(0) {
        libc::ITIMER_REAL => {
            let old = current(task);
            arm(task, value, interval);
            old
        }
        libc::ITIMER_VIRTUAL | libc::ITIMER_PROF if value.is_zero() => Itimerval::default(),
        _ => return Err(Errno::EINVAL),
    };
    if args.addr(2) != Addr::ZERO {
        task.copy_out(args.addr(2), &old)?;
    }
    Ok(0)
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn alarm(task: &mut CurrentTask, args: &Args) -> SysResult {
    let old = current(task).value;
    arm(task, Duration::from_secs(u64::from(args.uint(0))), Duration::ZERO);
    // Rounded, but never to zero while the alarm is set.
    let up = old.usec >= 500_000 || (old.sec == 0 && old.usec > 0);
    Ok(u64::try_from(old.sec).unwrap_or(0) + u64::from(up))
}

fn arm(task: &mut CurrentTask, value: Duration, interval: Duration) {
    let deadline = (!value.is_zero()).then(|| monotonic().saturating_add(value));
    task.task().signals().lock().real_timer = RealTimer { deadline, interval };
    set_alarm_clock(task);
}

fn current(task: &CurrentTask) -> Itimerval {
    let timer = task.task().signals().lock().real_timer;
    let left = match timer.deadline {
        None => Duration::ZERO,
        // One that has just expired shows the least there is.
        Some(deadline) => deadline.saturating_sub(monotonic()).max(Duration::from_micros(1)),
    };
    Itimerval { interval: timer.interval.into(), value: left.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeating_timer_keeps_its_phase() {
        let ms = Duration::from_millis;
        let timer = after(ms(10), ms(100), ms(125));
        assert_eq!(timer, RealTimer { deadline: Some(ms(130)), interval: ms(10) });
        assert_eq!(after(ms(10), ms(100), ms(100)).deadline, Some(ms(110)));
        assert_eq!(after(Duration::ZERO, ms(100), ms(125)), RealTimer::default());
    }
}
