//! Waiting for a processor that is our own.
//!
//! A virtual processor shares its core with somebody else's. While that one works, whatever is bound by
//! how many instructions a core takes at once is at half speed for some ten seconds, and what waits for memory is not:
//! ratios of the two then say nothing about either.

use std::cell::Cell;
use std::hint::black_box;
use std::thread;
use std::time::Duration;

use crate::lap::Stopwatch;

/// How much slower than at its best the processor may be.
const SLOWER: f64 = 1.2;
/// How long a run waits, with all its rows.
const LONGEST: Duration = Duration::from_secs(90);
const PAUSE: Duration = Duration::from_millis(250);

/// What is known of the processor's speed.
#[derive(Debug)]
pub(crate) struct Quiet {
    /// The least nanoseconds that the probe has taken.
    best: Cell<f64>,
    waited: Cell<Duration>,
}

impl Quiet {
    pub(crate) fn new() -> Self {
        Self { best: Cell::new(f64::INFINITY), waited: Cell::new(Duration::ZERO) }
    }

    /// Waits until the processor is about as fast as it has been, or the time for that is used up; returns
    /// what [`is_slow`](Self::is_slow) takes.
    pub(crate) fn wait(&self) -> f64 {
        self.wait_by(probe, thread::sleep)
    }

    /// Returns how fast the processor is now.
    pub(crate) fn look(&self) -> f64 {
        self.learn(probe())
    }

    /// Returns whether the processor was slow, by what is known of it now.
    pub(crate) fn is_slow(&self, then: f64) -> bool {
        then > self.best.get() * SLOWER
    }

    fn learn(&self, now: f64) -> f64 {
        self.best.set(self.best.get().min(now));
        now
    }

    fn wait_by(&self, mut probe: impl FnMut() -> f64, mut pause: impl FnMut(Duration)) -> f64 {
        loop {
            let now = self.learn(probe());
            if !self.is_slow(now) || self.waited.get() >= LONGEST {
                return now;
            }
            pause(PAUSE);
            self.waited.set(self.waited.get() + PAUSE);
        }
    }

    /// Returns how long was waited.
    pub(crate) fn waited(&self) -> Duration {
        self.waited.get()
    }
}

/// Returns the nanoseconds that a loop takes that keeps a core's loads, stores and arithmetic busy, at best of a few times: what
/// a neighbour slows down most.
fn probe() -> f64 {
    const TIMES: usize = 5;
    const TURNS: u64 = 100_000;
    let once = |_| {
        let mut sums = [1_u64, 2, 3, 4, 5, 6, 7, 8];
        let stopwatch = Stopwatch::start();
        for turn in 0..TURNS {
            for sum in &mut sums {
                // In memory each time.
                *sum = black_box(sum.wrapping_add(turn));
            }
        }
        black_box(sums);
        stopwatch.nanoseconds()
    };
    (0..TIMES).map(once).fold(f64::INFINITY, f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slow_processor_is_waited_for_as_long_as_there_is_time() {
        let quiet = Quiet::new();
        let run = |times: &[f64]| {
            let (mut times, mut pauses) = (times.iter().copied().cycle(), 0);
            quiet.wait_by(|| times.next().unwrap(), |_| pauses += 1);
            pauses
        };
        assert_eq!(run(&[10.0]), 0);
        assert_eq!(run(&[11.9]), 0);
        assert_eq!(run(&[20.0, 13.0, 12.0]), 2);
        // What is faster than ever is the measure from then on.
        assert_eq!(run(&[8.0]), 0);
        assert_eq!(run(&[10.0, 9.5]), 1);
        assert_eq!(quiet.waited(), 3 * PAUSE);
        assert_eq!(run(&[20.0]) + 3, (LONGEST.as_millis() / PAUSE.as_millis()) as i32);
        assert_eq!(run(&[20.0]), 0);
    }

    #[test]
    fn the_probe_takes_time() {
        assert!(probe() > 0.0);
    }
}
