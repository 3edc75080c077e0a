//! Tests of the whole crate against real files.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod escapes;
mod held;
mod memory;
mod native;
mod proc_and_dev;
mod read_only;
mod streams;
mod support;
