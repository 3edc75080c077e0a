//! The map, its entries and how they are found.

use alloc::vec::Vec;
use core::fmt;

use crate::block::{Block, MAX, MIN};
use crate::hints::{self, Hints};
use crate::{KeyRange, Segment};

/// The place of an entry; the place after the last entry is `(blocks.len(), 0)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pos {
    pub(crate) block: usize,
    pub(crate) index: usize,
}

/// An ordered map from disjoint ranges of keys to values.
///
/// Two levels of arrays: blocks of a few dozen entries. Finding an entry is two binary searches, or
/// a look at where one was found before; inserting or removing one moves a block's worth of entries
/// at most.
pub struct RangeMap<V> {
    pub(crate) blocks: Vec<Block<V>>,
    len: usize,
    span: u64,
    /// Where entries were found, once there are several blocks.
    hints: Hints,
}

impl<V> Default for RangeMap<V> {
    fn default() -> Self {
        Self { blocks: Vec::new(), len: 0, span: 0, hints: Hints::new() }
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
    #[inline]
    pub fn get(&self, key: u64) -> Option<(KeyRange, &V)> {
        let Some(slot) = self.hints.slot(key) else {
            return self.at_or_after(key).filter(|(range, _)| range.start <= key);
        };
        let guess = hints::load(slot);
        if let Some(block) = self.blocks.get(guess.block)
            && let Some(range) = block.ranges.get(guess.index)
            && range.contains(key)
        {
            return Some((*range, &block.values[guess.index]));
        }
        self.get_by_search(key, guess)
    }

    /// Returns the entry that holds a key, which is not at `guess` but perhaps near, and leaves a
    /// hint.
    #[inline(never)]
    fn get_by_search(&self, key: u64, guess: Pos) -> Option<(KeyRange, &V)> {
        let pos = match self.blocks.get(guess.block) {
            Some(block) if block.first <= key && key < block.end() => {
                self.find_in(guess.block, key)
            }
            _ => self.find(key),
        };
        let (range, value) = self.entry(pos).filter(|(range, _)| range.start <= key)?;
        if let Some(slot) = self.hints.slot(key) {
            hints::store(slot, pos);
        }
        Some((range, value))
    }

    /// Returns the entry that holds a key, to change its value.
    #[must_use]
    pub fn get_mut(&mut self, key: u64) -> Option<(KeyRange, &mut V)> {
        self.entry_mut(self.find(key)).filter(|(range, _)| range.start <= key)
    }

    /// Returns the entry that holds a key, or the next one above it.
    #[must_use]
    pub fn at_or_after(&self, key: u64) -> Option<(KeyRange, &V)> {
        self.entry(self.find(key))
    }

    /// Returns whether any entry has a key of `range`.
    #[must_use]
    pub fn overlaps(&self, range: KeyRange) -> bool {
        !range.is_empty()
            && self.at_or_after(range.start).is_some_and(|(held, _)| held.start < range.end)
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

    pub(crate) fn entry_mut(&mut self, pos: Pos) -> Option<(KeyRange, &mut V)> {
        let block = self.blocks.get_mut(pos.block)?;
        Some((block.ranges[pos.index], &mut block.values[pos.index]))
    }

    pub(crate) fn range_at(&self, pos: Pos) -> Option<KeyRange> {
        Some(self.blocks.get(pos.block)?.ranges[pos.index])
    }

    /// Finds the first entry that ends above `key`: it holds the key or lies above it.
    pub(crate) fn find(&self, key: u64) -> Pos {
        let Some(block) = self.blocks.partition_point(|b| b.first <= key).checked_sub(1) else {
            return Pos { block: 0, index: 0 };
        };
        self.find_in(block, key)
    }

    /// Finds the first entry of a block or of the next that ends above `key`.
    fn find_in(&self, block: usize, key: u64) -> Pos {
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
        let old = *slot;
        *slot = range;
        self.span = self.span - old.len() + range.len();
        if range.start != old.start {
            let below = self.end_before(pos);
            if pos.index == 0 {
                self.blocks[pos.block].first = range.start;
            }
            self.change_gap(pos.block, old.start - below, range.start - below);
        }
        let above = self.next(pos);
        if range.end != old.end
            && let Some(next) = self.range_at(above)
        {
            self.change_gap(above.block, next.start - old.end, next.start - range.end);
        }
    }

    /// Inserts an entry before the one at `pos`.
    pub(crate) fn insert_at(&mut self, pos: Pos, range: KeyRange, value: V) {
        let below = self.end_before(pos);
        let above = self.range_at(pos);
        self.span += range.len();
        let at = self.insert_raw(pos, range, value);
        self.change_gap(at.block, 0, range.start - below);
        if let Some(above) = above {
            let next = self.next(at);
            self.change_gap(next.block, above.start - below, above.start - range.end);
        }
    }

    /// Inserts an entry before the one at `pos` as if it had been a part of that before, and returns
    /// its place: no gap changes.
    pub(crate) fn insert_raw(&mut self, pos: Pos, range: KeyRange, value: V) -> Pos {
        self.len += 1;
        let at = self.make_room(pos);
        let block = &mut self.blocks[at.block];
        block.insert(at.index, range, value);
        if at.index == 0 {
            block.first = range.start;
        }
        at
    }

    /// Returns where an entry before the one at `pos` goes: in a block with room.
    fn make_room(&mut self, pos: Pos) -> Pos {
        let Some(last) = self.blocks.len().checked_sub(1) else {
            self.blocks.push(Block::new());
            return Pos { block: 0, index: 0 };
        };
        let has_room = |block: &Block<V>| block.len() < MAX;
        let pos = match pos.index {
            // What would open a block goes to the end of the one before: its neighbours stay close.
            0 if pos.block > 0
                && (pos.block > last
                    || has_room(&self.blocks[pos.block - 1])
                    || !has_room(&self.blocks[pos.block])) =>
            {
                Pos { block: pos.block - 1, index: self.blocks[pos.block - 1].len() }
            }
            _ => pos,
        };
        if has_room(&self.blocks[pos.block]) {
            return pos;
        }
        if pos == (Pos { block: last, index: MAX }) {
            // Who inserts in ascending order fills block after block.
            self.blocks.push(Block::roomy());
            self.fit_hints();
            return Pos { block: last + 1, index: 0 };
        }
        let upper = self.blocks[pos.block].split_off(MAX / 2);
        self.blocks.insert(pos.block + 1, upper);
        self.refresh(pos.block);
        self.refresh(pos.block + 1);
        self.fit_hints();
        match pos.index.checked_sub(MAX / 2) {
            Some(index) if index > 0 => Pos { block: pos.block + 1, index },
            _ => pos,
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
        self.len -= end_index - pos.index;
        if end_index == pos.index + 1 {
            let (range, value) = block.remove(pos.index);
            self.span -= range.len();
            removed(range, value);
        } else {
            let ranges = block.ranges.drain(pos.index..end_index);
            let values = block.values.drain(pos.index..end_index);
            for (range, value) in ranges.zip(values) {
                self.span -= range.len();
                removed(range, value);
            }
        }
        self.close_hole(pos);
    }

    /// Removes one entry. Positions are stale afterwards.
    pub(crate) fn remove_at(&mut self, pos: Pos) -> (KeyRange, V) {
        let (range, value) = self.blocks[pos.block].remove(pos.index);
        self.len -= 1;
        self.span -= range.len();
        self.close_hole(pos);
        (range, value)
    }

    /// Corrects what is cached, and the sizes of blocks, after entries before `pos` were removed.
    fn close_hole(&mut self, pos: Pos) {
        let block = &self.blocks[pos.block];
        let is_gone = block.len() == 0;
        if is_gone {
            self.blocks.remove(pos.block);
            self.fit_hints();
        } else if pos.index == block.len() {
            // Their gaps are gone from this block, and longer ones precede the next.
            self.refresh(pos.block);
        } else if pos.index == 0 {
            self.blocks[pos.block].first = self.blocks[pos.block].ranges[0].start;
        }
        // The gap now is as long as all of those that were removed, and longer.
        let above = if is_gone { pos } else { self.settle(pos) };
        if let Some(next) = self.range_at(above) {
            let gap = next.start - self.end_before(above);
            self.change_gap(above.block, 0, gap);
        }
        if !is_gone {
            self.rebalance(pos.block);
        }
    }

    /// Removes one entry as if it became a part of the one before: no gap changes, and the block may
    /// be too small now.
    pub(crate) fn remove_raw(&mut self, pos: Pos) -> (KeyRange, V) {
        self.len -= 1;
        self.blocks[pos.block].remove(pos.index)
    }

    /// Joins a small block with a neighbour; returns whether that changed places.
    pub(crate) fn rebalance(&mut self, index: usize) -> bool {
        let len = self.blocks[index].len();
        if len >= MIN {
            return false;
        }
        let mut index = index;
        if index > 0 && self.blocks[index - 1].len() + len <= MAX {
            index -= 1;
        }
        let fits = |next: &Block<V>| self.blocks[index].len() + next.len() <= MAX;
        let is_joined = self.blocks.get(index + 1).is_some_and(fits);
        if is_joined {
            let upper = self.blocks.remove(index + 1);
            self.blocks[index].append(upper);
            self.fit_hints();
        }
        is_joined
    }

    fn fit_hints(&mut self) {
        if self.blocks.len() > 1 {
            self.hints.fit(self.len, self.span);
        } else {
            self.hints.clear();
        }
    }

    /// Returns where the entry before the one at `pos` ends.
    fn end_before(&self, pos: Pos) -> u64 {
        match pos.index {
            0 => pos.block.checked_sub(1).map_or(0, |before| self.blocks[before].end()),
            index => self.blocks[pos.block].ranges[index - 1].end,
        }
    }

    /// Corrects the longest gap of a block, in which one was of `old` and is of `new` keys now.
    fn change_gap(&mut self, index: usize, old: u64, new: u64) {
        let block = &mut self.blocks[index];
        if new >= block.max_gap {
            block.max_gap = new;
        } else if old == block.max_gap {
            self.refresh(index);
        }
    }

    fn refresh(&mut self, index: usize) {
        let previous_end = index.checked_sub(1).map_or(0, |before| self.blocks[before].end());
        self.blocks[index].refresh(previous_end);
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
