//! Tasks over real stub processes.
#![cfg(target_arch = "x86_64")]

mod fixture;
mod iovecs;
mod poke;
mod strings;
