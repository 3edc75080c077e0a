//! Faults and concurrency, each with exact counts and addresses.
#![expect(unsafe_code, reason = "maps memory that faults")]

mod addresses;
mod atomics;
mod concurrent;
mod copies;
mod matrix;
mod matrix_atomics;
mod memory;
mod registers;
