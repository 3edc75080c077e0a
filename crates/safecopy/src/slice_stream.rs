//! Slices of our own as a source and as a sink of bytes.

use usermem_types::{Partial, Transfer};

use crate::stream::moved;
use crate::{
    BlockSeq, DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer, copy_seq,
};

/// A source of the bytes of a slice. Reads come short, then empty, at its end.
///
/// ```
/// use safecopy::{BlockSeq, DstBlock, Reader, SliceReader};
///
/// let mut own = [0; 4];
/// let mut reader = SliceReader::new(b"foobar");
/// assert_eq!(reader.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut own))), Ok(4));
/// assert_eq!((&own, reader.rest()), (b"foob", &b"ar"[..]));
/// ```
#[derive(Clone, Copy, Debug)]
pub struct SliceReader<'a> {
    slice: &'a [u8],
}

impl<'a> SliceReader<'a> {
    /// Creates a source of the slice's bytes.
    #[must_use]
    pub fn new(slice: &'a [u8]) -> Self {
        Self { slice }
    }

    /// Returns what was not read yet.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.slice
    }
}

impl Reader for SliceReader<'_> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let result = copy_seq(dsts, BlockSeq::of(SrcBlock::from_slice(self.slice)));
        self.slice = &self.slice[moved(result)..];
        result.map_err(|partial| partial.map_cause(StreamError::Fault))
    }
}

/// A sink that fills a slice. What does not fit is [`StreamError::EndOfBlocks`].
///
/// ```
/// use safecopy::{BlockSeq, SliceWriter, SrcBlock, Writer};
///
/// let mut own = [0; 4];
/// let mut writer = SliceWriter::new(&mut own);
/// assert_eq!(writer.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"foo"))), Ok(3));
/// assert_eq!(writer.written(), b"foo");
/// ```
#[derive(Debug)]
pub struct SliceWriter<'a> {
    slice: &'a mut [u8],
    written: usize,
}

impl<'a> SliceWriter<'a> {
    /// Creates a sink that fills the slice.
    #[must_use]
    pub fn new(slice: &'a mut [u8]) -> Self {
        Self { slice, written: 0 }
    }

    /// Returns what has been written.
    #[must_use]
    pub fn written(&self) -> &[u8] {
        &self.slice[..self.written]
    }
}

impl Writer for SliceWriter<'_> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let room = DstBlock::from_slice(&mut self.slice[self.written..]);
        let result = copy_seq(BlockSeq::of(room), srcs);
        self.written += moved(result);
        match result {
            Ok(done) if done < srcs.num_bytes() => {
                Err(Partial::new(done, StreamError::EndOfBlocks))
            }
            Ok(done) => Ok(done),
            Err(partial) => Err(partial.map_cause(StreamError::Fault)),
        }
    }
}
