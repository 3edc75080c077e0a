//! Resource limits that bound mappings.

use std::sync::atomic::{AtomicU64, Ordering};

/// One limit in bytes, changeable at any time.
#[derive(Debug)]
pub struct Limit(AtomicU64);

impl Limit {
    /// No limit: `RLIM_INFINITY`.
    pub const INFINITY: u64 = u64::MAX;

    const fn new(bytes: u64) -> Self {
        Self(AtomicU64::new(bytes))
    }

    /// Returns the limit.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    /// Sets the limit.
    pub fn set(&self, bytes: u64) {
        self.0.store(bytes, Ordering::Relaxed);
    }

    /// Returns whether `bytes` is within the limit.
    pub(crate) fn allows(&self, bytes: u64) -> bool {
        bytes <= self.get()
    }
}

impl Limits {
    /// Sets every limit as another program has it.
    pub(crate) fn copy_from(&self, other: &Self) {
        for (to, from) in [
            (&self.address_space, &other.address_space),
            (&self.data, &other.data),
            (&self.stack, &other.stack),
            (&self.memlock, &other.memlock),
        ] {
            to.set(from.get());
        }
    }
}

/// The soft limits of a program, in bytes.
#[derive(Debug)]
pub struct Limits {
    /// `RLIMIT_AS`.
    pub address_space: Limit,
    /// `RLIMIT_DATA`.
    pub data: Limit,
    /// `RLIMIT_STACK`.
    pub stack: Limit,
    /// `RLIMIT_MEMLOCK`.
    pub memlock: Limit,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space: Limit::new(Limit::INFINITY),
            data: Limit::new(Limit::INFINITY),
            stack: Limit::new(8 << 20),
            memlock: Limit::new(8 << 20),
        }
    }
}
