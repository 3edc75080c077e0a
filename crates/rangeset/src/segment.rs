//! What a value must be able to do to live in a map of ranges.

use crate::KeyRange;

/// A value that belongs to a range and can follow its splits and merges.
pub trait Segment: Sized {
    /// Returns whether this value, of `range`, and `next`, of `next_range`, can be one.
    /// `range.end == next_range.start` holds.
    fn can_merge(&self, range: KeyRange, next: &Self, next_range: KeyRange) -> bool;

    /// Takes over `next`, for which [`Segment::can_merge`] just answered yes.
    fn merge(&mut self, range: KeyRange, next: Self, next_range: KeyRange);

    /// Keeps what belongs to `[range.start, at)` and returns what belongs to `[at, range.end)`;
    /// `at` lies strictly inside.
    fn split_off(&mut self, range: KeyRange, at: u64) -> Self;
}

impl Segment for () {
    fn can_merge(&self, _: KeyRange, (): &Self, _: KeyRange) -> bool {
        true
    }

    fn merge(&mut self, _: KeyRange, (): Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {}
}
