//! Many ranges at once, without a locked instruction.

use std::slice;

use safecopy::{Block, Destination, DstBlock, Source, SrcBlock};
use usermem_io::IoOpts;
use usermem_types::{AddrRange, AddrRangeSeq};

use crate::MemoryManager;
use crate::blocks::Side;
use crate::fast::{PIECE, Part};

/// The most ranges of one section: a writer has to wait for the search of each.
const RANGES: usize = 16;

/// The most bytes of a range that shares a section with others, so that they are no more than those of
/// any other section.
const SHORT: u64 = (PIECE / RANGES) as u64;

/// Our side of a copy, or none where memory is zeroed.
pub(crate) trait Other<M>: Copy {
    /// Returns how many bytes are left.
    fn len(self) -> usize;

    /// Returns the first bytes, and those that follow; nothing when there are not so many.
    fn split_at(self, len: usize) -> Option<(Self, Self)>;

    /// Moves as many bytes as `memory` has, which is how many are left; returns whether it moved all.
    fn transfer(self, memory: Block<'_, M>) -> bool;
}

impl Other<Destination> for SrcBlock<'_> {
    #[inline(always)]
    fn len(self) -> usize {
        Block::len(self)
    }

    #[inline(always)]
    fn split_at(self, len: usize) -> Option<(Self, Self)> {
        Block::split_at(self, len)
    }

    #[inline(always)]
    fn transfer(self, memory: DstBlock<'_>) -> bool {
        safecopy::copy(memory, self).is_ok()
    }
}

impl Other<Source> for DstBlock<'_> {
    #[inline(always)]
    fn len(self) -> usize {
        Block::len(self)
    }

    #[inline(always)]
    fn split_at(self, len: usize) -> Option<(Self, Self)> {
        Block::split_at(self, len)
    }

    #[inline(always)]
    fn transfer(self, memory: SrcBlock<'_>) -> bool {
        safecopy::copy(self, memory).is_ok()
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
    fn split_at(self, len: usize) -> Option<(Self, Self)> {
        Some((Self(len), Self(self.0.checked_sub(len)?)))
    }

    #[inline(always)]
    fn transfer(self, memory: DstBlock<'_>) -> bool {
        safecopy::zero(memory).is_ok()
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
        // The smaller of two, one of which is a length, is a length.
        let total = ranges.num_bytes().min(other.len() as u64) as usize;
        let Some((mut left, _)) = other.split_at(total) else { return 0 };
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
                let (addr, len) = (range.start().untagged().get(), range.len());
                if len.wrapping_sub(1) >= SHORT {
                    return (End::Range(range), left);
                }
                let len = len as usize;
                let Some((ours, rest)) = left.split_at(len) else {
                    return (End::Range(range), left);
                };
                let mut part = memory.part(addr.wrapping_sub(start) as usize, len);
                if part.is_none() {
                    let Some(known) = self.translation::<M>(&active, addr, opts) else {
                        return (End::All, left);
                    };
                    start = known.start;
                    memory = M::memory_block(&self.memory, known.offset, known.len as usize);
                    part = memory.part(addr.wrapping_sub(start) as usize, len);
                }
                let Some(part) = part else { return (End::Range(range), left) };
                if !ours.transfer(part) {
                    return (End::All, left);
                }
                left = rest;
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
            let Some(section) = self.fast(addr, Part::First(left), opts) else {
                return (false, other);
            };
            let len = section.block().len();
            let Some((ours, rest)) = other.split_at(len) else { return (false, other) };
            if !ours.transfer(section.block()) {
                return (false, other);
            }
            other = rest;
            addr = addr.wrapping_add(len as u64);
            left -= len;
        }
        (is_whole, other)
    }
}
