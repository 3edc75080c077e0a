//! `--trace`: a line on standard error for each system call, like strace's.
//!
//! What a call reads is decoded before it runs, what it fills after. The application's memory is
//! looked at through its memory manager (pattern B): a trace is not a system call of the
//! application, and what it reads is not counted.

mod decode;
mod filter;
mod flags;
mod quote;
mod sink;

pub use filter::{TraceFilter, UnknownWord};
pub use sink::{Line, TraceSink};
