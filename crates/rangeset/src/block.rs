//! A run of consecutive entries.

use alloc::vec::Vec;

use crate::KeyRange;

/// The most entries of a block; one more, and it is cut in two.
pub(crate) const MAX: usize = 32;
/// Entries below which a block is joined with a neighbour.
pub(crate) const MIN: usize = 8;

/// Consecutive entries; never empty inside a map. Ranges and values lie apart, so that a search
/// reads ranges only.
pub(crate) struct Block<V> {
    /// The start of the first range.
    pub(crate) first: u64,
    /// The longest gap that precedes one of the entries, the first included.
    pub(crate) max_gap: u64,
    pub(crate) ranges: Vec<KeyRange>,
    pub(crate) values: Vec<V>,
}

impl<V> Block<V> {
    pub(crate) fn new() -> Self {
        Self { first: 0, max_gap: 0, ranges: Vec::new(), values: Vec::new() }
    }

    /// Creates a block that will hold as many entries as one may.
    pub(crate) fn roomy() -> Self {
        Self { ranges: Vec::with_capacity(MAX), values: Vec::with_capacity(MAX), ..Self::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.ranges.len()
    }

    /// Returns the end of the last range.
    pub(crate) fn end(&self) -> u64 {
        self.ranges.last().map_or(0, |range| range.end)
    }

    /// Recomputes what is cached, for a block that follows a range ending at `previous_end`.
    pub(crate) fn refresh(&mut self, previous_end: u64) {
        self.first = self.ranges.first().map_or(0, |range| range.start);
        let mut previous = previous_end;
        let mut longest = 0;
        for range in &self.ranges {
            longest = longest.max(range.start - previous);
            previous = range.end;
        }
        self.max_gap = longest;
    }

    /// Inserts an entry; leaves what is cached as it is.
    pub(crate) fn insert(&mut self, at: usize, range: KeyRange, value: V) {
        self.ranges.insert(at, range);
        self.values.insert(at, value);
    }

    /// Removes an entry; leaves what is cached as it is.
    pub(crate) fn remove(&mut self, at: usize) -> (KeyRange, V) {
        (self.ranges.remove(at), self.values.remove(at))
    }

    /// Moves the entries from `at` on into a new block.
    pub(crate) fn split_off(&mut self, at: usize) -> Self {
        Self { ranges: self.ranges.split_off(at), values: self.values.split_off(at), ..Self::new() }
    }

    /// Appends the entries of the block that follows.
    pub(crate) fn append(&mut self, mut next: Self) {
        self.ranges.append(&mut next.ranges);
        self.values.append(&mut next.values);
        self.max_gap = self.max_gap.max(next.max_gap);
    }
}
