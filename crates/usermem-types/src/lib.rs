//! The words that every layer of application memory shares: addresses, ranges, sequences of
//! ranges, access types, memory types, page sizes, faults, partial results and error numbers.
//!
//! Nothing in here touches memory, allocates or knows an operating system: it is arithmetic that
//! cannot be got wrong twice. What an address *means* is decided by the address space that it is
//! given to; nothing here can turn one into a pointer.

#![no_std]
#![forbid(unsafe_code)]

mod access;
mod addr;
mod errno;
mod fault;
mod limits;
mod memory_type;
mod page;
mod range;
mod seq;

pub use access::AccessType;
pub use addr::{Addr, AlignedAddr};
pub use errno::Errno;
pub use fault::{Fault, FaultKind, Partial, Transfer};
pub use limits::{MAX_RW_COUNT, PATH_MAX, UIO_MAXIOV, max_rw_count};
pub use memory_type::MemoryType;
pub use page::{CACHE_LINE, JUMBO_PAGE, PageSize};
pub use range::AddrRange;
pub use seq::{AddrRangeSeq, AddrRangeSeqIter, SeqTooLong};
