//! Our own memory as a source and as a sink of bytes.

use usermem_types::{Partial, Transfer};

use crate::stream::moved;
use crate::{
    BlockSeq, DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer, copy_seq,
};

/// Bytes by which [`VecWriter`] grows at a time, so that a length that an application made up
/// costs memory only as far as bytes arrive.
const STEP: usize = 64 << 10;

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

/// A sink that appends to a vector, up to a limit. What exceeds it is
/// [`StreamError::EndOfBlocks`].
///
/// The vector grows by 64 KiB at most before bytes arrive to fill them.
///
/// ```
/// use safecopy::{BlockSeq, SrcBlock, StreamError, VecWriter, Writer};
/// use usermem_types::Partial;
///
/// let mut vec = Vec::new();
/// let mut writer = VecWriter::new(&mut vec, 4);
/// let result = writer.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"foobar")));
/// assert_eq!(result, Err(Partial::new(4, StreamError::EndOfBlocks)));
/// assert_eq!(vec, b"foob");
/// ```
#[derive(Debug)]
pub struct VecWriter<'a> {
    vec: &'a mut Vec<u8>,
    limit: usize,
}

impl<'a> VecWriter<'a> {
    /// Creates a sink that appends to `vec` until it holds `limit` bytes.
    #[must_use]
    pub fn new(vec: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { vec, limit }
    }

    /// Appends at most [`STEP`] bytes.
    fn append(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let old = self.vec.len();
        let step = srcs.num_bytes().min(STEP).min(self.limit.saturating_sub(old));
        if step == 0 {
            return Err(Partial::new(0, StreamError::EndOfBlocks));
        }
        self.vec.resize(old + step, 0);
        let room = DstBlock::from_slice(&mut self.vec[old..]);
        let result = copy_seq(BlockSeq::of(room), srcs);
        self.vec.truncate(old + moved(result));
        result.map_err(|partial| partial.map_cause(StreamError::Fault))
    }
}

impl Writer for VecWriter<'_> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let mut done = 0;
        while done < srcs.num_bytes() {
            let step = self.append(srcs.drop_first(done));
            done += step.map_err(|partial| partial.after(done))?;
        }
        Ok(done)
    }
}
