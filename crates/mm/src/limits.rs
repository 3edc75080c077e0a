//! Resource limits that bound mappings.

use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use bitflags::bitflags;

bitflags! {
    /// What a program may do to its memory beyond what every program may.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Privileges: u32 {
        /// Locks as much as it likes: `CAP_IPC_LOCK`.
        const LOCK = 1 << 0;
        /// Places pages of others: `CAP_SYS_NICE`.
        const PLACE = 1 << 1;
    }
}

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
        self.set_privileges(other.privileges());
    }

    /// Returns what no limit applies to.
    #[must_use]
    pub fn privileges(&self) -> Privileges {
        Privileges::from_bits_truncate(self.privileges.load(Ordering::Relaxed))
    }

    /// Sets what no limit applies to.
    pub fn set_privileges(&self, privileges: Privileges) {
        self.privileges.store(privileges.bits(), Ordering::Relaxed);
    }

    /// Returns whether anything may be locked at all.
    pub(crate) fn may_lock(&self) -> bool {
        self.memlock.get() != 0 || self.privileges().contains(Privileges::LOCK)
    }

    /// Returns whether so many bytes may be locked.
    pub(crate) fn may_lock_bytes(&self, bytes: u64) -> bool {
        self.memlock.allows(bytes) || self.privileges().contains(Privileges::LOCK)
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
    privileges: AtomicU32,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            address_space: Limit::new(Limit::INFINITY),
            data: Limit::new(Limit::INFINITY),
            stack: Limit::new(8 << 20),
            memlock: Limit::new(8 << 20),
            privileges: AtomicU32::new(0),
        }
    }
}
