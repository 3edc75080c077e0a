//! A run of consecutive entries.

use crate::Label;
use crate::store::Home;

/// Entries below which a block is joined with a neighbour.
pub(crate) const MIN: usize = 8;

/// Consecutive entries, all those of a home; never empty inside a map.
pub(crate) struct Block {
    /// The start of the first range.
    pub(crate) first: u64,
    /// The longest gap that precedes one of the entries, the first included.
    pub(crate) max_gap: u64,
    /// Where they are, all from the first on.
    pub(crate) home: Home,
    /// How many there are.
    pub(crate) len: usize,
}

impl Block {
    /// Recomputes what is cached, for a block with these labels that follows a range ending at
    /// `previous_end`.
    pub(crate) fn refresh<V, L: Label<V>>(&mut self, previous_end: u64, labels: &[L]) {
        let Some(first) = labels.first() else { return };
        self.first = first.range().start;
        let mut previous = previous_end;
        let mut longest = 0;
        for label in labels {
            let range = label.range();
            longest = longest.max(range.start.wrapping_sub(previous));
            previous = range.end;
        }
        self.max_gap = longest;
    }
}
