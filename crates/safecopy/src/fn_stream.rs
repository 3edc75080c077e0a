//! Closures as a source and as a sink of bytes.

use std::fmt;

use usermem_types::Transfer;

use crate::stream::at_most;
use crate::{DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};

/// A source that is a closure. It is called for no bytes, too.
///
/// ```
/// use safecopy::{BlockSeq, DstBlock, Reader, ReaderFn, StreamError, zero_seq};
///
/// let mut zeros = ReaderFn::new(|dsts| {
///     zero_seq(dsts).map_err(|partial| partial.map_cause(StreamError::Fault))
/// });
/// let mut own = [7; 3];
/// assert_eq!(zeros.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut own))), Ok(3));
/// assert_eq!(own, [0; 3]);
/// ```
pub struct ReaderFn<F> {
    read: F,
}

impl<F: FnMut(DstBlockSeq<'_>) -> Transfer<StreamError>> ReaderFn<F> {
    /// Creates a source of what `read` stores in the blocks that it is given.
    pub fn new(read: F) -> Self {
        Self { read }
    }
}

impl<F: FnMut(DstBlockSeq<'_>) -> Transfer<StreamError>> Reader for ReaderFn<F> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        at_most(dsts.num_bytes(), (self.read)(dsts))
    }
}

impl<F> fmt::Debug for ReaderFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReaderFn").finish_non_exhaustive()
    }
}

/// A sink that is a closure. It is called for no bytes, too.
///
/// ```
/// use safecopy::{BlockSeq, SrcBlock, Writer, WriterFn};
///
/// let mut count = 0;
/// let mut sink = WriterFn::new(|srcs| {
///     count += srcs.num_bytes();
///     Ok(srcs.num_bytes())
/// });
/// assert_eq!(sink.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"abc"))), Ok(3));
/// assert_eq!(count, 3);
/// ```
pub struct WriterFn<F> {
    write: F,
}

impl<F: FnMut(SrcBlockSeq<'_>) -> Transfer<StreamError>> WriterFn<F> {
    /// Creates a sink of what `write` takes of the blocks that it is given.
    pub fn new(write: F) -> Self {
        Self { write }
    }
}

impl<F: FnMut(SrcBlockSeq<'_>) -> Transfer<StreamError>> Writer for WriterFn<F> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        at_most(srcs.num_bytes(), (self.write)(srcs))
    }
}

impl<F> fmt::Debug for WriterFn<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WriterFn").finish_non_exhaustive()
    }
}
