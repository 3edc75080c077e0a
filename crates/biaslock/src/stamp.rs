//! Numbers that no two locks share.

use std::sync::atomic::{AtomicU64, Ordering};

/// Stamps that a lock takes at once, so that locks do not meet at every write.
const RUN: u64 = 1 << 20;

/// The first stamp that nobody has; zero is nobody's.
static NEXT: AtomicU64 = AtomicU64::new(RUN);

/// Returns the first of a new run of stamps.
pub(crate) fn first() -> u64 {
    NEXT.fetch_add(RUN, Ordering::Relaxed)
}

/// Returns the stamp after `stamp` of the same lock.
#[inline]
pub(crate) fn next(stamp: u64) -> u64 {
    match stamp + 1 {
        end if end % RUN == 0 => first(),
        next => next,
    }
}
