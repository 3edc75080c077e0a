//! Pages that `madvise` made inaccessible without a mapping of their own.

use rangeset::{KeyRange, RangeMap};

/// Where there are guards: each page lies in a vma and has no pma.
#[derive(Debug, Default)]
pub(crate) struct Guards(RangeMap<()>);

impl Guards {
    /// Puts guards on every page of `range`.
    pub(crate) fn install(&mut self, range: KeyRange) {
        self.remove(range);
        self.0.insert(range, ());
    }

    /// Takes the guards in `range` away.
    pub(crate) fn remove(&mut self, range: KeyRange) {
        if !self.0.is_empty() {
            self.0.remove_range(range, |_, ()| {});
        }
    }

    /// Moves the guards in `source` so that they keep their distance to its start, which becomes
    /// `target`.
    pub(crate) fn move_to(&mut self, source: KeyRange, target: u64) {
        let mut moved = Vec::new();
        if !self.0.is_empty() {
            self.0.remove_range(source, |held, ()| moved.push(held));
        }
        for held in moved {
            let start = target + (held.start - source.start);
            self.0.insert(KeyRange::new(start, start + held.len()), ());
        }
    }

    /// Adds the guards that `other` has in `range`.
    pub(crate) fn copy_from(&mut self, other: &Self, range: KeyRange) {
        if other.0.is_empty() {
            return;
        }
        for (held, ()) in other.0.iter_in(range) {
            self.install(held.intersect(range));
        }
    }

    /// Returns the part around `addr` of `range` that has no guards; `None` when there is one at
    /// `addr`.
    pub(crate) fn free_part(&self, range: KeyRange, addr: u64) -> Option<KeyRange> {
        if self.0.is_empty() {
            return Some(range);
        }
        self.0.gap_at(addr).map(|gap| gap.intersect(range))
    }
}
