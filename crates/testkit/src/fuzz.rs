//! Oracles whose input is any string of bytes.
//!
//! Each function makes ranges, memory and operations of the bytes, runs them on the code and on
//! something naive, and panics when the two differ. Every input means something, and a longer one
//! means more operations, so that a fuzzer that looks at coverage gets anywhere. `cargo xtask fuzz`
//! runs one; the tests of this crate try random bytes.
//!
//! ```
//! testkit::fuzz::addr_range_seq(b"\x02any bytes");
//! testkit::fuzz::io_script(&[]);
//! ```

mod input;

mod addr_range_seq;
mod block_seq;
mod int_strings;
mod io_script;
mod strings;

pub use addr_range_seq::addr_range_seq;
pub use block_seq::block_seq;
pub use int_strings::int_strings;
pub use io_script::io_script;
pub use strings::strings;

#[cfg(test)]
mod tests;
