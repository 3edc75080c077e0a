//! Tasks over real stub processes.
#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]
#![cfg(target_arch = "x86_64")]

mod fixture;
mod futex;
mod iovecs;
mod poke;
mod shm;
mod strings;
