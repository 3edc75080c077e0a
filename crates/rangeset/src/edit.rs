//! Changing which ranges there are.

use core::mem;

use crate::map::Pos;
use crate::{KeyRange, Label, RangeMap, Segment};

impl<V: Segment, L: Label<V>> RangeMap<V, L> {
    /// Inserts an entry and merges it with its neighbours where they agree.
    ///
    /// # Panics
    /// When `range` is empty or overlaps an entry.
    pub fn insert(&mut self, range: KeyRange, mut value: V) {
        let (pos, gap) = self.find_room(range);
        if gap.start == range.start
            && let Some(below) = self.previous(pos)
            && let Some((held, held_value)) = self.entry(below)
            && held_value.can_merge(held, &value, range)
        {
            self.change(below, |held, held_value| held_value.merge(held, value, range));
            self.resize(below, KeyRange::new(held.start, range.end));
            self.merge_from(below, range.end);
        } else if gap.end == range.end
            && let Some((above, above_value)) = self.entry(pos)
            && value.can_merge(range, above_value, above)
        {
            self.change(pos, |above, above_value| {
                mem::swap(above_value, &mut value);
                above_value.merge(range, value, above);
            });
            self.resize(pos, KeyRange::new(range.start, above.end));
        } else {
            self.insert_at(pos, gap, range, value);
        }
    }

    /// Inserts an entry and merges it with nothing.
    ///
    /// # Panics
    /// When `range` is empty or overlaps an entry.
    pub fn insert_unmerged(&mut self, range: KeyRange, value: V) {
        let (pos, gap) = self.find_room(range);
        self.insert_at(pos, gap, range, value);
    }

    /// Finds the entry above `range`, in which there is none, and the gap that `range` lies in.
    fn find_room(&self, range: KeyRange) -> (Pos, KeyRange) {
        assert!(!range.is_empty(), "an entry must not be empty");
        let is_last =
            self.blocks.len().checked_sub(1).is_none_or(|last| self.end_of(last) <= range.start);
        let pos = if is_last { self.end() } else { self.find(range.start) };
        let gap = self.gap_before(pos);
        assert!(gap.end >= range.end, "entries must not overlap");
        (pos, gap)
    }

    /// Splits the entry that holds `key` strictly inside; does nothing otherwise.
    pub fn split_at(&mut self, key: u64) {
        let pos = self.find(key);
        if self.range_at(pos).is_some_and(|range| range.start < key) {
            self.split_entry(pos, key);
        }
    }

    /// Splits the entry at `pos` at a key strictly inside. Positions are stale afterwards.
    fn split_entry(&mut self, pos: Pos, key: u64) {
        let (range, upper) = self.change(pos, |range, value| (range, value.split_off(range, key)));
        let above = Pos { index: pos.index + 1, ..pos };
        let above = self.insert_raw(above, KeyRange::new(key, range.end), upper);
        if let Some(below) = self.previous(above) {
            self.set_range(below, KeyRange::new(range.start, key));
        }
    }

    /// Splits entries so that none crosses an end of `range`.
    pub fn isolate(&mut self, range: KeyRange) {
        self.split_at(range.start);
        self.split_at(range.end);
    }

    /// Splits entries so that none crosses an end of `range`, which is not empty; returns the first
    /// inside or above.
    fn isolate_and_find(&mut self, range: KeyRange) -> Pos {
        loop {
            let pos = self.find(range.start);
            match self.range_at(pos) {
                Some(held) if held.start < range.start => self.split_entry(pos, range.start),
                Some(held) if held.start < range.end && range.end < held.end => {
                    self.split_entry(pos, range.end);
                }
                Some(held) if held.end < range.end => {
                    let last = self.find(range.end);
                    match self.range_at(last) {
                        Some(held) if held.start < range.end => self.split_entry(last, range.end),
                        _ => return pos,
                    }
                }
                _ => return pos,
            }
        }
    }

    /// Merges the entries that touch `range` with each other where they agree.
    pub fn merge_in(&mut self, range: KeyRange) {
        self.merge_from(self.find(range.start.saturating_sub(1)), range.end);
    }

