//! Finding room between entries.

use crate::{KeyRange, Label, RangeMap};

impl<V, L: Label<V>> RangeMap<V, L> {
    /// Returns the gap that holds a key, up to the neighbours; `None` when an entry holds it.
    #[must_use]
    pub fn gap_at(&self, key: u64) -> Option<KeyRange> {
        let gap = self.gap_before(self.find(key));
        (key < gap.end).then_some(gap)
    }

    /// Returns the gaps inside `range`, cut to it, ascending.
    pub fn gaps_in(&self, range: KeyRange) -> impl Iterator<Item = KeyRange> {
        let mut start = range.start;
        let mut entries = self.iter_in(range);
        let mut done = false;
        core::iter::from_fn(move || {
            while !done {
                let gap_start = start;
                let gap_end = match entries.next() {
                    Some((held, _)) => {
                        start = held.end;
                        held.start
                    }
                    None => {
                        done = true;
                        range.end
                    }
                };
                if gap_start < gap_end {
                    return Some(KeyRange::new(gap_start, gap_end));
                }
            }
            None
        })
    }

    /// Offers the gaps inside `bounds` of at least `min_len` keys, cut to it, lowest first, to
    /// `accept` until it returns something.
    pub fn find_gap<T>(
        &self,
        bounds: KeyRange,
        min_len: u64,
        mut accept: impl FnMut(KeyRange) -> Option<T>,
    ) -> Option<T> {
        let mut pos = self.find(bounds.start);
        let mut start = bounds.start;
        loop {
            let block = self.blocks.get(pos.block);
            if let Some(block) = block
                && block.max_gap < min_len
            {
                // No gap before any entry of this block is long enough.
                if block.first >= bounds.end {
                    return None;
                }
                start = start.max(self.end_of(pos.block));
                pos.block += 1;
                pos.index = 0;
                continue;
            }
            let held = self.range_at(pos);
            let end = held.map_or(bounds.end, |held| held.start.min(bounds.end));
            if start < end
                && end - start >= min_len
                && let Some(found) = accept(KeyRange::new(start, end))
            {
                return Some(found);
            }
            match held {
                Some(held) if held.start < bounds.end => start = start.max(held.end),
                _ => return None,
            }
            pos = self.next(pos);
        }
    }

    /// Offers the gaps inside `bounds` of at least `min_len` keys, cut to it, highest first, to
    /// `accept` until it returns something.
    pub fn find_gap_back<T>(
        &self,
        bounds: KeyRange,
        min_len: u64,
        mut accept: impl FnMut(KeyRange) -> Option<T>,
    ) -> Option<T> {
        let mut pos = self.find_start(bounds.end);
        let mut end = bounds.end;
        loop {
            // The gap before `pos`, which ends at `end`.
            let before = self.previous(pos);
            let held = before.and_then(|before| self.range_at(before));
            let start = held.map_or(0, |held| held.end).max(bounds.start);
            if start < end
                && end - start >= min_len
                && let Some(found) = accept(KeyRange::new(start, end))
            {
                return Some(found);
            }
            let (mut before, mut held) = (before?, held?);
            while self.blocks[before.block].max_gap < min_len {
                // No gap before any entry of this block is long enough.
                if self.blocks[before.block].first <= bounds.start {
                    return None;
                }
                before = self.previous(crate::map::Pos { block: before.block, index: 0 })?;
                held = self.range_at(before)?;
            }
            if held.start <= bounds.start {
                return None;
            }
            end = held.start.min(bounds.end);
            pos = before;
        }
    }
}
