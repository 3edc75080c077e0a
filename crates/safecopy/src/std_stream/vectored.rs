//! Vectored calls of the standard library as readers and writers.

use std::io::{self, IoSlice, IoSliceMut};

use smallvec::SmallVec;
use usermem_types::{Transfer, UIO_MAXIOV};

use super::bounce::{MOST, buffer, drain, fill};
use crate::{BlockSeq, DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};

/// A [`Reader`] of what one [`io::Read::read_vectored`] yields.
///
/// Reads once, with one slice per block; not at all for no bytes. Blocks beyond 64 KiB or beyond
/// 1024 of them are left out: the transfer comes short, and a full one goes on from there.
///
/// An error of the source has moved nothing. When a block faults, the count is that of the bytes
/// stored before the fault, and what was read beyond them is lost.
///
/// ```
/// use safecopy::{BlockSeq, DstBlock, FromStdReadVectored, Reader};
///
/// let (mut a, mut b) = ([0; 2], [0; 3]);
/// let blocks = [DstBlock::from_slice(&mut a), DstBlock::from_slice(&mut b)];
/// let mut reader = FromStdReadVectored::new(&b"foobar"[..]);
/// assert_eq!(reader.read_to_blocks(BlockSeq::from_slice(&blocks)), Ok(5));
/// assert_eq!((&a, &b), (b"fo", b"oba"));
/// ```
#[derive(Debug)]
pub struct FromStdReadVectored<R> {
    inner: R,
}

impl<R: io::Read> FromStdReadVectored<R> {
    /// Creates a reader of what `inner` yields.
    pub fn new(inner: R) -> Self {
        Self { inner }
    }

    /// Returns the stream that was read.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: io::Read> Reader for FromStdReadVectored<R> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        if dsts.is_empty() {
            return Ok(0);
        }
        let dsts = one_call(dsts);
        fill(dsts, &mut buffer(dsts.num_bytes()), |mut bytes| {
            let mut slices = SmallVec::<[IoSliceMut<'_>; 8]>::new();
            for block in dsts {
                let slice = bytes.split_off_mut(..block.len());
                slices.extend(slice.map(IoSliceMut::new));
            }
            self.inner.read_vectored(&mut slices)
        })
    }
}

/// A [`Writer`] to an [`io::Write`] that takes what one [`io::Write::write_vectored`] takes.
///
/// Writes once, with one slice per block; not at all for no bytes. Blocks beyond 64 KiB or beyond
/// 1024 of them are left out: the transfer comes short, and a full one goes on from there.
///
/// When a block faults, the bytes before the fault are still written. The fault is reported when
/// the sink took them all; otherwise its error is, or that it came short. A fault at the first
/// byte calls nobody.
///
/// ```
/// use safecopy::{BlockSeq, FromStdWriteVectored, SrcBlock, Writer};
///
/// let blocks = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"bar")];
/// let mut writer = FromStdWriteVectored::new(Vec::new());
/// assert_eq!(writer.write_from_blocks(BlockSeq::from_slice(&blocks)), Ok(6));
/// assert_eq!(writer.into_inner(), b"foobar");
/// ```
#[derive(Debug)]
pub struct FromStdWriteVectored<W> {
    inner: W,
}

impl<W: io::Write> FromStdWriteVectored<W> {
    /// Creates a writer to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }

    /// Returns the stream that was written.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: io::Write> Writer for FromStdWriteVectored<W> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let srcs = one_call(srcs);
        drain(srcs, &mut buffer(srcs.num_bytes()), |mut bytes| {
            let mut slices = SmallVec::<[IoSlice<'_>; 8]>::new();
            for block in srcs.take_first(bytes.len()) {
                let slice = bytes.split_off(..block.len());
                slices.extend(slice.map(IoSlice::new));
            }
            self.inner.write_vectored(&slices)
        })
    }
}

/// Returns as many of the blocks as one call takes.
fn one_call<M>(blocks: BlockSeq<'_, M>) -> BlockSeq<'_, M> {
    let blocks = blocks.take_first(MOST);
    blocks.take_first(blocks.iter().take(UIO_MAXIOV).map(|block| block.len()).sum())
}
