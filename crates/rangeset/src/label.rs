//! What an entry says of itself to those who only look.

use crate::KeyRange;

/// The range of an entry, and what else is to be had of it without a look at its value.
///
/// A map keeps the labels of neighbours side by side, apart from the values, and makes them anew from
/// range and value whenever either of them changes.
pub trait Label<V>: Copy {
    /// The label of no entry: its range is empty, and holds nothing.
    const NONE: Self;

    /// Creates the label of an entry.
    fn new(range: KeyRange, value: &V) -> Self;

    /// Returns the range that the label was created with.
    fn range(&self) -> KeyRange;

    /// Returns whether the range holds a key.
    #[inline(always)]
    fn holds(&self, key: u64) -> bool {
        self.range().contains(key)
    }
}

impl<V> Label<V> for KeyRange {
    const NONE: Self = Self { start: 0, end: 0 };

    #[inline]
    fn new(range: KeyRange, _: &V) -> Self {
        range
    }

    #[inline]
    fn range(&self) -> KeyRange {
        *self
    }
}
