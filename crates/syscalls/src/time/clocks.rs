//! Reading and setting clocks.

use std::time::Duration;

use kernel_task::CurrentTask;
use rustix::time::{ClockId, DynamicClockId};
use usermem_types::{Addr, Errno};

use super::usage::CpuTime;
use super::{Timespec, Timeval};
use crate::{Args, SysResult};

/// What a `clockid_t` names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clock {
    /// One of the host's clocks, by its number.
    Host(i32),
    /// CPU time of the program.
    Cpu(CpuClock),
    /// A clock behind a file descriptor; there are none.
    Device,
}

/// A CPU-time clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum CpuClock {
    /// `CLOCK_PROCESS_CPUTIME_ID`.
    Process,
    /// `CLOCK_THREAD_CPUTIME_ID`.
    Thread,
    /// A negative number: the clock of a process or thread, which must be the caller's own.
    Other {
        /// The process or thread; zero is the caller.
        pid: i32,
        /// There is such a kind of clock.
        valid: bool,
    },
}

impl Clock {
    /// Finds a clock.
    ///
    /// # Errors
    /// `EINVAL` when there is none.
    pub(super) fn new(id: i32) -> Result<Self, Errno> {
        match id {
            2 => Ok(Self::Cpu(CpuClock::Process)),
            3 => Ok(Self::Cpu(CpuClock::Thread)),
            0..=9 | 11 => Ok(Self::Host(id)),
            10 | 12.. => Err(Errno::EINVAL),
            // The low three bits: two for which time, one for a thread; 3 is a descriptor.
            _ if id & 7 == 3 => Ok(Self::Device),
            _ => Ok(Self::Cpu(CpuClock::Other { pid: !(id >> 3), valid: id & 3 != 3 })),
        }
    }

    /// Reads the clock.
    ///
    /// # Errors
    /// `EINVAL` for another task's CPU time, or a clock that the host does not have.
    pub(super) fn now(self, task: &mut CurrentTask) -> Result<Duration, Errno> {
        match self {
            Self::Host(id) => host_time(id),
            Self::Cpu(clock) => {
                clock.check(task)?;
                Ok(CpuTime::of(task).total())
            }
            Self::Device => Err(Errno::EINVAL),
        }
    }
}

impl CpuClock {
    /// Checks that the clock is the caller's own.
    fn check(self, task: &CurrentTask) -> Result<(), Errno> {
        match self {
            Self::Process | Self::Thread => Ok(()),
            Self::Other { pid, valid: true } if pid == 0 || pid == task.task().pid() => Ok(()),
            Self::Other { .. } => Err(Errno::EINVAL),
        }
    }
}

fn host_time(id: i32) -> Result<Duration, Errno> {
    let clock = match id {
        8 => DynamicClockId::RealtimeAlarm,
        9 => DynamicClockId::BoottimeAlarm,
        11 => DynamicClockId::Tai,
        _ => DynamicClockId::Known(ClockId::try_from(id).map_err(|_| Errno::EINVAL)?),
    };
    rustix::time::clock_gettime_dynamic(clock).map(duration).map_err(host_errno)
}

fn duration(time: rustix::time::Timespec) -> Duration {
    let sec = u64::try_from(time.tv_sec).unwrap_or(0);
    Duration::new(sec, u32::try_from(time.tv_nsec).unwrap_or(0))
}

fn host_errno(errno: rustix::io::Errno) -> Errno {
    Errno::from_raw(errno.raw_os_error())
}

/// Returns the time of the monotonic clock.
pub(crate) fn monotonic() -> Duration {
    duration(rustix::time::clock_gettime(ClockId::Monotonic))
}

pub(super) fn realtime() -> Duration {
    duration(rustix::time::clock_gettime(ClockId::Realtime))
}

pub(crate) fn clock_gettime(task: &mut CurrentTask, args: &Args) -> SysResult {
    let now = Clock::new(args.int(0))?.now(task)?;
    task.copy_out(args.addr(1), &Timespec::from(now))?;
    Ok(0)
}

