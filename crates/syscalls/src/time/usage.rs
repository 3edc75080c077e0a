//! How much the program has used.

use std::time::Duration;

use kernel_task::CurrentTask;
use rustix::time::ClockId;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::{Timeval, monotonic};
use crate::{Args, SysResult};

/// `USER_HZ`, in which `times` counts.
const TICKS: u128 = 100;

/// The CPU time of the program. What the host spends on the program's own instructions is user
/// time; what it spends on us, who are its kernel, is system time.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct CpuTime {
    user: Duration,
    system: Duration,
}

impl CpuTime {
    pub(super) fn of(task: &mut CurrentTask) -> Self {
        let own = rustix::time::clock_gettime(ClockId::ProcessCPUTime);
        let system = Duration::new(
            u64::try_from(own.tv_sec).unwrap_or(0),
            u32::try_from(own.tv_nsec).unwrap_or(0),
        );
        // Where the application runs in our own process, its time is in ours already.
        let user = task.context().host_pid().and_then(scheduled).unwrap_or_default();
        Self { user, system }
    }

    pub(super) fn total(self) -> Duration {
        self.user.saturating_add(self.system)
    }
}

/// Returns how long a process of the host has run.
fn scheduled(pid: i32) -> Option<Duration> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/schedstat")).ok()?;
    Some(Duration::from_nanos(text.split(' ').next()?.parse().ok()?))
}

/// `struct tms` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct Tms {
    user: i64,
    system: i64,
    child_user: i64,
    child_system: i64,
}

fn ticks(time: Duration) -> u64 {
    (time.as_nanos() * TICKS / 1_000_000_000) as u64
}

pub(crate) fn times(task: &mut CurrentTask, args: &Args) -> SysResult {
    if args.addr(0) != Addr::ZERO {
        let used = CpuTime::of(task);
        let tms = Tms {
            user: ticks(used.user) as i64,
            system: ticks(used.system) as i64,
            ..Tms::default()
        };
        task.copy_out(args.addr(0), &tms)?;
    }
    Ok(ticks(monotonic()))
}

/// `struct rusage` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct Rusage {
    user: Timeval,
    system: Timeval,
    max_rss: i64,
    /// Shared text, data and stack, which Linux leaves zero.
    unused: [i64; 3],
    minor_faults: i64,
    major_faults: i64,
    /// Swaps, blocks, messages, signals and context switches.
    others: [i64; 8],
}

pub(crate) fn getrusage(task: &mut CurrentTask, args: &Args) -> SysResult {
    let usage = match args.int(0) {
        libc::RUSAGE_SELF | libc::RUSAGE_THREAD => {
            let used = CpuTime::of(task);
            let memory = task.task().memory_manager().usage();
            Rusage {
                user: used.user.into(),
                system: used.system.into(),
                max_rss: (memory.peak_rss_bytes >> 10) as i64,
                minor_faults: memory.faults as i64,
                ..Rusage::default()
            }
        }
        libc::RUSAGE_CHILDREN => Rusage::default(),
        _ => return Err(Errno::EINVAL),
    };
    task.copy_out(args.addr(1), &usage)?;
    Ok(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        assert_eq!(size_of::<Rusage>(), 144);
        assert_eq!(size_of::<Tms>(), 32);
    }

    #[test]
    fn ticks_are_hundredths() {
        assert_eq!(ticks(Duration::from_millis(1239)), 123);
    }
}
