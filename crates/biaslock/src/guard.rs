//! What holding the lock looks like.
#![expect(unsafe_code, reason = "a guard proves that the lock is held")]

use std::fmt;
use std::marker::PhantomData;
use std::mem;
use std::ops::{Deref, DerefMut};

use static_assertions::assert_not_impl_any;

use crate::BiasedRwLock;
use crate::record::Record;

/// A lock that is held for reading, for a short time, without a locked instruction.
#[must_use = "the lock is held as long as this lives"]
pub struct FastGuard<'a, T> {
    /// Invariant: this thread's `record` names the lock, which was open after that.
    lock: &'a BiasedRwLock<T>,
    record: &'static Record,
    not_send: PhantomData<*const ()>,
}

/// A lock that is held for reading, for as long as it takes.
#[must_use = "the lock is held as long as this lives"]
pub struct ReadGuard<'a, T> {
    /// Invariant: this thread holds `raw` of it, shared.
    lock: &'a BiasedRwLock<T>,
    not_send: PhantomData<*const ()>,
}

/// A lock that is held for writing.
#[must_use = "the lock is held as long as this lives"]
pub struct WriteGuard<'a, T> {
    /// Invariant: this thread holds `raw` of it, exclusively; and the lock is closed, and was
    /// found empty, before anybody but [`BiasedRwLock::write`] gets the guard.
    lock: &'a BiasedRwLock<T>,
    not_send: PhantomData<*const ()>,
}

// A record is its thread's, and so is a hold of the inner lock.
assert_not_impl_any!(FastGuard<'static, ()>: Send, Sync);
assert_not_impl_any!(ReadGuard<'static, ()>: Send, Sync);
assert_not_impl_any!(WriteGuard<'static, ()>: Send, Sync);

impl<'a, T> FastGuard<'a, T> {
    /// Called when the invariant holds.
    #[inline(always)]
    pub(crate) fn new(lock: &'a BiasedRwLock<T>, record: &'static Record) -> Self {
        Self { lock, record, not_send: PhantomData }
    }
}

impl<T> Deref for FastGuard<'_, T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        // SAFETY: 1. by the invariant, the lock is held.
        unsafe { self.lock.value() }
    }
}

impl<T> Drop for FastGuard<'_, T> {
    #[inline(always)]
    fn drop(&mut self) {
        self.record.leave();
    }
}

impl<'a, T> ReadGuard<'a, T> {
    /// Called when the invariant holds.
    pub(crate) fn new(lock: &'a BiasedRwLock<T>) -> Self {
        Self { lock, not_send: PhantomData }
    }
}

impl<T> Deref for ReadGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: 1. by the invariant, the lock is held.
        unsafe { self.lock.value() }
    }
}

impl<T> Drop for ReadGuard<'_, T> {
    fn drop(&mut self) {
        // SAFETY: 1. is the invariant, and ends with the guard.
        unsafe { self.lock.raw.unlock_shared() }
    }
}

impl<'a, T> WriteGuard<'a, T> {
    /// Called when the first half of the invariant holds, by whoever makes the rest true.
    pub(crate) fn new(lock: &'a BiasedRwLock<T>) -> Self {
        Self { lock, not_send: PhantomData }
    }

    /// Goes on reading, with no writer in between.
    pub fn downgrade(guard: Self) -> ReadGuard<'a, T> {
        let lock = guard.lock;
        mem::forget(guard);
        lock.open();
        // SAFETY: 1. is the invariant of the guard, which is no more.
        unsafe { lock.raw.downgrade() };
        ReadGuard::new(lock)
    }
}

impl<T> Deref for WriteGuard<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: 1. by the invariant, the lock is held.
        unsafe { self.lock.value() }
    }
}

impl<T> DerefMut for WriteGuard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: 1. by the invariant, the lock is held, and the guard is borrowed alone.
        unsafe { self.lock.value_mut() }
    }
}

impl<T> Drop for WriteGuard<'_, T> {
    fn drop(&mut self) {
        self.lock.open();
        // SAFETY: 1. is the invariant, and ends with the guard.
        unsafe { self.lock.raw.unlock_exclusive() }
    }
}

impl<T: fmt::Debug> fmt::Debug for FastGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for ReadGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}

impl<T: fmt::Debug> fmt::Debug for WriteGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
