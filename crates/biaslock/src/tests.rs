//! The lock, with real threads.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Barrier, mpsc};
use std::thread;

use crate::{BiasedRwLock, FastGuard, WriteGuard, record};

/// Reads fast, which takes some slow reads first if other threads were reading during a write.
fn fast<T>(lock: &BiasedRwLock<T>) -> FastGuard<'_, T> {
    for _ in 0..100_000 {
        if let Some(guard) = lock.fast_read() {
            return guard;
        }
        drop(lock.read());
    }
    panic!("the lock never opens, or the host has no membarrier(2)");
}

#[test]
fn whoever_reads_sees_what_was_written() {
    let lock = BiasedRwLock::new(vec![1]);
    lock.write().push(2);
    assert_eq!(*lock.read(), [1, 2]);
    assert_eq!(*fast(&lock), [1, 2]);
    let mut lock = lock;
    lock.get_mut().push(3);
    assert_eq!(*fast(&lock), [1, 2, 3]);
}

#[test]
fn a_thread_is_in_one_fast_section_at_most() {
    let (a, b) = (BiasedRwLock::new(1), BiasedRwLock::new(2));
    let outer = a.fast_read().unwrap();
    assert!(a.fast_read().is_none() && b.fast_read().is_none());
    assert_eq!(*b.read(), 2);
    assert_eq!(*outer, 1);
    drop(outer);
    assert_eq!(b.fast_read().as_deref(), Some(&2));
}

#[test]
fn a_thread_that_waits_for_itself_panics() {
    let lock = BiasedRwLock::new(1);
    let other = BiasedRwLock::new(1);
    let guard = lock.fast_read().unwrap();
    let write = || drop(lock.write());
    let read = || drop(lock.read());
    assert!(catch_unwind(AssertUnwindSafe(write)).is_err());
    assert!(catch_unwind(AssertUnwindSafe(read)).is_err());
    *other.write() += 1;
    drop(guard);
    write();
    read();
}

#[test]
fn a_writer_that_goes_on_reading_lets_readers_in() {
    let lock = BiasedRwLock::new(1);
    let mut guard = lock.write();
    *guard = 2;
    let guard = WriteGuard::downgrade(guard);
    thread::scope(|scope| {
        let reader = scope.spawn(|| *lock.read());
        assert_eq!(reader.join().unwrap(), 2);
    });
    assert_eq!(*guard, 2);
}

/// A lock that was dear to close opens again, after some reads.
#[test]
fn a_lock_does_not_stay_closed() {
    let lock = BiasedRwLock::new(0);
    let meeting = Barrier::new(2);
    thread::scope(|scope| {
        scope.spawn(|| {
            assert!(lock.fast_read().is_some());
            meeting.wait();
            meeting.wait();
        });
        meeting.wait();
        *lock.write() += 1;
        let mut slow = 0;
        while slow <= 4096 && lock.fast_read().is_none() {
            assert_eq!(*lock.read(), 1);
            slow += 1;
        }
        assert!(slow <= 4096 && !lock.is_closed());
        meeting.wait();
    });
}

/// A thread that ends gives its record to the next.
#[test]
fn records_are_used_again() {
    let lock = BiasedRwLock::new(());
    let before = record::count();
    for _ in 0..200 {
        thread::scope(|scope| {
            scope.spawn(|| assert!(lock.fast_read().is_some() || lock.is_closed()));
        });
    }
    // Other tests run meanwhile.
    assert!(record::count() - before < 100);
}

/// Destructors of a thread's variables run in no order that we know: some after its record is gone.
#[test]
fn a_thread_that_ends_reads_the_usual_way() {
    struct Late(&'static BiasedRwLock<u32>);
    impl Drop for Late {
        fn drop(&mut self) {
            let guard = self.0.fast_read();
            assert_eq!(guard.map_or_else(|| *self.0.read(), |guard| *guard), 7);
            *self.0.write() = 8;
        }
    }
    thread_local! {
        static FIRST: std::cell::OnceCell<Late> = const { std::cell::OnceCell::new() };
        static LAST: std::cell::OnceCell<Late> = const { std::cell::OnceCell::new() };
    }
    for late in [&FIRST, &LAST] {
        let lock: &'static BiasedRwLock<u32> = Box::leak(Box::new(BiasedRwLock::new(7)));
        let thread = thread::spawn(move || {
            let remember = || late.with(|cell| drop(cell.set(Late(lock))));
            if std::ptr::eq(late, &FIRST) {
                remember();
            }
            assert!(lock.fast_read().is_some());
            remember();
        });
        thread.join().unwrap();
        assert_eq!(*lock.read(), 8);
    }
}

/// A guard that is never dropped keeps its record from others.
#[test]
fn a_forgotten_guard_keeps_writers_out() {
    let lock: &'static BiasedRwLock<()> = Box::leak(Box::default());
    thread::spawn(|| std::mem::forget(lock.fast_read())).join().unwrap();
    let (done, wait) = mpsc::channel();
    // Waits for ever, and ends with the process.
    thread::spawn(move || {
        drop(lock.write());
        let _ = done.send(());
    });
    for _ in 0..50 {
        thread::spawn(|| assert!(BiasedRwLock::new(()).fast_read().is_some())).join().unwrap();
    }
    assert!(wait.try_recv().is_err());
}

/// Readers never see a half of what a writer does, whichever way they read.
#[test]
fn nobody_sees_a_write_in_the_middle() {
    const WRITES: u64 = if cfg!(target_arch = "x86_64") { 20_000 } else { 1000 };
    let lock = BiasedRwLock::new([0u64; 32]);
    let is_over = AtomicBool::new(false);
    let check = |values: &[u64; 32]| {
        assert!(values.iter().all(|value| *value == values[0]), "{values:?}");
        values[0]
    };
    thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| {
                let mut last = 0;
                while !is_over.load(Ordering::Relaxed) {
                    let Some(guard) = lock.fast_read() else {
                        check(&lock.read());
                        continue;
                    };
                    let now = check(&guard);
                    assert!(now >= last, "{now} after {last}");
                    last = now;
                }
            });
        }
        for _ in 0..WRITES {
            let mut guard = lock.write();
            for value in guard.iter_mut() {
                *value += 1;
            }
            if guard[0].is_multiple_of(3) {
                check(&WriteGuard::downgrade(guard));
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    assert_eq!(lock.read()[0], WRITES);
}
