//! Blocks as a source and as a sink of bytes.

use usermem_types::{Partial, Transfer};

use crate::stream::moved;
use crate::{DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer, copy_seq};

/// A source whose bytes are in blocks. Reads come short, then empty, at its end.
///
/// ```
/// use safecopy::{BlockSeq, BlockSeqReader, DstBlock, Reader, SrcBlock};
///
/// let blocks = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"bar")];
/// let mut reader = BlockSeqReader::new(BlockSeq::from_slice(&blocks));
/// let mut own = [0; 4];
/// assert_eq!(reader.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut own))), Ok(4));
/// assert_eq!(&own, b"foob");
/// assert_eq!(reader.rest().num_bytes(), 2);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BlockSeqReader<'a> {
    blocks: SrcBlockSeq<'a>,
}

impl<'a> BlockSeqReader<'a> {
    /// Creates a source of the blocks' bytes.
    #[must_use]
    pub fn new(blocks: SrcBlockSeq<'a>) -> Self {
        Self { blocks }
    }

    /// Returns what was not read yet.
    #[must_use]
    pub fn rest(&self) -> SrcBlockSeq<'a> {
        self.blocks
    }
}

impl Reader for BlockSeqReader<'_> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let result = copy_seq(dsts, self.blocks);
        self.blocks = self.blocks.drop_first(moved(result));
        result.map_err(|partial| partial.map_cause(StreamError::Fault))
    }
}

/// A sink whose bytes go to blocks. What does not fit is [`StreamError::EndOfBlocks`].
///
/// ```
/// use safecopy::{BlockSeq, BlockSeqWriter, DstBlock, SrcBlock, StreamError, Writer};
/// use usermem_types::Partial;
///
/// let mut own = [0; 4];
/// let mut writer = BlockSeqWriter::new(BlockSeq::of(DstBlock::from_slice(&mut own)));
/// let result = writer.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"foobar")));
/// assert_eq!(result, Err(Partial::new(4, StreamError::EndOfBlocks)));
/// assert!(writer.rest().is_empty());
/// assert_eq!(&own, b"foob");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct BlockSeqWriter<'a> {
    blocks: DstBlockSeq<'a>,
}

impl<'a> BlockSeqWriter<'a> {
    /// Creates a sink that fills the blocks.
    #[must_use]
    pub fn new(blocks: DstBlockSeq<'a>) -> Self {
        Self { blocks }
    }

    /// Returns what was not written yet.
    #[must_use]
    pub fn rest(&self) -> DstBlockSeq<'a> {
        self.blocks
    }
}

impl Writer for BlockSeqWriter<'_> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let result = copy_seq(self.blocks, srcs);
        self.blocks = self.blocks.drop_first(moved(result));
        match result {
            Ok(done) if done < srcs.num_bytes() => {
                Err(Partial::new(done, StreamError::EndOfBlocks))
            }
            Ok(done) => Ok(done),
            Err(partial) => Err(partial.map_cause(StreamError::Fault)),
        }
    }
}
