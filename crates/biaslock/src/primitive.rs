//! What threads share state through: the host's, or loom's, which tries every order of events.

#[cfg(not(loom))]
pub(crate) use host::{RawLock, Records, yield_now};
#[cfg(loom)]
pub(crate) use model::{RawLock, Records, yield_now};

#[cfg(loom)]
pub(crate) use loom::sync::atomic::{AtomicBool, AtomicUsize, fence};
#[cfg(not(loom))]
pub(crate) use std::sync::atomic::{AtomicBool, AtomicUsize, fence};

#[cfg(not(loom))]
mod host {
    #![expect(unsafe_code, reason = "a raw lock trusts its callers")]

    use parking_lot::lock_api::{RawRwLock as _, RawRwLockDowngrade};
    pub(crate) use std::thread::yield_now;

    /// A list that is read often and changed seldom.
    pub(crate) type Records<T> = parking_lot::RwLock<Vec<T>>;

    /// A reader-writer lock that protects nothing by itself.
    pub(crate) struct RawLock(parking_lot::RawRwLock);

    impl RawLock {
        pub(crate) const fn new() -> Self {
            Self(parking_lot::RawRwLock::INIT)
        }

        pub(crate) fn lock_shared(&self) {
            self.0.lock_shared();
        }

        pub(crate) fn lock_exclusive(&self) {
            self.0.lock_exclusive();
        }

        /// # Safety
        /// 1. This thread holds the lock, shared.
        pub(crate) unsafe fn unlock_shared(&self) {
            // SAFETY: 1. is ours.
            unsafe { self.0.unlock_shared() }
        }

        /// # Safety
        /// 1. This thread holds the lock, exclusively.
        pub(crate) unsafe fn unlock_exclusive(&self) {
            // SAFETY: 1. is ours.
            unsafe { self.0.unlock_exclusive() }
        }

        /// Makes an exclusive hold a shared one.
        ///
        /// # Safety
        /// 1. This thread holds the lock, exclusively.
        pub(crate) unsafe fn downgrade(&self) {
            // SAFETY: 1. is ours.
            unsafe { self.0.downgrade() }
        }
    }
}

#[cfg(loom)]
mod model {
    #![expect(unsafe_code, reason = "a raw lock trusts its callers")]

    use loom::sync::{Condvar, Mutex, RwLock, RwLockReadGuard, RwLockWriteGuard};
    pub(crate) use loom::thread::yield_now;

    pub(crate) struct Records<T>(RwLock<Vec<T>>);

    impl<T> Records<T> {
        pub(crate) fn new(records: Vec<T>) -> Self {
            Self(RwLock::new(records))
        }

        pub(crate) fn read(&self) -> RwLockReadGuard<'_, Vec<T>> {
            self.0.read().unwrap()
        }

        pub(crate) fn write(&self) -> RwLockWriteGuard<'_, Vec<T>> {
            self.0.write().unwrap()
        }
    }

    /// Readers, or -1 for a writer.
    pub(crate) struct RawLock(Mutex<i32>, Condvar);

    impl RawLock {
        pub(crate) fn new() -> Self {
            Self(Mutex::new(0), Condvar::new())
        }

        fn when(&self, is_free: fn(i32) -> bool, change: fn(&mut i32)) {
            let mut state = self.0.lock().unwrap();
            while !is_free(*state) {
                state = self.1.wait(state).unwrap();
            }
            change(&mut state);
            self.1.notify_all();
        }

        pub(crate) fn lock_shared(&self) {
            self.when(|state| state >= 0, |state| *state += 1);
        }

        pub(crate) fn lock_exclusive(&self) {
            self.when(|state| state == 0, |state| *state = -1);
        }

        pub(crate) unsafe fn unlock_shared(&self) {
            self.when(|_| true, |state| *state -= 1);
        }

        pub(crate) unsafe fn unlock_exclusive(&self) {
            self.when(|_| true, |state| *state = 0);
        }

        pub(crate) unsafe fn downgrade(&self) {
            self.when(|_| true, |state| *state = 1);
        }
    }
}
