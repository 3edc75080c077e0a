//! The buffer between blocks and slices.

use std::io;

use smallvec::SmallVec;
use usermem_types::{Partial, Transfer};

use super::error::from_io;
use crate::stream::moved;
use crate::{Block, BlockSeq, DstBlock, DstBlockSeq, SrcBlock, SrcBlockSeq, StreamError, copy_seq};

/// The most that passes through the buffer at a time.
pub(super) const MOST: usize = 64 << 10;

/// A buffer that begins as zeros, so that a stream that stores less than it says gives away
/// nothing. Small ones are on the stack.
pub(super) type Buffer = SmallVec<[u8; 512]>;

/// Creates a buffer of `len` bytes.
pub(super) fn buffer(len: usize) -> Buffer {
    SmallVec::from_elem(0, len)
}

/// Runs `step` on one piece after the other, each with as much buffer, until one comes short.
///
/// A piece is a block, or the next part of it that fits the buffer.
pub(super) fn piecewise<'a, M>(
    blocks: BlockSeq<'a, M>,
    mut step: impl FnMut(&mut [u8], Block<'a, M>) -> Transfer<StreamError>,
) -> Transfer<StreamError> {
    let mut buffer = buffer(blocks.num_bytes().min(MOST));
    let mut left = blocks;
    let mut done = 0;
    while let Some(head) = left.head() {
        let piece = head.take_first(MOST);
        let moved = step(&mut buffer[..piece.len()], piece).map_err(|p| p.after(done))?;
        done += moved;
        if moved < piece.len() {
            break;
        }
        left = left.drop_first(moved);
    }
    Ok(done)
}

/// Reads into the buffer, once, and stores what was read. What a fault keeps from being stored is
/// lost.
pub(super) fn fill(
    dsts: DstBlockSeq<'_>,
    buffer: &mut [u8],
    read: impl FnOnce(&mut [u8]) -> io::Result<usize>,
) -> Transfer<StreamError> {
    let claimed = read(buffer).map_err(|error| Partial::new(0, from_io(&error)))?;
    let got = SrcBlock::from_slice(buffer).take_first(claimed);
    copy_seq(dsts, BlockSeq::of(got)).map_err(|partial| partial.map_cause(StreamError::Fault))
}

/// Loads what can be loaded into the buffer, and writes it, once; not at all when it is nothing.
///
/// The bytes before a fault are written, and the fault counts only when they were all taken: an
/// error of the sink, or its coming short, is what stopped the transfer.
pub(super) fn drain(
    srcs: SrcBlockSeq<'_>,
    buffer: &mut [u8],
    write: impl FnOnce(&[u8]) -> io::Result<usize>,
) -> Transfer<StreamError> {
    let result = copy_seq(BlockSeq::of(DstBlock::from_slice(buffer)), srcs)
        .map_err(|partial| partial.map_cause(StreamError::Fault));
    let loaded = &buffer[..moved(result)];
    if loaded.is_empty() {
        return result;
    }
    let claimed = write(loaded).map_err(|error| Partial::new(0, from_io(&error)))?;
    if claimed < loaded.len() { Ok(claimed) } else { result }
}
