//! The interface to an address space, sequences of its ranges, and what is built on them.
//!
//! [`Io`] is what an address space does; it is small and object safe. [`IoExt`] adds strings,
//! objects, arrays and vectors to every [`Io`]. An [`IoSequence`] bundles an address space with
//! ranges of it, for code that must not know whose they are. [`BytesIo`] is an address space made
//! of a byte buffer.
//!
//! # Who uses what
//!
//! * **A**: a system call, on its own task's thread, copies through its task. Those copies are
//!   these ones, with [`IoOpts::CHECKED`].
//! * **B**: whoever needs the memory of another task, or ignores its protections as a debugger
//!   does, calls [`Io`] and [`IoExt`] on that task's memory manager and says how with [`IoOpts`].
//! * **C**: a file system, a device or a pipe is handed an [`IoSequence`] and streams from it or to
//!   it. It can name neither the task nor the address space:
//!
//! ```
//! use safecopy::SliceWriter;
//! use usermem_io::{BytesIo, IoCause, IoOpts, IoSequence};
//! use usermem_types::{Addr, AddrRangeSeq, Transfer};
//!
//! fn write(log: &mut SliceWriter<'_>, src: IoSequence<'_>) -> Transfer<IoCause> {
//!     src.copy_in_to(log)
//! }
//!
//! let mut memory = *b"hello world";
//! let io = BytesIo::new(&mut memory);
//! let ranges = [Addr::new(6).to_range(5).unwrap(), Addr::new(5).to_range(1).unwrap()];
//! let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
//! let mut file = [0; 16];
//! let mut log = SliceWriter::new(&mut file);
//! assert_eq!(write(&mut log, IoSequence::new(&io, ranges, IoOpts::CHECKED)), Ok(6));
//! assert_eq!(log.written(), b"world ");
//! ```
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
//! Reading the length a second time, after it was checked, would be the bug that this prevents:
//! the program has another thread to change it in between.
//!
//! # Counts and causes
//!
//! Transfers are prefixes and say so: a [`Partial`](usermem_types::Partial) carries how many bytes
//! moved and why no more did. Error numbers are made of it once, at the system call.

#![forbid(unsafe_code)]

mod io;
mod opts;

mod cause;
mod count;

mod bytes_io;
mod sequence;

mod cursor;
mod sequence_cursor;
mod std_io;

mod ext;
mod int_strings;
mod object;
mod string;
mod structure;
mod vector;

pub use bytes_io::BytesIo;
pub use cause::IoCause;
pub use count::finish_stream;
pub use cursor::IoReadWriter;
pub use ext::IoExt;
pub use int_strings::IntStringsCause;
pub use io::Io;
pub use opts::IoOpts;
pub use sequence::IoSequence;
pub use sequence_cursor::IoSequenceReadWriter;
pub use string::{StringCause, StringError};
pub use structure::StructError;
