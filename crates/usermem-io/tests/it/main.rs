//! The interface to an address space against the oracle.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod host_memory;

mod bad_input;
mod bytes_io;
mod int_strings;
mod model;
mod objects;
mod sequences;
mod streaming;
mod strings;
mod untrusted;
mod vectors;

use usermem_io::{Io, IoSequence};
use usermem_types::{Addr, AddrRange};

static_assertions::assert_obj_safe!(Io);
static_assertions::assert_impl_all!(IoSequence<'static>: Copy);
// A sequence is an argument: it must stay small enough to be passed around by value.
static_assertions::const_assert!(size_of::<IoSequence<'static>>() <= 64);

/// Returns the range `[start, end)`.
#[track_caller]
fn r(start: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
}
