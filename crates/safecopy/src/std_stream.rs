//! Bridges between [`Reader`](crate::Reader) or [`Writer`](crate::Writer) and [`std::io`].
//!
//! Code of the standard library's traits works on slices, and there is no slice to foreign memory.
//! The bytes therefore pass through a buffer of our own, of 64 KiB at most however long the blocks
//! are, which lives as long as the call.
//!
//! An [`io::Error`](std::io::Error) becomes a [`StreamError::Errno`](crate::StreamError): the
//! host's error number, or the one that goes with its kind, or EIO. One that an adapter of this
//! module made of a [`StreamError`](crate::StreamError) becomes that again.

mod at;
mod bounce;
mod error;
mod from;
mod to;
mod vectored;

pub use at::{FromReadAt, FromWriteAt};
pub use from::{FromStdRead, FromStdWrite};
pub use to::{ToStdRead, ToStdWrite};
pub use vectored::{FromStdReadVectored, FromStdWriteVectored};
