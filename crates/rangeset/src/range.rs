//! A half-open range of keys.

use core::fmt;

/// A half-open range `[start, end)` of keys.
///
/// Well-formed by construction: `start <= end`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct KeyRange {
    /// The first key.
    pub start: u64,
    /// The key after the last one.
    pub end: u64,
}

impl KeyRange {
    /// Creates a range.
    ///
    /// # Panics
    /// When `end` lies below `start`.
    #[must_use]
    #[inline]
    pub const fn new(start: u64, end: u64) -> Self {
        assert!(start <= end, "a range must not end before it starts");
        Self { start, end }
    }

    /// Returns the number of keys.
    #[must_use]
    #[inline]
    pub const fn len(self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    /// Returns whether the range holds no key.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.start >= self.end
    }

    /// Returns whether a key lies in the range.
    #[must_use]
    #[inline]
    pub const fn contains(self, key: u64) -> bool {
        self.start <= key && key < self.end
    }

    /// Returns whether a key is in both ranges.
    #[must_use]
    #[inline]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end && other.start < self.end
    }

    /// Returns the common part; an empty range when there is none.
    #[must_use]
    #[inline]
    pub fn intersect(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        Self { start, end: self.end.min(other.end).max(start) }
    }
}

impl fmt::Debug for KeyRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{:#x}, {:#x})", self.start, self.end)
    }
}
