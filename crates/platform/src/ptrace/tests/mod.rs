//! Tests with real stubs: machine code in the pages of a memfd.
#![cfg(target_arch = "x86_64")]

mod events;
mod guest;
mod isolation;
mod late;
mod mappings;
mod registers;
mod returning;
