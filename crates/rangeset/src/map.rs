//! The map, its entries and how they are found.

use alloc::vec::Vec;
use core::fmt;
use core::hint::cold_path;

use crate::block::{Block, MIN};
use crate::hints::Hints;
use crate::store::{Home, MAX, Store, place};
use crate::{KeyRange, Label, Segment};

/// The place of an entry; the place after the last entry is `(blocks.len(), 0)`.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Pos {
    pub(crate) block: usize,
    pub(crate) index: usize,
}

/// Keys that need no search.
#[derive(Clone, Copy)]
struct Finger {
    /// Invariant: what a search for each of `keys` finds. Whatever moves an entry, or its ends, says
    /// [`Finger::NOWHERE`] first.
    pos: Pos,
    keys: KeyRange,
}

impl Finger {
    const NOWHERE: Self = Self { pos: Pos { block: 0, index: 0 }, keys: KeyRange::new(0, 0) };
}

/// An ordered map from disjoint ranges of keys to values.
///
/// Two levels of arrays: blocks of a few dozen entries. Finding an entry is two binary searches, or
/// a look at where one was found before; inserting or removing one moves a block's worth of entries
/// at most.
///
/// A [`Label`] that says more than the range is what [`RangeMap::label`] is for.
pub struct RangeMap<V, L = KeyRange> {
    pub(crate) blocks: Vec<Block>,
    pub(crate) store: Store<V, L>,
    len: usize,
    span: u64,
    /// Where the last change was, or where it is to be: tried before a search.
    finger: Finger,
    /// Where entries were found.
    hints: Hints,
}

impl<V, L> Default for RangeMap<V, L> {
    fn default() -> Self {
        Self {
            blocks: Vec::new(),
            store: Store::new(),
            len: 0,
            span: 0,
            finger: Finger::NOWHERE,
            hints: Hints::new(),
        }
    }
}

impl<V> RangeMap<V> {
    /// Creates an empty map whose labels are ranges.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl<V, L: Label<V>> RangeMap<V, L> {
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

    /// Returns the label of the entry that holds a key, if it is where one was found before for a key near
    /// it: a look that needs no search, and that finds what [`label`](Self::label) found last.
    #[must_use]
    #[inline(always)]
    pub fn label_at_hint(&self, key: u64) -> Option<&L> {
        match self.store.label(self.hints.load(key)?) {
            Some(label) if label.holds(key) => Some(label),
            _ => {
                cold_path();
                None
            }
        }
    }

    /// Returns the label of the entry that holds a key.
    #[must_use]
    #[inline]
    pub fn label(&self, key: u64) -> Option<&L> {
        match self.label_at_hint(key) {
            Some(label) => Some(label),
            None => self.store.label(self.search(key)?),
        }
    }

    /// Returns the entry that holds a key.
    #[must_use]
    #[inline]
    pub fn get(&self, key: u64) -> Option<(KeyRange, &V)> {
        let guess = self.hints.load(key)?;
        let is_there = self.store.label(guess).is_some_and(|label| label.holds(key));
        let place = if is_there { guess } else { self.search(key)? };
        let (home, index) = Home::of(place);
        Some((self.store.range(home, index), self.store.value(home, index)))
    }

    /// Finds the place of the entry that holds a key, which is not where the hint says but perhaps in the
    /// same home, and leaves a hint.
    #[cold]
    #[inline(never)]
    fn search(&self, key: u64) -> Option<usize> {
        let (home, _) = Home::of(self.hints.load(key)?);
        let is_near = self.store.has_around(home, key);
        let pos = if is_near { None } else { Some(self.find_far(key)) };
        let place = match pos {
            None => place(home, count_ending(self.store.labels(home), key)),
            Some(pos) => place(self.blocks.get(pos.block)?.home, pos.index),
        };
        self.store.label(place).filter(|label| label.holds(key))?;
        self.hints.store(key, place, self.span);
        Some(place)
    }

    /// Returns the entry that holds a key, or the next one above it.
    #[must_use]
    pub fn at_or_after(&self, key: u64) -> Option<(KeyRange, &V)> {
        self.entry(self.find(key))
    }

