//! One contender's turn in a round.

use rustix::time::{ClockId, clock_gettime};

/// A contender's turn: does its operation so many times, checks the answer, and returns the nanoseconds of one.
///
/// What it prepares and what it checks is not part of the time.
pub(crate) type Lap<'a> = Box<dyn FnMut(u64) -> Result<f64, String> + 'a>;

/// A clock that runs while this thread does, in our code or in the host's kernel on our behalf: what others do on the
/// same processor meanwhile is not part of the time. It does not see a thread that waits.
#[derive(Debug)]
pub(crate) struct Stopwatch(f64);

impl Stopwatch {
    pub(crate) fn start() -> Self {
        Self(used())
    }

    /// Returns the nanoseconds since the start.
    pub(crate) fn nanoseconds(&self) -> f64 {
        used() - self.0
    }
}

fn used() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
}

/// Does `operation` `count` times, giving it the numbers from zero on, and returns the nanoseconds of one.
#[inline]
pub(crate) fn time(count: u64, mut operation: impl FnMut(usize)) -> f64 {
    let stopwatch = Stopwatch::start();
    for index in 0..count {
        operation(index as usize);
    }
    stopwatch.nanoseconds() / count as f64
}

/// Does what [`time`] does, eight times a turn: for operations of an instruction, beside which the loop's own, and whether
/// the compiler shares them among several turns, would be most of what is measured.
#[inline]
pub(crate) fn time_by_eights(count: u64, mut operation: impl FnMut(usize)) -> f64 {
    const EIGHT: usize = 8;
    let count = count as usize;
    let stopwatch = Stopwatch::start();
    for turn in 0..count / EIGHT {
        for index in 0..EIGHT {
            operation(EIGHT * turn + index);
        }
    }
    for index in count - count % EIGHT..count {
        operation(index);
    }
    stopwatch.nanoseconds() / count as f64
}

/// Compares bytes that a lap left behind with those that it had to.
///
/// # Errors
///
/// Names the first that is wrong.
pub(crate) fn expect_bytes(found: &[u8], expected: &[u8]) -> Result<(), String> {
    if found == expected {
        return Ok(());
    }
    let at = found.iter().zip(expected).take_while(|(a, b)| a == b).count();
    Err(format!(
        "byte {at} of {} is {:?}, not {:?} of {}",
        found.len(),
        found.get(at),
        expected.get(at),
        expected.len()
    ))
}

/// Compares a number that a lap computed with the one that it had to.
///
/// # Errors
///
/// Names both.
pub(crate) fn expect(found: u64, expected: u64) -> Result<(), String> {
    if found == expected { Ok(()) } else { Err(format!("the answer is {found}, not {expected}")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operation_is_done_once_in_order() {
        let mut seen = Vec::new();
        let nanoseconds = time(5, |index| seen.push(index));
        assert_eq!(seen, [0, 1, 2, 3, 4]);
        assert!(nanoseconds > 0.0);
    }

    #[test]
    fn others_have_time_of_their_own() {
        let stopwatch = Stopwatch::start();
        let other = std::thread::spawn(|| {
            let stopwatch = Stopwatch::start();
            while stopwatch.nanoseconds() < 2e7 {}
            stopwatch.nanoseconds()
        });
        assert!(other.join().unwrap() > stopwatch.nanoseconds());
    }

    #[test]
    fn wrong_bytes_are_named() {
        assert_eq!(expect_bytes(b"abc", b"abc"), Ok(()));
        let message = expect_bytes(b"abc", b"abd").unwrap_err();
        assert_eq!(message, "byte 2 of 3 is Some(99), not Some(100) of 3");
        assert!(expect_bytes(b"ab", b"abd").is_err());
        assert!(expect(1, 2).is_err());
    }
}
