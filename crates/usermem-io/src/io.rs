//! The interface to one address space.

use std::fmt;

use safecopy::{Reader, StreamError, Writer};
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Errno, Fault, Transfer};

/// How an access is checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoOpts {
    /// Check against what the mapped object allows at most, not against the protections that the
    /// program chose: `PTRACE_POKEDATA` and the like.
    pub ignore_permissions: bool,
}

impl IoOpts {
    /// The program's own protections apply.
    pub const CHECKED: Self = Self { ignore_permissions: false };
    /// The program's own protections are ignored.
    pub const IGNORE_PERMISSIONS: Self = Self { ignore_permissions: true };
}

/// Why a streaming transfer stopped: the application's memory, or the other end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoCause {
    /// The application's memory could not be accessed.
    Fault(Fault),
    /// The reader or writer failed with this error; never rewritten to `EFAULT`.
    Stream(Errno),
    /// The reader or writer had no more bytes or no more room.
    EndOfSequence,
    /// A full transfer was asked for and a round moved nothing without an error.
    NoProgress,
}

impl IoCause {
    /// Converts the error of a reader or writer whose memory faults are at `fault`.
    #[must_use]
    pub fn from_stream(
        error: StreamError,
        fault: impl FnOnce(safecopy::HostFault) -> Fault,
    ) -> Self {
        match error {
            StreamError::Fault(host) => Self::Fault(fault(host)),
            StreamError::Errno(errno) => Self::Stream(errno),
            StreamError::EndOfBlocks => Self::EndOfSequence,
            StreamError::NoProgress => Self::NoProgress,
        }
    }
}

impl From<Fault> for IoCause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for IoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Stream(errno) => errno.fmt(f),
            Self::EndOfSequence => f.write_str("end of sequence"),
            Self::NoProgress => f.write_str("no progress"),
        }
    }
}

impl std::error::Error for IoCause {}

/// One virtual address space.
///
/// Every bulk method moves a contiguous prefix: on success all of what was asked, otherwise the
/// count of a [`usermem_types::Partial`]. Whether the addresses of a transfer of length zero are
/// checked is the implementation's: a memory manager does, [`BytesIo`](crate::BytesIo) does not.
///
/// Readers and writers that are streamed to are called while the address space holds what keeps
/// the pages in place: they must not use the same address space themselves.
pub trait Io {
    /// Copies `src` to the application.
    ///
    /// # Errors
    /// The fault that stopped the copy, and how many bytes had arrived.
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer;

    /// Copies from the application into `dst`. What lies beyond the count in `dst` is unspecified.
    ///
    /// # Errors
    /// The fault that stopped the copy, and how many bytes had arrived.
    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer;

    /// Writes `len` zero bytes to the application.
    ///
    /// # Errors
    /// The fault that stopped it, and how many bytes had been zeroed.
    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer;

    /// Streams from a reader into the ranges; calls the reader at most once, with the prefix that
    /// can be written. Short without an error only when the reader was.
    ///
    /// # Errors
    /// The reader's own error first, otherwise the first fault in address order; and how many
    /// bytes the application received.
    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        opts: IoOpts,
    ) -> Transfer<IoCause>;

    /// Streams from the ranges into a writer; calls the writer at most once, with the prefix that
    /// can be read. Short without an error only when the writer was.
    ///
    /// # Errors
    /// The writer's own error first, otherwise the first fault in address order; and how many
    /// bytes the writer took.
    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        opts: IoOpts,
    ) -> Transfer<IoCause>;

    /// Exchanges a word atomically and returns what was there before.
    ///
    /// # Errors
    /// The fault of the access, which needs both reading and writing.
    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, opts: IoOpts) -> Result<u32, Fault>;

    /// Stores `new` when the word equals `old`, atomically; returns what was there before either
    /// way, and leaves it to the caller to compare.
    ///
    /// # Errors
    /// The fault of the access, which needs both reading and writing, even when the comparison
    /// fails.
    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault>;

    /// Loads a word atomically.
    ///
    /// # Errors
    /// The fault of the access.
    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault>;
}
