//! Walking over entries.

use crate::map::Pos;
use crate::{KeyRange, Label, RangeMap};

impl<V, L: Label<V>> RangeMap<V, L> {
    /// Returns an iterator over all entries, ascending.
    pub fn iter(&self) -> impl Iterator<Item = (KeyRange, &V)> {
        self.iter_from(0)
    }

    /// Returns an iterator over the entries that end above `key`, ascending: the one that holds
    /// the key comes first.
    pub fn iter_from(&self, key: u64) -> impl Iterator<Item = (KeyRange, &V)> {
        let mut pos = self.find(key);
        core::iter::from_fn(move || {
            let entry = self.entry(pos)?;
            pos = self.next(pos);
            Some(entry)
        })
    }

    /// Returns an iterator over the entries that start below `key`, descending.
    pub fn iter_back_from(&self, key: u64) -> impl Iterator<Item = (KeyRange, &V)> {
        let mut pos = self.find_start(key);
        core::iter::from_fn(move || {
            pos = self.previous(pos)?;
            self.entry(pos)
        })
    }

    /// Returns an iterator over the entries that overlap `range`, ascending and uncut.
    pub fn iter_in(&self, range: KeyRange) -> impl Iterator<Item = (KeyRange, &V)> {
        self.iter_from(range.start).take_while(move |(held, _)| held.start < range.end)
    }

    /// Calls `f` for every entry that overlaps `range`, uncut, to change its value in place.
    pub fn for_each_mut(&mut self, range: KeyRange, f: impl FnMut(KeyRange, &mut V)) {
        self.for_each_from(self.find(range.start), range.end, f);
    }

    /// Calls `f` for the entries from `pos` on that start below `end`.
    pub(crate) fn for_each_from(
        &mut self,
        mut pos: Pos,
        end: u64,
        mut f: impl FnMut(KeyRange, &mut V),
    ) {
        while let Some(block) = self.blocks.get(pos.block) {
            if !self.store.change_from(block.home, pos.index, end, &mut f) {
                return;
            }
            pos = Pos { block: pos.block + 1, index: 0 };
        }
    }
}
