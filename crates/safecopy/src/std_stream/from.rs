//! Streams of the standard library as readers and writers.

use std::io;

use usermem_types::Transfer;

use super::bounce::{drain, fill, piecewise};
use crate::{BlockSeq, DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};

/// A [`Reader`] of what an [`io::Read`] yields.
///
/// Reads once per block, or per 64 KiB of a longer one, and stops after a read that came short.
/// When a block faults, what was read and not stored is lost; [`FromReadAt`](crate::FromReadAt)
/// loses nothing.
///
/// ```
/// use safecopy::{BlockSeq, DstBlock, FromStdRead, Reader};
///
/// let mut own = [0; 4];
/// let mut reader = FromStdRead::new(&b"foobar"[..]);
/// assert_eq!(reader.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut own))), Ok(4));
/// assert_eq!(&own, b"foob");
/// assert_eq!(reader.into_inner(), b"ar");
/// ```
#[derive(Debug)]
pub struct FromStdRead<R> {
    inner: R,
}

impl<R: io::Read> FromStdRead<R> {
    /// Creates a reader of what `inner` yields.
    pub fn new(inner: R) -> Self {
        Self { inner }
    }

    /// Returns the stream that was read.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: io::Read> Reader for FromStdRead<R> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        piecewise(dsts, |buffer, piece| {
            fill(BlockSeq::of(piece), buffer, |buffer| self.inner.read(buffer))
        })
    }
}

/// A [`Writer`] to an [`io::Write`].
///
/// Writes once per block, or per 64 KiB of a longer one, and stops after a write that came short.
/// When a block faults, the bytes before the fault are still written, and an error of the sink
/// comes before the fault. Nothing is flushed.
///
/// ```
/// use safecopy::{BlockSeq, FromStdWrite, SrcBlock, Writer};
///
/// let mut writer = FromStdWrite::new(Vec::new());
/// assert_eq!(writer.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"foo"))), Ok(3));
/// assert_eq!(writer.into_inner(), b"foo");
/// ```
#[derive(Debug)]
pub struct FromStdWrite<W> {
    inner: W,
}

impl<W: io::Write> FromStdWrite<W> {
    /// Creates a writer to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Returns the stream that was written.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: io::Write> Writer for FromStdWrite<W> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        piecewise(srcs, |buffer, piece| {
            drain(BlockSeq::of(piece), buffer, |bytes| self.inner.write(bytes))
        })
    }
}
