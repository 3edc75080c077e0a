//! Changing which ranges there are.

use crate::map::Pos;
use crate::{KeyRange, RangeMap, Segment};

impl<V: Segment> RangeMap<V> {
    /// Inserts an entry and merges it with its neighbours where they agree.
    ///
    /// # Panics
    /// When `range` is empty or overlaps an entry.
    pub fn insert(&mut self, range: KeyRange, value: V) {
        self.insert_unmerged(range, value);
        self.merge_in(range);
    }

    /// Inserts an entry and merges it with nothing.
    ///
    /// # Panics
    /// When `range` is empty or overlaps an entry.
    pub fn insert_unmerged(&mut self, range: KeyRange, value: V) {
        assert!(!range.is_empty(), "an entry must not be empty");
        let pos = self.find(range.start);
        let above = self.range_at(pos);
        assert!(above.is_none_or(|held| held.start >= range.end), "entries must not overlap");
        self.insert_at(pos, range, value);
    }

    /// Splits the entry that holds `key` strictly inside; does nothing otherwise.
    pub fn split_at(&mut self, key: u64) {
        let pos = self.find(key);
        let Some(range) = self.range_at(pos) else { return };
        if range.start >= key {
            return;
        }
        let upper = self.blocks[pos.block].values[pos.index].split_off(range, key);
        self.resize(pos, KeyRange::new(range.start, key));
        self.insert_at(self.next(pos), KeyRange::new(key, range.end), upper);
    }

    /// Splits entries so that none crosses an end of `range`.
    pub fn isolate(&mut self, range: KeyRange) {
        self.split_at(range.start);
        self.split_at(range.end);
    }

    /// Merges the entries that touch `range` with each other where they agree.
    pub fn merge_in(&mut self, range: KeyRange) {
        let mut pos = self.find(range.start.saturating_sub(1));
        while let Some((held, value)) = self.entry(pos) {
            let above = self.next(pos);
            let Some((next, next_value)) = self.entry(above) else { return };
            if next.start > range.end {
                return;
            }
            if held.end == next.start && value.can_merge(held, next_value, next) {
                self.absorb(pos, above);
                pos = self.find(held.start);
            } else {
                pos = above;
            }
        }
    }

    /// Merges the entry at `above` into the one at `pos`, which precedes it.
    fn absorb(&mut self, pos: Pos, above: Pos) {
        let held = self.blocks[pos.block].ranges[pos.index];
        let (next, next_value) = self.remove_at(above);
        let pos = self.find(held.start);
        self.blocks[pos.block].values[pos.index].merge(held, next_value, next);
        self.resize(pos, KeyRange::new(held.start, next.end));
    }

    /// Removes the entry that holds `key`.
    pub fn remove(&mut self, key: u64) -> Option<(KeyRange, V)> {
        let pos = self.find(key);
        (self.range_at(pos)?.start <= key).then(|| self.remove_at(pos))
    }

    /// Removes everything inside `range`, cutting the entries that cross its ends, and gives what
    /// was removed to `removed`, ascending.
    pub fn remove_range(&mut self, range: KeyRange, mut removed: impl FnMut(KeyRange, V)) {
        if range.is_empty() {
            return;
        }
        self.isolate(range);
        loop {
            let pos = self.find(range.start);
            let Some(block) = self.blocks.get(pos.block) else { return };
            let end_index = block.ranges.partition_point(|held| held.start < range.end);
            if end_index <= pos.index {
                return;
            }
            self.drain_at(pos, end_index, &mut removed);
        }
    }

    /// Changes the values inside `range`, cutting the entries that cross its ends and merging
    /// afterwards where they agree.
    pub fn edit(&mut self, range: KeyRange, f: impl FnMut(KeyRange, &mut V)) {
        if range.is_empty() {
            return;
        }
        self.isolate(range);
        self.for_each_mut(range, f);
        self.merge_in(range);
    }
}
