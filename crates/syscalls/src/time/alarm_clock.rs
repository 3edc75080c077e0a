//! A thread that interrupts programs when their timers expire, so that one which makes no system
//! calls is interrupted too.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, Once, PoisonError};
use std::time::Duration;

use platform::Interrupt;

use super::monotonic;

/// When a program wants to be interrupted.
#[derive(Debug)]
struct Alarm {
    pid: i32,
    at: Duration,
    program: Arc<dyn Interrupt>,
}

/// One alarm for each program at most.
static ALARMS: Mutex<Vec<Alarm>> = Mutex::new(Vec::new());
static CHANGED: Condvar = Condvar::new();
static THREAD: Once = Once::new();

fn alarms() -> MutexGuard<'static, Vec<Alarm>> {
    ALARMS.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Interrupts a program at a time on the monotonic clock, instead of the time that was set before.
///
/// Where the host has no thread for us, the program meets its timer when it next comes to the
/// kernel.
pub(super) fn set(pid: i32, at: Duration, program: Arc<dyn Interrupt>) {
    let mut alarms = alarms();
    alarms.retain(|alarm| alarm.pid != pid);
    alarms.push(Alarm { pid, at, program });
    THREAD.call_once(|| {
        let _ = std::thread::Builder::new().name("alarm clock".to_owned()).spawn(ring);
    });
    CHANGED.notify_all();
}

/// Interrupts a program at no time.
pub(super) fn cancel(pid: i32) {
    alarms().retain(|alarm| alarm.pid != pid);
}

fn ring() {
    let mut alarms = alarms();
    loop {
        let now = monotonic();
        for due in alarms.extract_if(.., |alarm| alarm.at <= now) {
            due.program.interrupt();
        }
        let next = alarms.iter().map(|alarm| alarm.at).min();
        alarms = match next {
            None => CHANGED.wait(alarms).unwrap_or_else(PoisonError::into_inner),
            Some(next) => {
                let left = next.saturating_sub(now);
                CHANGED.wait_timeout(alarms, left).unwrap_or_else(PoisonError::into_inner).0
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::{Sender, channel};

    use super::*;

    #[derive(Debug)]
    struct Tell(Sender<i32>, i32);

    impl Interrupt for Tell {
        fn interrupt(&self) {
            self.0.send(self.1).unwrap();
        }
    }

    #[test]
    fn the_earliest_rings_first_and_a_cancelled_one_never() {
        let (sender, rings) = channel();
        let soon = monotonic();
        let at = |ms| soon + Duration::from_millis(ms);
        set(-1, at(60), Arc::new(Tell(sender.clone(), 1)));
        set(-2, at(30), Arc::new(Tell(sender.clone(), 2)));
        set(-3, at(3_600_000), Arc::new(Tell(sender.clone(), 3)));
        set(-3, at(40), Arc::new(Tell(sender.clone(), 4)));
        cancel(-3);
        drop(sender);
        assert_eq!(rings.iter().collect::<Vec<_>>(), [2, 1]);
        assert!(monotonic() >= at(60));
    }
}
