//! The interface to one address space.

use safecopy::{Reader, Writer};
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Fault, Transfer};

use crate::{IoCause, IoOpts};

/// One virtual address space.
///
/// Every bulk method moves a contiguous prefix: on success all of what was asked, otherwise the
/// count of a [`Partial`](usermem_types::Partial). Any address and any length may be given: null,
/// the kernel's half, one that the CPU cannot name, and ranges that run past the highest address
/// are faults like others.
///
/// # No bytes
///
/// A transfer of no bytes touches no memory. Whether its address is checked all the same is the
/// implementation's: a memory manager does that, as Linux does, and
/// [`BytesIo`](crate::BytesIo) does not.
///
/// # Streaming
///
/// [`Io::copy_out_from`] and [`Io::copy_in_to`] call the reader or writer once, with the longest
/// prefix of the ranges that can be accessed, and not at all when that is empty. What they answer
/// then is [`finish_stream`](crate::finish_stream)'s to say:
///
/// | the reader or writer | the transfer |
/// |---|---|
/// | moves everything it was given | the count; with the fault of what could not be given, if any |
/// | moves less, or nothing, without an error | the count: what was beyond it was never reached |
/// | moves some and fails | the count and its own error, even where a fault follows |
/// | claims more than it was given | as if it had moved everything it was given |
/// | panics | unwinds through the transfer; the address space stays usable |
///
/// It is called while the address space holds what keeps the pages in place, so it must not use
/// the same address space itself.
///
/// # Implementations are not trusted
///
/// What is built on this trait takes a count above what was asked for as what was asked for. A
/// count below it without an error is continued from there by vector copies, as long as it is not
/// zero, and anywhere else is a [`FaultKind::Bus`](usermem_types::FaultKind::Bus) at the first
/// byte that did not move.
///
/// ```
/// use usermem_io::{BytesIo, Io, IoOpts};
/// use usermem_types::{Addr, Fault, FaultKind, Partial};
///
/// let mut memory = *b"ABC";
/// let io: &dyn Io = &BytesIo::new(&mut memory);
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(3));
/// assert_eq!(io.copy_out(Addr::new(1), b"foo", IoOpts::CHECKED), Err(Partial::new(2, fault)));
/// ```
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
    /// The reader's own error first, otherwise the fault that ended the prefix when the reader
    /// filled all of it; and how many bytes the application received.
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
    /// The writer's own error first, otherwise the fault that ended the prefix when the writer
    /// took all of it; and how many bytes the writer took.
    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        opts: IoOpts,
    ) -> Transfer<IoCause>;

    /// Copies as much of the start of `src` to the start of the ranges as is a matter of looking where
    /// it goes, and returns how much that is. Vector copies ask for it before they copy range by range,
    /// and again after a range that they copied themselves.
    ///
    /// Nothing is always a right answer, and the one that is provided. It is the answer at a first range
    /// of length zero, at anything that is to fault, to wait, or to be prepared: for all that
    /// [`copy_out`](Self::copy_out) has to be seen to be asked.
    fn copy_out_ahead(&self, ranges: AddrRangeSeq<'_>, src: &[u8], opts: IoOpts) -> usize {
        let _ = (ranges, src, opts);
        0
    }

    /// Copies as much from the start of the ranges to the start of `dst` as is a matter of looking
    /// where it is; as [`copy_out_ahead`](Self::copy_out_ahead).
    fn copy_in_ahead(&self, ranges: AddrRangeSeq<'_>, dst: &mut [u8], opts: IoOpts) -> usize {
        let _ = (ranges, dst, opts);
        0
    }

    /// Writes as many of `len` zero bytes to the start of the ranges as is a matter of looking where
    /// they go; as [`copy_out_ahead`](Self::copy_out_ahead).
    fn zero_out_ahead(&self, ranges: AddrRangeSeq<'_>, len: usize, opts: IoOpts) -> usize {
        let _ = (ranges, len, opts);
        0
    }

    /// Returns eight bytes, if that is a matter of looking where they are. Values of this size are asked
    /// for like this first; nothing is always a right answer, and the one that is provided.
    fn copy_in_8_ahead(&self, addr: Addr, opts: IoOpts) -> Option<[u8; 8]> {
        let _ = (addr, opts);
        None
    }

    /// Exchanges a word atomically and returns what was there before.
    ///
    /// # Errors
    /// The fault of the access, which needs both reading and writing; nothing was changed then.
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
