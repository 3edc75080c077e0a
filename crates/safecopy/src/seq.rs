//! A sequence of blocks, worked on as one stream.

use std::fmt;

use usermem_types::Transfer;

use crate::{Block, Destination, HostFault, Source};

/// A sequence of blocks that are only read.
pub type SrcBlockSeq<'a> = BlockSeq<'a, Source>;

/// A sequence of blocks that may be written.
pub type DstBlockSeq<'a> = BlockSeq<'a, Destination>;

/// A copyable sequence of blocks that are not empty.
///
/// Empty blocks of the slice that it is made from are passed over, so that no blocks left, no
/// bytes left and [`BlockSeq::is_empty`] are one and the same.
pub struct BlockSeq<'a, M> {
    /// The head, already trimmed; empty only when the sequence is.
    head: Block<'a, M>,
    /// What follows the head, before `rest_limit` cuts it.
    rest: &'a [Block<'a, M>],
    /// Bytes of `rest` that belong to the sequence.
    rest_limit: usize,
}

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
    /// Creates a sequence of one block.
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
        let total = blocks.iter().fold(0usize, |sum, block| {
            sum.checked_add(block.len()).expect("blocks hold more than usize::MAX bytes")
        });
        Self { head: Block::default(), rest: blocks, rest_limit: total }.settled()
    }

    /// Restores "the head is empty only when the sequence is".
    fn settled(mut self) -> Self {
        while self.head.is_empty() && self.rest_limit > 0 {
            let Some((first, rest)) = self.rest.split_first() else { break };
            self.head = first.take_first(self.rest_limit);
            self.rest_limit -= self.head.len();
            self.rest = rest;
        }
        if self.head.is_empty() { Self::default() } else { self }
    }

    /// Returns whether no bytes are left.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.head.is_empty()
    }

    /// Returns how many bytes are left, in constant time.
    #[must_use]
    pub fn num_bytes(self) -> usize {
        self.head.len() + self.rest_limit
    }

    /// Returns the first block and what follows it; `None` when no bytes are left.
    #[must_use]
    pub fn split_first(self) -> Option<(Block<'a, M>, Self)> {
        if self.head.is_empty() {
            return None;
        }
        Some((self.head, Self { head: Block::default(), ..self }.settled()))
    }

    /// Returns the sequence without its first `bytes` bytes; empty when it is no longer than that.
    #[must_use]
    pub fn drop_first(mut self, mut bytes: usize) -> Self {
        while bytes >= self.head.len() {
            bytes -= self.head.len();
            match self.split_first() {
                Some((_, tail)) => self = tail,
                None => return Self::default(),
            }
        }
        Self { head: self.head.drop_first(bytes), ..self }
    }

    /// Returns the first `bytes` bytes; the whole sequence when it is shorter.
    #[must_use]
    pub fn take_first(self, bytes: usize) -> Self {
        let head = self.head.take_first(bytes);
        Self { head, rest: self.rest, rest_limit: self.rest_limit.min(bytes - head.len()) }
    }

    /// Returns an iterator over the blocks.
    pub fn iter(self) -> impl Iterator<Item = Block<'a, M>> {
        let mut seq = self;
        std::iter::from_fn(move || {
            let (head, tail) = seq.split_first()?;
            seq = tail;
            Some(head)
        })
    }
}

impl<'a> DstBlockSeq<'a> {
    /// Returns how many bytes a copy from `srcs` into this sequence moves without a fault.
    #[must_use]
    pub fn common_len(self, srcs: SrcBlockSeq<'_>) -> usize {
        self.num_bytes().min(srcs.num_bytes())
    }
}

impl<M> fmt::Debug for BlockSeq<'_, M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// Copies as many bytes as the shorter sequence holds, block pair by block pair.
///
/// # Errors
/// The first fault, and exactly how many bytes had arrived.
pub fn copy_seq(mut dsts: DstBlockSeq<'_>, mut srcs: SrcBlockSeq<'_>) -> Transfer<HostFault> {
    let mut done = 0;
    while let (Some((dst, _)), Some((src, _))) = (dsts.split_first(), srcs.split_first()) {
        let moved = crate::copy(dst, src).map_err(|partial| partial.after(done))?;
        done += moved;
        dsts = dsts.drop_first(moved);
        srcs = srcs.drop_first(moved);
    }
    Ok(done)
}

/// Fills a sequence with zero bytes.
///
/// # Errors
/// The first fault, and exactly how many bytes had been zeroed.
pub fn zero_seq(dsts: DstBlockSeq<'_>) -> Transfer<HostFault> {
    let mut done = 0;
    for block in dsts.iter() {
        done += crate::zero(block).map_err(|partial| partial.after(done))?;
    }
    Ok(done)
}
