//! Faults and concurrency, each with exact counts and addresses.
#![expect(unsafe_code, reason = "maps memory that faults")]

mod addresses;
mod atomics;
mod concurrent;
mod matrix;
mod memory;
mod registers;