    /// Returns whether any entry has a key of `range`.
    #[must_use]
    pub fn overlaps(&self, range: KeyRange) -> bool {
        let first = self.range_at(self.find(range.start));
        !range.is_empty() && first.is_some_and(|held| held.start < range.end)
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

    #[inline]
    pub(crate) fn entry(&self, pos: Pos) -> Option<(KeyRange, &V)> {
        let home = self.blocks.get(pos.block)?.home;
        Some((self.store.range(home, pos.index), self.store.value(home, pos.index)))
    }

    #[inline]
    pub(crate) fn range_at(&self, pos: Pos) -> Option<KeyRange> {
        Some(self.store.range(self.blocks.get(pos.block)?.home, pos.index))
    }

    /// Returns the range of an entry that there is.
    #[inline]
    pub(crate) fn range_of(&self, pos: Pos) -> KeyRange {
        self.store.range(self.blocks[pos.block].home, pos.index)
    }

    /// Sets the range of an entry that there is; leaves what is cached as it is.
    pub(crate) fn set_range(&mut self, pos: Pos, range: KeyRange) {
        self.finger = Finger::NOWHERE;
        self.store.set_range(self.blocks[pos.block].home, pos.index, range);
    }

    /// Returns the labels of a block.
    #[inline]
    pub(crate) fn labels_of(&self, block: usize) -> &[L] {
        let block = &self.blocks[block];
        self.store.first_labels(block.home, block.len)
    }

    /// Returns how many entries a block has.
    #[inline]
    pub(crate) fn len_of(&self, block: usize) -> usize {
        self.blocks[block].len
    }

    /// Returns where the last range of a block ends.
    #[inline]
    pub(crate) fn end_of(&self, block: usize) -> u64 {
        let block = &self.blocks[block];
        self.store.range(block.home, block.len - 1).end
    }

    /// Changes the value of an entry that there is.
    pub(crate) fn change<R>(&mut self, pos: Pos, f: impl FnOnce(KeyRange, &mut V) -> R) -> R {
        self.store.change(self.blocks[pos.block].home, pos.index, f)
    }

    /// Finds the first entry that ends above `key`: it holds the key or lies above it.
    #[inline]
    pub(crate) fn find(&self, key: u64) -> Pos {
        if self.finger.keys.contains(key) { self.finger.pos } else { self.find_far(key) }
    }

    /// Searches once for all that follows and looks at the same place, until the next change.
    pub fn seek(&mut self, key: u64) {
        if !self.finger.keys.contains(key) {
            self.finger = self.finger_at(self.find_far(key));
        }
    }

    /// Returns the finger for `pos`: all keys from the entry before it to its end.
    #[inline]
    fn finger_at(&self, pos: Pos) -> Finger {
        let end = self.range_at(pos).map_or(u64::MAX, |held| held.end);
        Finger { pos, keys: KeyRange { start: self.end_before(pos), end } }
    }

    /// Finds the same wherever it is.
    #[inline(never)]
    fn find_far(&self, key: u64) -> Pos {
        let Some(block) = self.blocks.partition_point(|b| b.first <= key).checked_sub(1) else {
            return Pos { block: 0, index: 0 };
        };
        self.find_in(block, key)
    }

    /// Finds the first entry of a block or of the next that ends above `key`.
    fn find_in(&self, block: usize, key: u64) -> Pos {
        let index = count_ending(self.labels_of(block), key);
        self.settle(Pos { block, index })
    }

    /// Finds the first entry that starts at or above `key`.
    pub(crate) fn find_start(&self, key: u64) -> Pos {
        let Some(block) = self.blocks.partition_point(|b| b.first < key).checked_sub(1) else {
            return Pos { block: 0, index: 0 };
        };
        let index = self.labels_of(block).partition_point(|label| label.range().start < key);
        self.settle(Pos { block, index })
    }

    /// Turns "after the last entry of a block" into "first of the next".
    #[inline]
    fn settle(&self, pos: Pos) -> Pos {
        if pos.index < self.len_of(pos.block) {
            pos
        } else {
            Pos { block: pos.block + 1, index: 0 }
        }
    }

    #[inline]
    pub(crate) fn next(&self, pos: Pos) -> Pos {
        self.settle(Pos { block: pos.block, index: pos.index + 1 })
    }

    pub(crate) fn previous(&self, pos: Pos) -> Option<Pos> {
        if pos.index > 0 {
            return Some(Pos { block: pos.block, index: pos.index - 1 });
        }
        let block = pos.block.checked_sub(1)?;
        Some(Pos { block, index: self.len_of(block) - 1 })
    }

    /// Sets the range of an entry without moving it past others.
    pub(crate) fn resize(&mut self, pos: Pos, range: KeyRange) {
        let old = self.range_of(pos);
        self.set_range(pos, range);
        self.hints.note_start(range.start);
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

    /// Inserts an entry before the one at `pos`, into the gap between that and the one before.
    pub(crate) fn insert_at(&mut self, pos: Pos, gap: KeyRange, range: KeyRange, value: V) {
        self.span += range.len();
        if pos == self.end() {
            return self.append(range, value);
        }
        let at = self.insert_raw(pos, range, value);
        self.finger = Finger { pos: at, keys: KeyRange { start: gap.start, end: range.end } };
        let above = self.next(at);
        self.change_gap(at.block, 0, range.start - gap.start);
        self.change_gap(above.block, gap.len(), gap.end - range.end);
    }

    /// Inserts an entry above all others. Who inserts in ascending order fills block after block.
    fn append(&mut self, range: KeyRange, value: V) {
        self.len += 1;
        self.hints.note_start(range.start);
        let (below, is_full) = match self.blocks.last() {
            Some(last) => (self.store.range(last.home, last.len - 1).end, last.len == MAX),
            None => (0, true),
        };
        if is_full {
            self.push_block(range.start);
        }
        let block = self.blocks.len() - 1;
        let last = &mut self.blocks[block];
        last.max_gap = last.max_gap.max(range.start - below);
        let pos = Pos { block, index: last.len };
        self.finger = Finger { pos, keys: KeyRange { start: below, end: range.end } };
        last.len += 1;
        self.store.push(last.home, range, value);
    }

    /// Adds a block without entries above all others, and returns where its first one goes.
    fn push_block(&mut self, first: u64) -> Pos {
        let pos = self.end();
        let home = self.store.take_home(if pos.block == 0 { 1 } else { MAX });
        self.blocks.push(Block { first, max_gap: 0, home, len: 0 });
        self.hints.fit(self.len);
        pos
    }

    /// Inserts an entry before the one at `pos` as if it had been a part of that before, and returns
    /// its place: no gap changes.
    #[inline]
    pub(crate) fn insert_raw(&mut self, pos: Pos, range: KeyRange, value: V) -> Pos {
        self.len += 1;
        self.finger = Finger::NOWHERE;
        self.hints.note_start(range.start);
        let at = self.make_room(pos);
        let block = &mut self.blocks[at.block];
        self.store.insert(block.home, at.index, range, value);
        block.len += 1;
        if at.index == 0 {
            block.first = range.start;
        }
        at
    }

    /// Returns where an entry before the one at `pos` goes: in a block with room.
    #[inline]
    fn make_room(&mut self, pos: Pos) -> Pos {
        match self.blocks.get(pos.block) {
            Some(block) if (pos.index > 0 || pos.block == 0) && block.len < MAX => pos,
            _ => self.find_or_make_room(pos),
        }
    }

    fn find_or_make_room(&mut self, pos: Pos) -> Pos {
        let Some(last) = self.blocks.len().checked_sub(1) else {
            return self.push_block(0);
        };
        let has_room = |block: usize| self.len_of(block) < MAX;
        let pos = match pos.index {
            // What would open a block goes to the end of the one before: its neighbours stay close.
            0 if pos.block > 0
                && (pos.block > last || has_room(pos.block - 1) || !has_room(pos.block)) =>
            {
                Pos { block: pos.block - 1, index: self.len_of(pos.block - 1) }
            }
            _ => pos,
        };
        if has_room(pos.block) {
            return pos;
        }
        if pos == (Pos { block: last, index: MAX }) {
            return self.push_block(0);
        }
        let block = &mut self.blocks[pos.block];
        let upper = self.store.split_off(block.home, MAX / 2);
        block.len = MAX / 2;
        self.blocks
            .insert(pos.block + 1, Block { first: 0, max_gap: 0, home: upper, len: MAX / 2 });
        self.refresh(pos.block);
        self.refresh(pos.block + 1);
        self.hints.fit(self.len);
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
        self.finger = Finger::NOWHERE;
        let count = end_index - pos.index;
        let block = &mut self.blocks[pos.block];
        block.len -= count;
        self.len -= count;
        if count == 1 {
            let (range, value) = self.store.remove(block.home, pos.index);
            self.span -= range.len();
            removed(range, value);
        } else {
            self.store.drain(block.home, (pos.index, end_index), |range, value| {
                self.span -= range.len();
                removed(range, value);
            });
        }
        self.close_hole(pos);
    }

    /// Removes one entry. Positions are stale afterwards.
    pub(crate) fn remove_at(&mut self, pos: Pos) -> (KeyRange, V) {
        let (range, value) = self.remove_raw(pos);
        self.span -= range.len();
        self.close_hole(pos);
        (range, value)
    }

    /// Corrects what is cached, and the sizes of blocks, after entries before `pos` were removed.
    fn close_hole(&mut self, pos: Pos) {
        let len = self.len_of(pos.block);
        let is_gone = len == 0;
        if is_gone {
            let block = self.blocks.remove(pos.block);
            self.store.give_back(block.home);
            self.hints.fit(self.len);
        } else if pos.index == len {
            // Their gaps are gone from this block, and longer ones precede the next.
            self.refresh(pos.block);
        } else if pos.index == 0 {
            self.blocks[pos.block].first = self.range_of(pos).start;
        }
        // The gap now is as long as all of those that were removed, and longer.
        let above = if is_gone { pos } else { self.settle(pos) };
        self.finger = self.finger_at(above);
        if let Some(next) = self.range_at(above) {
            self.change_gap(above.block, 0, next.start - self.finger.keys.start);
        }
        if !is_gone {
            self.rebalance(pos.block);
        }
    }

    /// Removes one entry as if it became a part of the one before: no gap changes, and the block may
    /// be too small now.
    pub(crate) fn remove_raw(&mut self, pos: Pos) -> (KeyRange, V) {
        self.finger = Finger::NOWHERE;
        let block = &mut self.blocks[pos.block];
        block.len -= 1;
        self.len -= 1;
        self.store.remove(block.home, pos.index)
    }

    /// Joins a small block with a neighbour; returns whether that changed places.
    #[inline]
    pub(crate) fn rebalance(&mut self, index: usize) -> bool {
        self.len_of(index) < MIN && self.join(index)
    }

    /// Joins a block with a neighbour if they are one together; returns whether they were joined.
    fn join(&mut self, mut index: usize) -> bool {
        let len = self.len_of(index);
        if index > 0 && self.len_of(index - 1) + len <= MAX {
            index -= 1;
        }
        let is_joined =
            index + 1 < self.blocks.len() && self.len_of(index) + self.len_of(index + 1) <= MAX;
        if is_joined {
            self.finger = Finger::NOWHERE;
            let upper = self.blocks.remove(index + 1);
            let block = &mut self.blocks[index];
            block.max_gap = block.max_gap.max(upper.max_gap);
            block.len += upper.len;
            self.store.append(block.home, upper.home);
            self.hints.fit(self.len);
        }
        is_joined
    }

    /// Returns the gap before the entry at `pos`; from the last entry on when there is none.
    #[inline(always)]
    pub(crate) fn gap_before(&self, pos: Pos) -> KeyRange {
        let end = self.range_at(pos).map_or(u64::MAX, |above| above.start);
        KeyRange { start: self.end_before(pos), end }
    }

    /// Returns where the entry before the one at `pos` ends.
    #[inline(always)]
    pub(crate) fn end_before(&self, pos: Pos) -> u64 {
        match pos.index {
            0 => pos.block.checked_sub(1).map_or(0, |before| self.end_of(before)),
            index => self.range_of(Pos { index: index - 1, ..pos }).end,
        }
    }

    /// Corrects the longest gap of a block, in which one was of `old` and is of `new` keys now.
    #[inline]
    fn change_gap(&mut self, index: usize, old: u64, new: u64) {
        let block = &mut self.blocks[index];
        if new >= block.max_gap {
            block.max_gap = new;
        } else if old == block.max_gap {
            self.refresh(index);
        }
    }

    fn refresh(&mut self, index: usize) {
        let previous_end = index.checked_sub(1).map_or(0, |before| self.end_of(before));
        let block = &mut self.blocks[index];
        block.refresh(previous_end, self.store.first_labels(block.home, block.len));
    }

    /// Checks every invariant of the structure.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let (mut previous, mut len, mut span) = (0, 0, 0);
        self.store.check();
        for block in &self.blocks {
            let labels = self.store.labels(block.home);
            assert!(!labels.is_empty() && labels.len() <= MAX);
            assert_eq!(labels.len(), block.len);
            assert_eq!(block.first, labels[0].range().start);
            let mut longest = 0;
            for range in labels.iter().map(L::range) {
                assert!(range.start < range.end && range.start >= previous);
                longest = longest.max(range.start - previous);
                previous = range.end;
                len += 1;
                span += range.len();
            }
            assert_eq!(block.max_gap, longest);
        }
        assert_eq!((len, span), (self.len, self.span));
        let Finger { pos, keys } = self.finger;
        if !keys.is_empty() {
            assert!(pos == self.find_far(keys.start) && pos == self.find_far(keys.end - 1));
        }
    }
}

/// Returns how many entries end at or below `key`.
#[inline]
fn count_ending<V, L: Label<V>>(labels: &[L], key: u64) -> usize {
    labels.partition_point(|label| label.range().end <= key)
}

impl<V: Segment, L: Label<V>> Extend<(KeyRange, V)> for RangeMap<V, L> {
    fn extend<I: IntoIterator<Item = (KeyRange, V)>>(&mut self, entries: I) {
        for (range, value) in entries {
            self.insert(range, value);
        }
    }
}

impl<V: fmt::Debug, L: Label<V>> fmt::Debug for RangeMap<V, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map().entries(self.iter()).finish()
    }
}
