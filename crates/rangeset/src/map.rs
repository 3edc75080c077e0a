//! The map, its entries and how they are found.

use alloc::vec::Vec;
use core::fmt;

use crate::block::{Block, MAX, MIN};
use crate::{KeyRange, Segment};

/// The place of an entry; the place after the last entry is `(blocks.len(), 0)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pos {
    pub(crate) block: usize,
    pub(crate) index: usize,
}

/// An ordered map from disjoint ranges of keys to values.
///
/// Two levels of arrays: blocks of a few dozen entries. Finding an entry is two binary searches;
/// inserting or removing one moves a block's worth of entries at most.
pub struct RangeMap<V> {
    pub(crate) blocks: Vec<Block<V>>,
    len: usize,
    span: u64,
}

impl<V> Default for RangeMap<V> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0, span: 0 }
    }
}

impl<V> RangeMap<V> {
    /// Creates an empty map.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns how many ranges there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.len
    }

    /// Returns whether there are no ranges.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Returns how many keys all ranges hold together.
    #[must_use]
    pub fn span(&self) -> u64 {
        self.span
    }

    /// Returns how many keys of `range` the ranges hold.
    #[must_use]
    pub fn span_in(&self, range: KeyRange) -> u64 {
        self.iter_in(range).map(|(held, _)| held.intersect(range).len()).sum()
    }

    /// Returns the entry that holds a key.
    #[must_use]
    pub fn get(&self, key: u64) -> Option<(KeyRange, &V)> {
        self.at_or_after(key).filter(|(range, _)| range.start <= key)
    }

    /// Returns the entry that holds a key, to change its value.
    #[must_use]
    pub fn get_mut(&mut self, key: u64) -> Option<(KeyRange, &mut V)> {
        let pos = self.find(key);
        let block = self.blocks.get_mut(pos.block)?;
        let range = block.ranges[pos.index];
        (range.start <= key).then(|| (range, &mut block.values[pos.index]))
    }

    /// Returns the entry that holds a key, or the next one above it.
    #[must_use]
    pub fn at_or_after(&self, key: u64) -> Option<(KeyRange, &V)> {
        self.entry(self.find(key))
    }

    /// Returns the highest entry that starts below a key.
    #[must_use]
    pub fn before(&self, key: u64) -> Option<(KeyRange, &V)> {
        self.entry(self.previous(self.find_start(key))?)
    }

    /// Returns the first entry.
    #[must_use]
    pub fn first(&self) -> Option<(KeyRange, &V)> {
        self.entry(Pos { block: 0, index: 0 })
    }

    /// Returns the last entry.
    #[must_use]
    pub fn last(&self) -> Option<(KeyRange, &V)> {
        self.entry(self.previous(self.end())?)
    }

    pub(crate) fn end(&self) -> Pos {
        Pos { block: self.blocks.len(), index: 0 }
    }

    pub(crate) fn entry(&self, pos: Pos) -> Option<(KeyRange, &V)> {
        let block = self.blocks.get(pos.block)?;
        Some((block.ranges[pos.index], &block.values[pos.index]))
    }

    pub(crate) fn range_at(&self, pos: Pos) -> Option<KeyRange> {
        Some(self.blocks.get(pos.block)?.ranges[pos.index])
    }

    /// Finds the first entry that ends above `key`: it holds the key or lies above it.
    pub(crate) fn find(&self, key: u64) -> Pos {
        let Some(block) = self.blocks.partition_point(|b| b.first <= key).checked_sub(1) else {
            return Pos { block: 0, index: 0 };
        };
        let index = self.blocks[block].ranges.partition_point(|range| range.end <= key);
        self.settle(Pos { block, index })
    }

    /// Finds the first entry that starts at or above `key`.
    pub(crate) fn find_start(&self, key: u64) -> Pos {
        let Some(block) = self.blocks.partition_point(|b| b.first < key).checked_sub(1) else {
            return Pos { block: 0, index: 0 };
        };
        let index = self.blocks[block].ranges.partition_point(|range| range.start < key);
        self.settle(Pos { block, index })
    }

    /// Turns "after the last entry of a block" into "first of the next".
    fn settle(&self, pos: Pos) -> Pos {
        if pos.index < self.blocks[pos.block].len() {
            pos
        } else {
            Pos { block: pos.block + 1, index: 0 }
        }
    }

    pub(crate) fn next(&self, pos: Pos) -> Pos {
        self.settle(Pos { block: pos.block, index: pos.index + 1 })
    }

    pub(crate) fn previous(&self, pos: Pos) -> Option<Pos> {
        if pos.index > 0 {
            return Some(Pos { block: pos.block, index: pos.index - 1 });
        }
        let block = pos.block.checked_sub(1)?;
        Some(Pos { block, index: self.blocks[block].len() - 1 })
    }

    /// Sets the range of an entry without moving it past others.
    pub(crate) fn resize(&mut self, pos: Pos, range: KeyRange) {
        let slot = &mut self.blocks[pos.block].ranges[pos.index];
        self.span = self.span - slot.len() + range.len();
        *slot = range;
        self.refresh_around(pos.block);
    }

    /// Inserts an entry before the one at `pos`.
    pub(crate) fn insert_at(&mut self, pos: Pos, range: KeyRange, value: V) {
        // What would open a block goes to the end of the one before: its neighbours stay close.
        let pos = match pos.index {
            0 if pos.block > 0 => {
                Pos { block: pos.block - 1, index: self.blocks[pos.block - 1].len() }
            }
            _ => pos,
        };
        if self.blocks.is_empty() {
            self.blocks.push(Block::new());
        }
        let block = &mut self.blocks[pos.block];
        block.ranges.insert(pos.index, range);
        block.values.insert(pos.index, value);
        self.len += 1;
        self.span += range.len();
        if block.len() > MAX {
            let upper = block.split_off(MAX / 2);
            self.blocks.insert(pos.block + 1, upper);
            self.refresh(pos.block);
            self.refresh_around(pos.block + 1);
        } else {
            self.refresh_around(pos.block);
        }
    }

    /// Removes the entries of one block from `pos.index` up to `end_index`, calling `removed` for
    /// each. Positions are stale afterwards.
    pub(crate) fn drain_at(
        &mut self,
        pos: Pos,
        end_index: usize,
        mut removed: impl FnMut(KeyRange, V),
    ) {
        let block = &mut self.blocks[pos.block];
        let ranges = block.ranges.drain(pos.index..end_index);
        let values = block.values.drain(pos.index..end_index);
        self.len -= end_index - pos.index;
        for (range, value) in ranges.zip(values) {
            self.span -= range.len();
            removed(range, value);
        }
        self.rebalance(pos.block);
    }

    /// Removes one entry. Positions are stale afterwards.
    pub(crate) fn remove_at(&mut self, pos: Pos) -> (KeyRange, V) {
        let block = &mut self.blocks[pos.block];
        let range = block.ranges.remove(pos.index);
        let value = block.values.remove(pos.index);
        self.len -= 1;
        self.span -= range.len();
        self.rebalance(pos.block);
        (range, value)
    }

    /// Drops an empty block, joins a small one with a neighbour, and refreshes what is cached.
    fn rebalance(&mut self, index: usize) {
        let len = self.blocks[index].len();
        if len == 0 {
            self.blocks.remove(index);
            if index < self.blocks.len() {
                self.refresh(index);
            }
            return;
        }
        let mut index = index;
        if len < MIN {
            if index > 0 && self.blocks[index - 1].len() + len <= MAX {
                index -= 1;
            }
            let fits = |next: &Block<V>| self.blocks[index].len() + next.len() <= MAX;
            if self.blocks.get(index + 1).is_some_and(fits) {
                let upper = self.blocks.remove(index + 1);
                self.blocks[index].append(upper);
            }
        }
        self.refresh_around(index);
    }

    fn refresh(&mut self, index: usize) {
        let previous_end = index.checked_sub(1).map_or(0, |before| self.blocks[before].end());
        self.blocks[index].refresh(previous_end);
    }

    fn refresh_around(&mut self, index: usize) {
        self.refresh(index);
        if index + 1 < self.blocks.len() {
            self.refresh(index + 1);
        }
    }

    /// Checks every invariant of the structure.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let (mut previous, mut len, mut span) = (0, 0, 0);
        for block in &self.blocks {
            assert!(block.len() > 0 && block.len() <= MAX);
            assert_eq!(block.len(), block.values.len());
            assert_eq!(block.first, block.ranges[0].start);
            let mut longest = 0;
            for range in &block.ranges {
                assert!(range.start < range.end && range.start >= previous);
                longest = longest.max(range.start - previous);
                previous = range.end;
                len += 1;
                span += range.len();
            }
            assert_eq!(block.max_gap, longest);
        }
        assert_eq!((len, span), (self.len, self.span));
    }
}

impl<V: Segment> Extend<(KeyRange, V)> for RangeMap<V> {
    fn extend<I: IntoIterator<Item = (KeyRange, V)>>(&mut self, entries: I) {
        for (range, value) in entries {
            self.insert(range, value);
        }
    }
}

impl<V: fmt::Debug> fmt::Debug for RangeMap<V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
