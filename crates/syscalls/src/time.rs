//! Clocks, sleeping, timers and accounting.

mod alarm_clock;
mod clocks;
mod sleep;
mod timers;
mod usage;

use std::time::Duration;

use usermem_types::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

#[cfg(target_arch = "x86_64")]
pub(crate) use clocks::time;
pub(crate) use clocks::{
    clock_getres, clock_gettime, clock_settime, gettimeofday, monotonic, settimeofday,
};
pub(crate) use sleep::{clock_nanosleep, nanosleep, sleep_or_pause};
#[cfg(target_arch = "x86_64")]
pub(crate) use timers::alarm;
pub(crate) use timers::{expire_timers, getitimer, setitimer, until_timer};
pub(crate) use usage::{getrusage, times};

/// `struct timespec` of 64-bit Linux.
#[derive(
    FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[repr(C)]
pub(crate) struct Timespec {
    pub(crate) sec: i64,
    pub(crate) nsec: i64,
}

impl Timespec {
    /// Returns the time as a duration.
    ///
    /// # Errors
    /// `EINVAL` for negative seconds, or nanoseconds that are not below 10^9.
    pub(crate) fn duration(self) -> Result<Duration, Errno> {
        let sec = u64::try_from(self.sec).map_err(|_| Errno::EINVAL)?;
        match u32::try_from(self.nsec) {
            Ok(nsec) if nsec < 1_000_000_000 => Ok(Duration::new(sec, nsec)),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl From<Duration> for Timespec {
    fn from(duration: Duration) -> Self {
        let sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self { sec, nsec: i64::from(duration.subsec_nanos()) }
    }
}

/// `struct timeval` of 64-bit Linux.
#[derive(
    FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[repr(C)]
pub(crate) struct Timeval {
    pub(crate) sec: i64,
    pub(crate) usec: i64,
}

impl Timeval {
    /// Returns the time as a duration.
    ///
    /// # Errors
    /// `EINVAL` for negative seconds, or microseconds that are not below 10^6.
    pub(crate) fn duration(self) -> Result<Duration, Errno> {
        let sec = u64::try_from(self.sec).map_err(|_| Errno::EINVAL)?;
        match u32::try_from(self.usec) {
            Ok(usec) if usec < 1_000_000 => Ok(Duration::new(sec, usec * 1000)),
            _ => Err(Errno::EINVAL),
        }
    }
}

impl From<Duration> for Timeval {
    fn from(duration: Duration) -> Self {
        let sec = i64::try_from(duration.as_secs()).unwrap_or(i64::MAX);
        Self { sec, usec: i64::from(duration.subsec_micros()) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_checked_like_linux_does() {
        let check = |sec, nsec| Timespec { sec, nsec }.duration();
        assert_eq!(check(1, 999_999_999), Ok(Duration::new(1, 999_999_999)));
        for (sec, nsec) in [(-1, 0), (0, -1), (0, 1_000_000_000), (i64::MIN, 0), (0, 1 << 32)] {
            assert_eq!(check(sec, nsec), Err(Errno::EINVAL), "{sec} {nsec}");
        }
        assert_eq!(Timeval { sec: 0, usec: 1_000_000 }.duration(), Err(Errno::EINVAL));
        assert_eq!(Timeval { sec: 2, usec: 999_999 }.duration(), Ok(Duration::new(2, 999_999_000)));
    }

    #[test]
    fn durations_that_do_not_fit_saturate() {
        assert_eq!(Timespec::from(Duration::MAX).sec, i64::MAX);
    }
}
