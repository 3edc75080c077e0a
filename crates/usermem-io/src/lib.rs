//! The interface to an address space, sequences of its ranges, and what is built on them.
//!
//! [`Io`] is what an address space does; it is small and object safe. [`IoExt`] adds strings,
//! objects, arrays and vectors to every [`Io`]. An [`IoSequence`] bundles an address space with
//! ranges of it, for code that must not know whose they are. [`BytesIo`] is an address space made
//! of a byte buffer.
//!
//! # What application memory is
//!
//! It belongs to a program that changes it while it is read. So everything in here copies, and
//! copies once: a length is read, checked and used as *our* copy of it. No reference to
//! application memory exists, and none can be had:
//!
//! ```
//! use usermem_io::{BytesIo, Io, IoExt, IoOpts};
//! use usermem_types::Addr;
//!
//! let mut memory = *b"\x05\0\0\0hello";
//! let io = BytesIo::new(&mut memory);
//! let len: u32 = io.copy_in_object(Addr::new(0), IoOpts::CHECKED).unwrap();
//! let text = io.copy_in_bytes(Addr::new(4), len.min(16) as usize, IoOpts::CHECKED).unwrap();
//! assert_eq!(text, b"hello");
//! ```
//!
//! Transfers are prefixes and say so: a [`Partial`](usermem_types::Partial) carries how many bytes
//! moved and why no more did.

#![forbid(unsafe_code)]

mod io;

mod bytes_io;
mod cursor;
mod ext;
mod int_strings;
mod object;
mod sequence;
mod string;
mod vector;

pub use bytes_io::BytesIo;
pub use cursor::{IoReadWriter, IoSequenceReadWriter};
pub use ext::IoExt;
pub use int_strings::IntStringsCause;
pub use io::{Io, IoCause, IoOpts};
pub use object::StructError;
pub use sequence::IoSequence;
pub use string::{StringCause, StringError};
