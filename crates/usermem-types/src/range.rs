//! A half-open range of application addresses.

use core::fmt;

use crate::{Addr, Granule};

/// A half-open range `[start, end)` of application addresses, in bytes.
///
/// Well-formed by construction: `start <= end`, and the end never wraps, so the last address,
/// [`Addr::MAX`], is in no range. Holding one proves nothing else: any of its bytes may be unmapped.
/// An empty range still has a place.
///
/// ```
/// use usermem_types::{Addr, AddrRange, PageSize};
/// let range = Addr::new(0x1000).to_range(0x20).unwrap();
/// assert_eq!(range.to_string(), "[0x1000, 0x1020)");
/// assert!(range.contains(Addr::new(0x101f)) && !range.contains(range.end()));
/// assert_eq!(range.round_out(PageSize::K4).unwrap().to_string(), "[0x1000, 0x2000)");
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

    /// Returns whether both ends are boundaries of pages, or of what else is given.
    #[must_use]
    pub fn is_page_aligned(self, page: impl Into<Granule>) -> bool {
        let page = page.into();
        self.start.is_page_aligned(page) && self.end.is_page_aligned(page)
    }

    /// Returns the smallest range of whole pages, or of what else is given, that holds this one;
    /// `None` on overflow.
    #[must_use]
    pub fn round_out(self, granule: impl Into<Granule>) -> Option<Self> {
        let granule = granule.into();
        let end = self.end.round_up(granule)?;
        Some(Self { start: self.start.round_down(granule), end })
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
