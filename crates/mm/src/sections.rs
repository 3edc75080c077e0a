//! Many ranges at once, without a locked instruction.

use std::slice;

use safecopy::{Block, Destination, DstBlock, Source, SrcBlock};
use usermem_io::IoOpts;
use usermem_types::{AddrRange, AddrRangeSeq};

use crate::MemoryManager;
use crate::blocks::Side;
use crate::fast::{PIECE, Whole};

/// The most ranges of one section: a writer has to wait for the search of each.
const RANGES: usize = 16;

/// The most bytes of a range that shares a section with others, so that they are no more than those of
/// any other section.
const SHORT: u64 = (PIECE / RANGES) as u64;

/// Our side of a copy, or none where memory is zeroed.
pub(crate) trait Other<M>: Copy {
    /// Returns how many bytes are left.
    fn len(self) -> usize;

    /// Takes the first bytes only, at most as many as there are.
    fn take_first(self, len: usize) -> Self;

    /// Moves as many bytes as `memory` has, of which there are no more than are left; returns what is left
    /// then, or nothing when it could not move all.
    fn transfer(self, memory: Block<'_, M>) -> Option<Self>;
}

impl Other<Destination> for SrcBlock<'_> {
    #[inline(always)]
    fn len(self) -> usize {
        Block::len(self)
    }

    #[inline(always)]
    fn take_first(self, len: usize) -> Self {
        Block::take_first(self, len)
    }

    #[inline(always)]
    fn transfer(self, memory: DstBlock<'_>) -> Option<Self> {
        let moved = safecopy::copy(memory, self);
        moved.is_ok().then(|| self.drop_first(memory.len()))
    }
}

impl Other<Source> for DstBlock<'_> {
    #[inline(always)]
    fn len(self) -> usize {
        Block::len(self)
    }

    #[inline(always)]
    fn take_first(self, len: usize) -> Self {
        Block::take_first(self, len)
    }

    #[inline(always)]
    fn transfer(self, memory: SrcBlock<'_>) -> Option<Self> {
        let moved = safecopy::copy(self, memory);
        moved.is_ok().then(|| self.drop_first(memory.len()))
    }
}

/// So many zero bytes.
#[derive(Clone, Copy)]
pub(crate) struct Zeros(pub(crate) usize);

impl Other<Destination> for Zeros {
    #[inline(always)]
    fn len(self) -> usize {
        self.0
    }

    #[inline(always)]
    fn take_first(self, len: usize) -> Self {
        Self(self.0.min(len))
    }

    #[inline(always)]
    fn transfer(self, memory: DstBlock<'_>) -> Option<Self> {
        safecopy::zero(memory).is_ok().then(|| Self(self.0 - memory.len()))
    }
}

/// Where a section ended.
enum End {
    /// At a range that is not for it.
    Range(AddrRange),
    /// At the last range, or one that is for the usual way.
    All,
}

impl MemoryManager {
    /// Moves bytes between a prefix of the ranges and `other`, and returns how many: up to the end of one
    /// of them, to what is not the memory file's or not there, to a range of length zero, or to a fault
    /// of the host.
    ///
    /// Short ranges share a section, which is most of what one costs.
    #[inline(always)]
    pub(crate) fn in_sections<M: Side, O: Other<M>>(
        &self,
        ranges: AddrRangeSeq<'_>,
        other: O,
        opts: IoOpts,
    ) -> usize {
        let Some((first, others)) = ranges.first_and_others() else { return 0 };
        if self.has_io {
            return 0;
        }
        // The smaller of two, one of which is a length, is a length.
        let total = ranges.num_bytes().min(other.len() as u64) as usize;
        let mut left = other.take_first(total);
        let mut others = others.iter();
        let mut range = first;
        loop {
            let end;
            (end, left) = self.short_ranges(range, &mut others, left, opts);
            let End::Range(next) = end else { break };
            let is_whole;
            (is_whole, left) = self.range(next, left, opts);
            if !is_whole {
                break;
            }
            let Some(next) = others.next() else { break };
            range = *next;
        }
        total - left.len()
    }

    /// Moves `range`, and those that follow, in sections for as many as may be; to the first that is
    /// empty, not short, or not within one pma.
    #[inline(always)]
    fn short_ranges<M: Side, O: Other<M>>(
        &self,
        mut range: AddrRange,
        others: &mut slice::Iter<'_, AddrRange>,
        mut left: O,
        opts: IoOpts,
    ) -> (End, O) {
        loop {
            let Some(active) = self.active.fast_read() else { return (End::All, left) };
            // The memory of one pma, and the address of its first byte.
            let (mut start, mut memory) = (0, Block::default());
            for _ in 0..RANGES {
                let len = range.len();
                if len.wrapping_sub(1) >= SHORT || len > left.len() as u64 {
                    return (End::Range(range), left);
                }
                let addr = range.start().untagged().get();
                if addr.wrapping_sub(start) >= memory.len() as u64 {
                    let Some(known) = self.translation::<M>(&active, addr, opts) else {
                        return (End::All, left);
                    };
                    start = known.start;
                    memory = M::memory_block(&self.memory, known.offset, known.len as usize);
                }
                let there = memory.drop_first(addr.wrapping_sub(start) as usize);
                if len > there.len() as u64 {
                    return (End::Range(range), left);
                }
                match left.transfer(there.take_first(len as usize)) {
                    Some(rest) => left = rest,
                    None => return (End::All, left),
                }
                match others.next() {
                    Some(next) => range = *next,
                    None => return (End::All, left),
                }
            }
        }
    }

    /// Moves a range in sections of its own; returns whether it moved all.
    #[inline(never)]
    fn range<M: Side, O: Other<M>>(
        &self,
        range: AddrRange,
        mut other: O,
        opts: IoOpts,
    ) -> (bool, O) {
        let mut addr = range.start().untagged().get();
        let mut left = range.len().min(other.len() as u64) as usize;
        let is_whole = left > 0 && left as u64 == range.len();
        while left > 0 {
            let Some(section) = self.fast(addr, left, opts, Whole::No) else {
                return (false, other);
            };
            let len = section.block().len();
            match other.transfer(section.block()) {
                Some(rest) => other = rest,
                None => return (false, other),
            }
            addr = addr.wrapping_add(len as u64);
            left -= len;
        }
        (is_whole, other)
    }
}
