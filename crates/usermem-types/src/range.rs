//! A half-open range of application addresses.

use core::fmt;

use crate::{Addr, PageSize};

/// A half-open range `[start, end)` of application addresses, in bytes.
///
/// Well-formed by construction: `start <= end`, and the end never wraps.
///
/// ```
/// use usermem_types::{Addr, AddrRange};
/// let range = Addr::new(0x1000).to_range(0x20).unwrap();
/// assert_eq!(range.to_string(), "[0x1000, 0x1020)");
/// assert!(AddrRange::new(Addr::new(2), Addr::new(1)).is_none());
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AddrRange {
    start: Addr,
    end: Addr,
}

impl AddrRange {
    /// Creates `[start, end)`; `None` when `end` lies below `start`.
    #[must_use]
    pub const fn new(start: Addr, end: Addr) -> Option<Self> {
        if start.get() <= end.get() { Some(Self { start, end }) } else { None }
    }

    /// Returns the first address.
    #[must_use]
    pub const fn start(self) -> Addr {
        self.start
    }

    /// Returns the address after the last one.
    #[must_use]
    pub const fn end(self) -> Addr {
        self.end
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn len(self) -> u64 {
        self.end.get() - self.start.get()
    }

    /// Returns whether the range holds no byte.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Returns whether an address lies in the range; an empty range contains nothing.
    #[must_use]
    pub const fn contains(self, addr: Addr) -> bool {
        self.start.get() <= addr.get() && addr.get() < self.end.get()
    }

    /// Returns whether the ranges overlap. An empty range strictly inside another overlaps it;
    /// at the other's start or end it does not.
    #[must_use]
    pub const fn overlaps(self, other: Self) -> bool {
        self.start.get() < other.end.get() && other.start.get() < self.end.get()
    }

    /// Returns whether every position of `other` lies within this range, its ends included.
    #[must_use]
    pub const fn is_superset_of(self, other: Self) -> bool {
        self.start.get() <= other.start.get() && self.end.get() >= other.end.get()
    }

    /// Returns the common part; an empty range at an unspecified position when there is none.
    #[must_use]
    pub fn intersect(self, other: Self) -> Self {
        let start = self.start.max(other.start);
        let end = self.end.min(other.end).max(start);
        Self { start, end }
    }

    /// Returns whether `at` divides the range into two that are not empty.
    #[must_use]
    pub const fn can_split_at(self, at: Addr) -> bool {
        self.start.get() < at.get() && at.get() < self.end.get()
    }

    /// Returns the first `len` bytes, or the whole range when it is shorter.
    #[must_use]
    pub const fn take_first(self, len: u64) -> Self {
        if len >= self.len() {
            return self;
        }
        Self { start: self.start, end: Addr::new(self.start.get() + len) }
    }

    /// Returns what is left after the first `len` bytes; empty, at the end, when it is shorter.
    #[must_use]
    pub const fn drop_first(self, len: u64) -> Self {
        if len >= self.len() {
            return Self { start: self.end, end: self.end };
        }
        Self { start: Addr::new(self.start.get() + len), end: self.end }
    }

    /// Returns whether both ends are page boundaries.
    #[must_use]
    pub const fn is_page_aligned(self, page: PageSize) -> bool {
        self.start.is_page_aligned(page) && self.end.is_page_aligned(page)
    }

    /// Returns the smallest range of whole pages that holds this one; `None` on overflow.
    #[must_use]
    pub const fn round_out(self, page: PageSize) -> Option<Self> {
        match self.end.round_up(page) {
            Some(end) => Some(Self { start: self.start.round_down(page), end }),
            None => None,
        }
    }
}

impl fmt::Display for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.start, self.end)
    }
}

impl fmt::Debug for AddrRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn r(start: u64, end: u64) -> AddrRange {
        AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
    }

    #[test]
    fn empty_ranges_contain_nothing_and_overlap_only_inside() {
        assert!(!r(5, 5).contains(Addr::new(5)));
        assert!(r(5, 5).overlaps(r(0, 10)));
        assert!(!r(0, 0).overlaps(r(0, 10)));
        assert!(!r(10, 10).overlaps(r(0, 10)));
    }

    #[test]
    fn supersets_include_their_end() {
        assert!(r(0, 10).is_superset_of(r(10, 10)));
        assert!(!r(0, 10).is_superset_of(r(11, 11)));
    }

    #[test]
    fn intersections_of_disjoint_ranges_are_empty() {
        assert!(r(0, 4).intersect(r(8, 12)).is_empty());
        assert!(r(8, 12).intersect(r(0, 4)).is_empty());
        assert_eq!(r(0, 9).intersect(r(8, 12)), r(8, 9));
    }

    #[test]
    fn a_range_never_ends_at_two_to_the_64() {
        assert!(Addr::MAX.to_range(1).is_none());
        assert_eq!(Addr::new(u64::MAX - 1).to_range(1).unwrap().end(), Addr::MAX);
        assert_eq!(Addr::ZERO.to_range(0), Some(AddrRange::default()));
    }
}
