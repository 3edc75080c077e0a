//! The lock.
#![expect(unsafe_code, reason = "hands out what the lock protects")]

use std::cell::UnsafeCell;
use std::fmt;
use std::hint::cold_path;
use std::ptr;
use std::sync::atomic::Ordering;
use std::time::Instant;

use crate::primitive::{AtomicBool, AtomicUsize, RawLock};
use crate::{FastGuard, ReadGuard, WriteGuard, barrier, record};

/// A reader-writer lock whose readers use plain loads and stores.
///
/// There are two ways to read. [`fast_read`](Self::fast_read) is for sections that are short and do
/// not block: a writer waits for them with its CPU. [`read`](Self::read) is for all others, and for
/// when the first one is refused.
///
/// A thread that reads must not write: `write` and `read` panic inside a fast section of the same
/// thread, and deadlock inside a slow one, as with any other lock.
pub struct BiasedRwLock<T> {
    /// Held by writers, and by readers that are not fast.
    pub(crate) raw: RawLock,
    /// Fast readers stay out. Set while `raw` is held exclusively, cleared while it is held.
    closed: AtomicBool,
    /// For how many slow reads the lock stays closed after a write.
    closed_for: AtomicUsize,
    value: UnsafeCell<T>,
}

// SAFETY: the lock owns the value.
unsafe impl<T: Send> Send for BiasedRwLock<T> {}

// SAFETY: readers share the value, and whoever writes has it alone: see `value` and `value_mut`.
unsafe impl<T: Send + Sync> Sync for BiasedRwLock<T> {}

impl<T> BiasedRwLock<T> {
    /// Creates a lock that nobody holds.
    #[must_use]
    pub fn new(value: T) -> Self {
        Self {
            raw: RawLock::new(),
            closed: AtomicBool::new(false),
            closed_for: AtomicUsize::new(0),
            value: UnsafeCell::new(value),
        }
    }

    /// Locks for reading without a locked instruction; `None` when that is not possible now.
    ///
    /// What is done until the guard is dropped must be short and must not block: not for a lock,
    /// not for input or output, not for a caller's code.
    #[inline(always)]
    pub fn fast_read(&self) -> Option<FastGuard<'_, T>> {
        let mut record = record::current();
        if record.is_in_use() {
            cold_path();
            record = record::take()?;
        }
        record.enter(self.addr());
        barrier::light();
        // Acquires what the writer that opened the lock did.
        if self.closed.load(Ordering::Acquire) {
            cold_path();
            record.leave();
            return None;
        }
        Some(FastGuard::new(self, record))
    }

    /// Locks for reading; may take as long as it likes.
    ///
    /// # Panics
    /// When this thread reads the lock already by [`fast_read`](Self::fast_read).
    pub fn read(&self) -> ReadGuard<'_, T> {
        self.check_outside();
        self.raw.lock_shared();
        if self.closed.load(Ordering::Relaxed) {
            // Readers may count at the same time, and count a little wrong.
            let left = self.closed_for.load(Ordering::Relaxed);
            self.closed_for.store(left.saturating_sub(1), Ordering::Relaxed);
            if left <= 1 {
                // Nobody writes while we hold `raw`, and what was written is passed on.
                self.closed.store(false, Ordering::Release);
            }
        }
        ReadGuard::new(self)
    }

    /// Locks for writing.
    ///
    /// # Panics
    /// When this thread reads the lock by [`fast_read`](Self::fast_read).
    pub fn write(&self) -> WriteGuard<'_, T> {
        self.check_outside();
        self.raw.lock_exclusive();
        // From here on a panic unlocks.
        let guard = WriteGuard::new(self);
        self.close();
        guard
    }

    /// Returns the value, which nobody else can reach.
    pub fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    /// Keeps fast readers out, and waits for those that are in. `raw` is held exclusively.
    fn close(&self) {
        // It was closed before and nobody opened it.
        if self.closed.load(Ordering::Relaxed) {
            return;
        }
        self.closed.swap(true, Ordering::SeqCst);
        barrier::after_swap();
        if !record::are_others() {
            self.closed_for.store(0, Ordering::Relaxed);
            return;
        }
        let begun = Instant::now();
        barrier::heavy();
        record::wait_for_readers(self.addr());
        self.closed_for.store(barrier::reads_worth(begun.elapsed()), Ordering::Relaxed);
    }

    /// Lets fast readers in again, unless it was dear to get them out. `raw` is held exclusively,
    /// and nothing is written any more.
    pub(crate) fn open(&self) {
        if self.closed_for.load(Ordering::Relaxed) == 0 {
            self.closed.store(false, Ordering::Release);
        }
    }

    /// Checks that this thread does not wait for itself.
    fn check_outside(&self) {
        let is_inside = record::current().names(self.addr());
        assert!(!is_inside, "our own invariant: a fast section takes no lock");
    }

    /// Returns what names this lock while anybody reads it. Never zero.
    #[inline(always)]
    fn addr(&self) -> usize {
        ptr::from_ref(self).addr()
    }

    /// Returns the value.
    ///
    /// # Safety
    /// 1. The lock is held for reading or writing for as long as the result is used.
    #[inline(always)]
    pub(crate) unsafe fn value(&self) -> &T {
        // SAFETY: whoever holds the lock keeps writers out (1.): those who wait for `raw`; and
        // those who wait for the record of a fast reader, because either the reader saw the lock
        // closed and does not hold it, or the writer sees the record.
        unsafe { &*self.value.get() }
    }

    /// Returns the value, to be changed.
    ///
    /// # Safety
    /// 1. The lock is held for writing for as long as the result is used, and no other result of
    ///    this function or of [`value`](Self::value) is used meanwhile.
    #[expect(clippy::mut_from_ref, reason = "what the contract asks for")]
    pub(crate) unsafe fn value_mut(&self) -> &mut T {
        // SAFETY: `raw` keeps other writers and slow readers out, `close` fast ones; the rest is 1.
        unsafe { &mut *self.value.get() }
    }
}

impl<T: Default> Default for BiasedRwLock<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> fmt::Debug for BiasedRwLock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BiasedRwLock").finish_non_exhaustive()
    }
}

#[cfg(all(test, not(loom)))]
impl<T> BiasedRwLock<T> {
    pub(crate) fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Relaxed)
    }
}
