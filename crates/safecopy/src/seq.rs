//! A sequence of blocks, worked on as one stream.

use std::fmt;
use std::iter::FusedIterator;

use static_assertions::{assert_not_impl_any, const_assert_eq};
use usermem_types::Transfer;

use crate::{Block, Destination, HostFault, Source};

/// A sequence of blocks that are only read.
pub type SrcBlockSeq<'a> = BlockSeq<'a, Source>;

/// A sequence of blocks that may be written.
pub type DstBlockSeq<'a> = BlockSeq<'a, Destination>;

/// A copyable sequence of blocks that are not empty.
///
/// Empty blocks of the slice that it is made from, and those that [`BlockSeq::take_first`] cuts
/// away, are passed over: no blocks left, no bytes left and [`BlockSeq::is_empty`] are one and the
/// same. Nothing here allocates, and nothing touches the memory.
///
/// ```
/// use safecopy::{SrcBlock, SrcBlockSeq};
///
/// let blocks = [b"foo".as_slice(), b"", b"barbaz"].map(SrcBlock::from_slice);
/// let seq = SrcBlockSeq::from_slice(&blocks);
/// assert_eq!((seq.num_blocks(), seq.num_bytes()), (2, 9));
///
/// let middle = seq.drop_first(2).take_first(4);
/// assert_eq!(middle.iter().map(|block| block.len()).collect::<Vec<_>>(), [1, 3]);
/// assert!(seq.drop_first(9).is_empty());
/// ```
pub struct BlockSeq<'a, M> {
    /// The head, already trimmed; empty only when the sequence is.
    head: Block<'a, M>,
    /// What follows the head, before `rest_limit` cuts it.
    rest: &'a [Block<'a, M>],
    /// Bytes of `rest` that belong to the sequence; with the head's no more than `usize::MAX`.
    rest_limit: usize,
}

// A sequence is passed by value.
const_assert_eq!(size_of::<SrcBlockSeq<'_>>(), 5 * size_of::<usize>());
const_assert_eq!(size_of::<DstBlockSeq<'_>>(), 5 * size_of::<usize>());
// Copies of a block that is borrowed from a slice must not write it from two threads.
assert_not_impl_any!(DstBlockSeq<'static>: Send, Sync);

impl<M> Clone for BlockSeq<'_, M> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<M> Copy for BlockSeq<'_, M> {}

impl<M> Default for BlockSeq<'_, M> {
    fn default() -> Self {
        Self { head: Block::default(), rest: &[], rest_limit: 0 }
    }
}

impl<'a, M> BlockSeq<'a, M> {
    /// Creates a sequence of one block, or an empty one of an empty block.
    #[must_use]
    pub fn of(block: Block<'a, M>) -> Self {
        Self { head: block, rest: &[], rest_limit: 0 }
    }

    /// Creates a sequence of the blocks of a slice, in its order.
    ///
    /// # Panics
    /// When they hold more than `usize::MAX` bytes together.
    #[must_use]
    pub fn from_slice(blocks: &'a [Block<'a, M>]) -> Self {
        Self::checked_from_slice(blocks).expect("blocks hold more than usize::MAX bytes")
    }

    /// Creates a sequence of the blocks of a slice, in its order; `None` when they hold more than
    /// `usize::MAX` bytes together.
    #[must_use]
    pub fn checked_from_slice(blocks: &'a [Block<'a, M>]) -> Option<Self> {
        let mut total = 0usize;
        for block in blocks {
            total = total.checked_add(block.len())?;
        }
        let mut seq = Self { head: Block::default(), rest: blocks, rest_limit: total };
        seq.advance();
        Some(seq)
    }

    /// Makes the next block that is not empty the head; an empty one, when there is none.
    #[inline]
    fn advance(&mut self) {
        while self.rest_limit > 0 {
            let Some((first, rest)) = self.rest.split_first() else { break };
            self.rest = rest;
            if !first.is_empty() {
                self.head = first.take_first(self.rest_limit);
                self.rest_limit -= self.head.len();
                return;
            }
        }
        self.head = Block::default();
    }

    /// Returns whether no bytes are left.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.head.is_empty()
    }

    /// Returns how many blocks are left, in time that grows with them.
    #[must_use]
    pub fn num_blocks(self) -> usize {
        self.iter().count()
    }

    /// Returns how many bytes are left, in constant time.
    #[must_use]
    pub fn num_bytes(self) -> usize {
        self.head.len() + self.rest_limit
    }

    /// Returns the first block; `None` when no bytes are left.
    #[must_use]
    pub fn head(self) -> Option<Block<'a, M>> {
        (!self.head.is_empty()).then_some(self.head)
    }

    /// Returns what follows the first block; empty when nothing does.
    #[must_use]
    pub fn tail(mut self) -> Self {
        self.advance();
        self
    }

    /// Returns the first block and what follows it; `None` when no bytes are left.
    #[must_use]
    pub fn split_first(self) -> Option<(Block<'a, M>, Self)> {
        if self.is_empty() { None } else { Some((self.head, self.tail())) }
    }

    /// Returns the sequence without its first `bytes` bytes; empty when it is no longer than that.
    #[must_use]
    pub fn drop_first(mut self, mut bytes: usize) -> Self {
        if bytes >= self.num_bytes() {
            return Self::default();
        }
        while bytes >= self.head.len() {
            bytes -= self.head.len();
            self.advance();
        }
        Self { head: self.head.drop_first(bytes), ..self }
    }

    /// Returns the first `bytes` bytes; the whole sequence when it is shorter.
    #[must_use]
    pub fn take_first(self, bytes: usize) -> Self {
        let head = self.head.take_first(bytes);
        Self { head, rest: self.rest, rest_limit: self.rest_limit.min(bytes - head.len()) }
    }

    /// Returns an iterator over the blocks, none of which is empty.
    #[must_use]
    pub fn iter(self) -> BlockSeqIter<'a, M> {
        BlockSeqIter { seq: self }
    }
}

