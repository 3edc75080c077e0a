//! An address space, ranges of it, and how to access them, in one value.

use std::fmt;

use safecopy::{Reader, Writer};
use usermem_types::{AddrRangeSeq, Transfer};

use crate::{Io, IoCause, IoOpts, IoSequenceReadWriter, vector};

/// Ranges of one address space, worked on in order like Linux's `iov_iter`.
///
/// This is what code below the kernel is given, and all that it is given: it can move bytes in and
/// out of these ranges and can name neither the task nor the address space behind them.
///
/// ```
/// use safecopy::SliceReader;
/// use usermem_io::{BytesIo, IoCause, IoOpts, IoSequence};
/// use usermem_types::{Addr, AddrRangeSeq, Transfer};
///
/// /// The `read` of a device: all that it gets is where the bytes go.
/// fn read(dst: IoSequence<'_>) -> Transfer<IoCause> {
///     dst.copy_out_from(&mut SliceReader::new(b"hello"))
/// }
///
/// let mut memory = *b"--------";
/// let io = BytesIo::new(&mut memory);
/// let ranges = [Addr::new(5).to_range(2).unwrap(), Addr::new(0).to_range(4).unwrap()];
/// let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
/// assert_eq!(read(IoSequence::new(&io, ranges, IoOpts::CHECKED)), Ok(5));
/// assert_eq!(&memory, b"llo--he-");
/// ```
///
/// The address space is out of reach:
///
/// ```compile_fail,E0616
/// fn escape(seq: usermem_io::IoSequence<'_>) {
///     let _ = seq.io;
/// }
/// ```
///
/// Nor is there a reference to the memory, which the program changes at any time:
///
/// ```compile_fail,E0277
/// fn borrow<'a>(seq: usermem_io::IoSequence<'a>) -> &'a [u8] {
///     seq.into()
/// }
/// ```
#[derive(Clone, Copy)]
pub struct IoSequence<'a> {
    io: &'a dyn Io,
    ranges: AddrRangeSeq<'a>,
    opts: IoOpts,
}

impl<'a> IoSequence<'a> {
    /// Creates a sequence over `ranges` of `io`.
    #[must_use]
    #[inline]
    pub fn new(io: &'a dyn Io, ranges: AddrRangeSeq<'a>, opts: IoOpts) -> Self {
        Self { io, ranges, opts }
    }

    /// Returns the ranges that are left.
    #[must_use]
    pub fn ranges(self) -> AddrRangeSeq<'a> {
        self.ranges
    }

    /// Returns how many bytes are left.
    #[must_use]
    pub fn num_bytes(self) -> u64 {
        self.ranges.num_bytes()
    }

    /// Returns the sequence without its first `bytes` bytes; see [`AddrRangeSeq::drop_first`].
    #[must_use]
    pub fn drop_first(self, bytes: u64) -> Self {
        Self { ranges: self.ranges.drop_first(bytes), ..self }
    }

    /// Returns the sequence cut to at most `bytes` bytes.
    #[must_use]
    pub fn take_first(self, bytes: u64) -> Self {
        Self { ranges: self.ranges.take_first(bytes), ..self }
    }

    /// Copies `src` to the ranges, or as much of it as they hold, which is no error.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    #[inline]
    pub fn copy_out(self, src: &[u8]) -> Transfer<IoCause> {
        vector::copy_out_vec(self.io, self.ranges, src, self.opts)
    }

    /// Copies from the ranges into `dst`, or as much as they hold, which is no error.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    #[inline]
    pub fn copy_in(self, dst: &mut [u8]) -> Transfer<IoCause> {
        vector::copy_in_vec(self.io, self.ranges, dst, self.opts)
    }

    /// Writes `len` zero bytes to the ranges, or as many as they hold, which is no error.
    ///
    /// # Errors
    /// The fault, and how many bytes had been zeroed.
    #[inline]
    pub fn zero_out(self, len: usize) -> Transfer<IoCause> {
        vector::zero_out_vec(self.io, self.ranges, len, self.opts)
    }

    /// Returns a `std::io` stream over the sequence.
    #[must_use]
    pub fn read_writer(self) -> IoSequenceReadWriter<'a> {
        IoSequenceReadWriter::new(self)
    }

    /// Streams from a reader into the ranges; see [`Io::copy_out_from`].
    ///
    /// # Errors
    /// As [`Io::copy_out_from`].
    pub fn copy_out_from(self, reader: &mut dyn Reader) -> Transfer<IoCause> {
        self.io.copy_out_from(self.ranges, reader, self.opts)
    }

    /// Streams from the ranges into a writer; see [`Io::copy_in_to`].
    ///
    /// # Errors
    /// As [`Io::copy_in_to`].
    pub fn copy_in_to(self, writer: &mut dyn Writer) -> Transfer<IoCause> {
        self.io.copy_in_to(self.ranges, writer, self.opts)
    }
}

impl fmt::Debug for IoSequence<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoSequence")
            .field("ranges", &self.ranges)
            .field("opts", &self.opts)
            .finish_non_exhaustive()
    }
}