pub(crate) fn clock_getres(task: &mut CurrentTask, args: &Args) -> SysResult {
    let resolution = match Clock::new(args.int(0))? {
        Clock::Host(id @ (8 | 9)) => host_time(id).map(|_| Duration::from_nanos(1))?,
        Clock::Host(id) => ClockId::try_from(id)
            .map_or(Duration::from_nanos(1), |id| duration(rustix::time::clock_getres(id))),
        Clock::Cpu(clock) => {
            clock.check(task)?;
            Duration::from_nanos(1)
        }
        Clock::Device => return Err(Errno::EINVAL),
    };
    if args.addr(1) != Addr::ZERO {
        task.copy_out(args.addr(1), &Timespec::from(resolution))?;
    }
    Ok(0)
}

/// Refuses: no program changes the host's clocks.
pub(crate) fn clock_settime(task: &mut CurrentTask, args: &Args) -> SysResult {
    let clock = Clock::new(args.int(0))?;
    match clock {
        Clock::Host(0) | Clock::Device | Clock::Cpu(CpuClock::Other { .. }) => {}
        Clock::Host(_) | Clock::Cpu(_) => return Err(Errno::EINVAL),
    }
    let time: Timespec = task.copy_in(args.addr(1))?;
    match clock {
        Clock::Host(_) => time.duration().and(Err(Errno::EPERM)),
        Clock::Cpu(clock) => clock.check(task).and(Err(Errno::EPERM)),
        Clock::Device => Err(Errno::EINVAL),
    }
}

pub(crate) fn gettimeofday(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.addr(0) != Addr::ZERO {
        task.copy_out(args.addr(0), &Timeval::from(realtime()))?;
    }
    if args.addr(1) != Addr::ZERO {
        task.copy_out(args.addr(1), &[0u32; 2])?;
    }
    Ok(0)
}

/// Refuses: no program changes the host's clocks.
pub(crate) fn settimeofday(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mut time = Ok(Duration::ZERO);
    if args.addr(0) != Addr::ZERO {
        let value: Timeval = task.copy_in(args.addr(0))?;
        if !(0..1_000_000).contains(&value.usec) {
            return Err(Errno::EINVAL);
        }
        time = value.duration();
    }
    if args.addr(1) != Addr::ZERO {
        task.copy_in::<[u32; 2]>(args.addr(1))?;
    }
    time.and(Err(Errno::EPERM))
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn time(task: &mut CurrentTask, args: &Args) -> SysResult {
    let now = realtime().as_secs();
    if args.addr(0) != Addr::ZERO {
        task.copy_out(args.addr(0), &now)?;
    }
    Ok(now)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clock_numbers() {
        assert_eq!(Clock::new(1), Ok(Clock::Host(1)));
        assert_eq!(Clock::new(2), Ok(Clock::Cpu(CpuClock::Process)));
        for id in [10, 12, 15, 16, i32::MAX] {
            assert_eq!(Clock::new(id), Err(Errno::EINVAL), "{id}");
        }
        // pthread_getcpuclockid and clock_getcpuclockid of the caller: ~0 << 3 with 2 or 6.
        for id in [-6, -2] {
            assert_eq!(
                Clock::new(id),
                Ok(Clock::Cpu(CpuClock::Other { pid: 0, valid: true })),
                "{id}"
            );
        }
        assert_eq!(Clock::new(-1), Ok(Clock::Cpu(CpuClock::Other { pid: 0, valid: false })));
        assert_eq!(Clock::new((!7 << 3) | 3), Ok(Clock::Device));
    }

    #[test]
    fn host_clocks_can_be_read() {
        for id in [0, 1, 4, 5, 6, 7, 11] {
            assert!(host_time(id).unwrap() > Duration::ZERO, "{id}");
        }
    }
}
