//! The words that every layer of application memory shares: addresses, ranges, sequences of
//! ranges, page sizes, access types, memory types, faults, partial results and error numbers.
//!
//! Nothing in here touches memory, allocates or knows an operating system: it is arithmetic,
//! written once. What an address *means* is decided by the address space that it is
//! given to; nothing here can turn one into a pointer. The crate has no dependencies, no unsafe code
//! and needs neither `std` nor `alloc`.
//!
//! # A tour
//!
//! A program asks for a vectored read. Its buffers become ranges where they are checked, since a
//! range cannot wrap, and the ranges become a sequence, which the layers below work off like a
//! stream:
//!
//! ```
//! use usermem_types::{Addr, AddrRangeSeq, Errno, Fault, FaultKind, PageSize, Partial};
//!
//! # fn main() -> Result<(), Errno> {
//! let first = Addr::new(0x1ff8).to_range(8).ok_or(Errno::EFAULT)?;
//! let second = Addr::new(0x5000).to_range(0x20).ok_or(Errno::EFAULT)?;
//! let buffers = [first, second];
//! let mut left = AddrRangeSeq::from_slice(&buffers).map_err(|_| Errno::EINVAL)?;
//! assert_eq!(left.num_bytes(), 0x28);
//!
//! // Eleven bytes arrive: the first buffer and three bytes of the second one.
//! left = left.drop_first(11);
//! assert_eq!(left.to_string(), "[[0x5003, 0x5020)]");
//!
//! // Then the rest finds no memory. Count and cause travel together, …
//! let stop = Partial::new(0, Fault::new(FaultKind::Unmapped, Addr::new(0x5003))).after(11);
//! assert_eq!(stop.to_string(), "unmapped at 0x5003 after 11 bytes");
//!
//! // … and the page to be mapped is known.
//! assert_eq!(stop.cause.addr.round_down(PageSize::K4), Addr::new(0x5000));
//! # Ok(())
//! # }
//! ```
//!
//! | to say | use |
//! |---|---|
//! | where | [`Addr`], [`AlignedAddr`] for atomics, [`AddrRange`], [`AddrRangeSeq`] |
//! | in which units | [`PageSize`], [`Granule`]; the page size is always a parameter |
//! | in which way | [`AccessType`], [`MemoryType`], [`ByteOrder`] |
//! | how much at most | [`max_rw_count`], [`UIO_MAXIOV`], [`PATH_MAX`] |
//! | how it went | [`Transfer`]: a count, or a [`Partial`] count with a [`Fault`] |
//! | what the program is told | [`Errno`] |
//!
//! Numbers are `u64` where they are the program's (addresses, lengths of ranges) and `usize` where
//! they count what was moved. Nothing wraps: a sum or a rounding that leaves 64 bits is `None`.

#![no_std]
#![forbid(unsafe_code)]

mod addr;
mod range;
mod seq;
mod seq_iter;

mod granule;
mod page;

mod access;
mod byte_order;
mod memory_type;

mod limits;

mod errno;
mod fault;

pub use access::AccessType;
pub use addr::{Addr, AlignedAddr};
pub use byte_order::ByteOrder;
pub use errno::Errno;
pub use fault::{Fault, FaultKind, Partial, Transfer};
pub use granule::Granule;
pub use limits::{MAX_RW_COUNT, PATH_MAX, UIO_MAXIOV, max_rw_count};
pub use memory_type::MemoryType;
pub use page::PageSize;
pub use range::AddrRange;
pub use seq::{AddrRangeSeq, SeqTooLong};
pub use seq_iter::AddrRangeSeqIter;