impl<'a, M> IntoIterator for BlockSeq<'a, M> {
    type Item = Block<'a, M>;
    type IntoIter = BlockSeqIter<'a, M>;

    fn into_iter(self) -> BlockSeqIter<'a, M> {
        self.iter()
    }
}

impl<M> fmt::Display for BlockSeq<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, block) in self.iter().enumerate() {
            let gap = if index == 0 { "" } else { " " };
            write!(f, "{gap}{block:?}")?;
        }
        f.write_str("]")
    }
}

impl<M> fmt::Debug for BlockSeq<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Iterates over the blocks of a [`BlockSeq`].
///
/// ```
/// use safecopy::{SrcBlock, SrcBlockSeq};
///
/// let blocks = [b"foo".as_slice(), b"", b"ba"].map(SrcBlock::from_slice);
/// let mut lengths = Vec::new();
/// for block in SrcBlockSeq::from_slice(&blocks) {
///     lengths.push(block.len());
/// }
/// assert_eq!(lengths, [3, 2]);
/// ```
#[derive(Debug)]
pub struct BlockSeqIter<'a, M> {
    seq: BlockSeq<'a, M>,
}

impl<M> Clone for BlockSeqIter<'_, M> {
    fn clone(&self) -> Self {
        Self { seq: self.seq }
    }
}

impl<'a, M> Iterator for BlockSeqIter<'a, M> {
    type Item = Block<'a, M>;

    fn next(&mut self) -> Option<Block<'a, M>> {
        let head = self.seq.head()?;
        self.seq.advance();
        Some(head)
    }
}

impl<M> FusedIterator for BlockSeqIter<'_, M> {}

/// Copies as many bytes as the shorter sequence holds, block pair by block pair.
///
/// ```
/// use safecopy::{DstBlock, DstBlockSeq, SrcBlock, SrcBlockSeq, copy_seq};
///
/// let mut own = [0; 5];
/// let srcs = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"bar")];
/// let dsts = DstBlockSeq::of(DstBlock::from_slice(&mut own));
/// assert_eq!(copy_seq(dsts, SrcBlockSeq::from_slice(&srcs)), Ok(5));
/// assert_eq!(&own, b"fooba");
/// ```
///
/// # Errors
/// The first fault, and exactly how many bytes had arrived.
pub fn copy_seq(dsts: DstBlockSeq<'_>, srcs: SrcBlockSeq<'_>) -> Transfer<HostFault> {
    // One count for both sides: what the loop carries along fits into registers.
    let total = dsts.num_bytes().min(srcs.num_bytes());
    let mut left = total;
    let (mut dst, mut src) = (dsts.head, srcs.head);
    let (mut later_dsts, mut later_srcs) = (dsts.rest.iter(), srcs.rest.iter());
    while left > 0 {
        let moved = crate::copy(dst.take_first(left), src)
            .map_err(|partial| partial.after(total - left))?;
        left -= moved;
        dst = dst.drop_first(moved);
        src = src.drop_first(moved);
        if dst.is_empty() {
            dst = later_dsts.next().copied().unwrap_or_default();
        }
        if src.is_empty() {
            src = later_srcs.next().copied().unwrap_or_default();
        }
    }
    Ok(total)
}

/// Fills a sequence with zero bytes.
///
/// # Errors
/// The first fault, and exactly how many bytes had been zeroed.
pub fn zero_seq(dsts: DstBlockSeq<'_>) -> Transfer<HostFault> {
    let total = dsts.num_bytes();
    let mut left = total;
    let mut dst = dsts.head;
    let mut later = dsts.rest.iter();
    while left > 0 {
        left -= crate::zero(dst.take_first(left)).map_err(|partial| partial.after(total - left))?;
        dst = later.next().copied().unwrap_or_default();
    }
    Ok(total)
}