    /// Merges the entry at `pos` and those above it with each other where they agree, up to the
    /// first that starts above `end`.
    fn merge_from(&mut self, mut pos: Pos, end: u64) {
        while let Some((held, value)) = self.entry(pos) {
            let above = self.next(pos);
            let Some((next, next_value)) = self.entry(above) else { return };
            if next.start > end {
                return;
            }
            if held.end == next.start && value.can_merge(held, next_value, next) {
                pos = self.absorb(pos, above);
            } else {
                pos = above;
            }
        }
    }

    /// Merges the entry at `above` into the one at `pos`, which precedes it, and returns where that
    /// is now.
    fn absorb(&mut self, pos: Pos, above: Pos) -> Pos {
        let held = self.range_of(pos);
        if pos.block == above.block {
            let (next, next_value) = self.remove_raw(above);
            self.change(pos, |held, value| value.merge(held, next_value, next));
            self.set_range(pos, KeyRange::new(held.start, next.end));
            if !self.rebalance(pos.block) {
                return pos;
            }
            return self.find(held.start);
        }
        let (next, next_value) = self.remove_at(above);
        let pos = self.find(held.start);
        self.change(pos, |held, value| value.merge(held, next_value, next));
        self.resize(pos, KeyRange::new(held.start, next.end));
        pos
    }

    /// Removes the entry that holds `key`.
    pub fn remove(&mut self, key: u64) -> Option<(KeyRange, V)> {
        let pos = self.find(key);
        (self.range_at(pos)?.start <= key).then(|| self.remove_at(pos))
    }

    /// Removes everything inside `range`, cutting the entries that cross its ends, and gives what
    /// was removed to `removed`, ascending.
    pub fn remove_range(&mut self, range: KeyRange, mut removed: impl FnMut(KeyRange, V)) {
        loop {
            let pos = self.find(range.start);
            let Some(held) = self.range_at(pos) else { return };
            if held.start >= range.end || range.is_empty() {
                return;
            }
            if held.start < range.start {
                if range.end < held.end {
                    self.split_entry(pos, range.start);
                } else {
                    let (part, value) = self.cut_above(pos, range.start);
                    removed(part, value);
                }
                continue;
            }
            let labels = self.labels_of(pos.block);
            let is_inside = |label: &&L| label.range().end <= range.end;
            let end_index = pos.index + labels[pos.index..].iter().take_while(is_inside).count();
            if end_index == pos.index {
                let (part, value) = self.cut_below(pos, range.end);
                return removed(part, value);
            }
            let is_all = labels[end_index - 1].range().end == range.end;
            self.drain_at(pos, end_index, &mut removed);
            if is_all {
                return;
            }
        }
    }

    /// Takes what lies below `key` out of the entry at `pos`, which has the key strictly inside.
    fn cut_below(&mut self, pos: Pos, key: u64) -> (KeyRange, V) {
        let (held, lower) = self.change(pos, |held, value| {
            let upper = value.split_off(held, key);
            (held, mem::replace(value, upper))
        });
        self.resize(pos, KeyRange::new(key, held.end));
        (KeyRange::new(held.start, key), lower)
    }

    /// Takes what lies at `key` and above out of the entry at `pos`, which has the key strictly inside.
    fn cut_above(&mut self, pos: Pos, key: u64) -> (KeyRange, V) {
        let (held, upper) = self.change(pos, |held, value| (held, value.split_off(held, key)));
        self.resize(pos, KeyRange::new(held.start, key));
        (KeyRange::new(key, held.end), upper)
    }

    /// Changes the values inside `range`, cutting the entries that cross its ends and merging
    /// afterwards where they agree.
    pub fn edit(&mut self, range: KeyRange, f: impl FnMut(KeyRange, &mut V)) {
        if range.is_empty() {
            return;
        }
        let pos = self.isolate_and_find(range);
        self.for_each_from(pos, range.end, f);
        self.merge_from(self.previous(pos).unwrap_or(pos), range.end);
    }
}
