//! Everything against the most naive model of it.

mod adapters;
mod memory;
mod sequences;

use safecopy::{Block, BlockSeq, DstBlock, SrcBlock, SrcBlockSeq};
use testkit::ModelBlocks;
use usermem_types::Transfer;

/// The most blocks of a sequence.
const BLOCKS: usize = 10;
/// The most bytes of a block.
const MAX_LEN: usize = 20;

/// Returns the model of a sequence.
fn model<M>(blocks: &[Block<'_, M>]) -> ModelBlocks {
    ModelBlocks::new(&blocks.iter().map(|b| (b.addr(), b.len())).collect::<Vec<_>>())
}

/// Returns the same memory as sources, which are put into `own`.
fn sources<'a>(blocks: &'a [DstBlock<'a>], own: &'a mut Vec<SrcBlock<'a>>) -> SrcBlockSeq<'a> {
    *own = blocks.iter().map(|block| block.as_source()).collect();
    BlockSeq::from_slice(own)
}

/// Returns how many bytes moved.
fn done<C>(result: Transfer<C>) -> usize {
    result.unwrap_or_else(|partial| partial.done)
}
