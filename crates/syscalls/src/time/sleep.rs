//! Sleeping.

use std::time::Duration;

use kernel_task::CurrentTask;
use rustix::thread::ClockId;
use usermem_types::{Addr, Errno};

use super::clocks::{Clock, CpuClock};
use super::{Timespec, expire_timers, until_timer};
use crate::{Args, SysResult};

const TIMER_ABSTIME: i32 = 1;

pub(crate) fn nanosleep(task: &mut CurrentTask, args: &Args) -> SysResult {
    let request = task.copy_in::<Timespec>(args.addr(0))?.duration()?;
    sleep_for(task, Clock::Host(1), request, args.addr(1))
}

pub(crate) fn clock_nanosleep(task: &mut CurrentTask, args: &Args) -> SysResult {
    let clock = Clock::new(args.int(0))?;
    match clock {
        Clock::Host(4..=6) | Clock::Cpu(CpuClock::Thread) | Clock::Device => {
            return Err(Errno::EOPNOTSUPP);
        }
        Clock::Host(_) | Clock::Cpu(_) => {}
    }
    let request = task.copy_in::<Timespec>(args.addr(2))?.duration()?;
    if let Clock::Host(8 | 9) = clock {
        // Alarm clocks wake a suspended machine, which takes a privilege.
        return Err(Errno::EPERM);
    }
    if args.int(1) & TIMER_ABSTIME != 0 {
        sleep_until(task, clock, request)?;
        return Ok(0);
    }
    sleep_for(task, clock, request, args.addr(3))
}

/// Sleeps for a time; when a signal ends that early, stores what is left at `remaining`, if there
/// is such an address.
fn sleep_for(
    task: &mut CurrentTask,
    clock: Clock,
    request: Duration,
    remaining: Addr,
) -> SysResult {
    let deadline = clock.now(task)?.saturating_add(request);
    let slept = sleep_until(task, clock, deadline);
    if slept == Err(Errno::EINTR) && remaining != Addr::ZERO {
        let left = deadline.saturating_sub(clock.now(task)?);
        task.copy_out(remaining, &Timespec::from(left))?;
    }
    slept.map(|()| 0)
}

/// Sleeps until a clock shows a time, or a signal is there to be delivered.
fn sleep_until(task: &mut CurrentTask, clock: Clock, deadline: Duration) -> Result<(), Errno> {
    loop {
        expire_timers(task);
        if task.task().signals().lock().has_deliverable() {
            return Err(Errno::EINTR);
        }
        let left = deadline.saturating_sub(clock.now(task)?);
        if left.is_zero() {
            return Ok(());
        }
        let timer = until_timer(task);
        match clock {
            // The host's own clock notices when it is set.
            Clock::Host(0) if timer.is_none() => {
                let _ = rustix::thread::clock_nanosleep_absolute(
                    ClockId::Realtime,
                    &host_timespec(deadline),
                );
            }
            // A program that sleeps uses no CPU time: only a signal ends this.
            Clock::Cpu(_) => sleep_or_pause(timer),
            Clock::Host(_) | Clock::Device => sleep_or_pause(Some(timer.unwrap_or(left).min(left))),
        }
    }
}

/// Sleeps for a time, or until a signal reaches us.
pub(crate) fn sleep_or_pause(time: Option<Duration>) {
    match time {
        Some(time) => {
            let _ =
                rustix::thread::clock_nanosleep_relative(ClockId::Monotonic, &host_timespec(time));
        }
        None => rustix::event::pause(),
    }
}

fn host_timespec(time: Duration) -> rustix::time::Timespec {
    let time = Timespec::from(time);
    rustix::time::Timespec { tv_sec: time.sec, tv_nsec: time.nsec }
}
