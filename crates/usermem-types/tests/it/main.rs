//! The words of application memory against models, and the layout that other layers rely on.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod access;
mod addr;
mod errno;
mod facts;
mod granule;
mod range;
mod seq;
mod seq_model;
mod words;

use proptest::prelude::{Strategy, any, prop_oneof};
use usermem_types::{Addr, AddrRange};

/// Returns the range `[start, end)`.
#[track_caller]
fn r(start: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
}

/// Returns a value as one of 64 bits, where it is one.
fn narrow(value: u128) -> Option<u64> {
    u64::try_from(value).ok()
}

/// Generates numbers, many of them at the ends and at boundaries of every size.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..0x3_0000u64,
        u64::MAX - 0x3_0000..=u64::MAX,
        (any::<u64>(), 0..64u32, 0..3u64)
            .prop_map(|(at, shift, by)| (at >> shift << shift).wrapping_sub(1).wrapping_add(by)),
        (0..64u32, 0..3u64)
            .prop_map(|(shift, by)| (1u64 << shift).wrapping_sub(1).wrapping_add(by)),
    ]
}
