//! Powers of two that addresses and lengths are rounded to.

/// A power of two that addresses and lengths are rounded to: a cache line, a page, a huge page.
///
/// Works on plain numbers; [`Addr`](crate::Addr) and [`AddrRange`](crate::AddrRange) take one, or a
/// [`PageSize`](crate::PageSize), wherever they round. Nothing wraps: a result above `u64::MAX` is
/// `None`.
///
/// ```
/// use usermem_types::{Granule, PageSize};
/// assert_eq!(Granule::CACHE_LINE.round_up(65), Some(128));
/// assert_eq!(PageSize::K4.huge().round_down(0x3f_ffff), 0x20_0000);
/// assert_eq!(Granule::JUMBO_PAGE.mask(), (1 << 30) - 1);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Granule {
    /// Invariant: so many of the low bits, fewer than 64.
    mask: u64,
}

impl Granule {
    /// A cache line on every supported architecture: 64 bytes.
    pub const CACHE_LINE: Self = Self::from_shift(6);
    /// A jumbo page, the largest page of every supported architecture with 4 KiB pages: 1 GiB.
    pub const JUMBO_PAGE: Self = Self::from_shift(30);

    /// Creates a granule of a number of bytes; `None` when that is no power of two.
    #[must_use]
    pub const fn new(bytes: u64) -> Option<Self> {
        if bytes.is_power_of_two() { Some(Self { mask: bytes - 1 }) } else { None }
    }

    pub(crate) const fn from_shift(shift: u32) -> Self {
        Self { mask: (1 << shift) - 1 }
    }

    /// Returns the number of low bits that are an offset into the granule.
    #[must_use]
    pub const fn shift(self) -> u32 {
        self.mask.count_ones()
    }

    /// Returns the number of bytes.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.mask + 1
    }

    /// Returns the bits that are an offset into the granule: the low ones, for every granule.
    #[must_use]
    pub const fn mask(self) -> u64 {
        self.mask
    }

    /// Returns the low bits of a value: its offset into the granule that holds it.
    #[must_use]
    pub const fn offset(self, value: u64) -> u64 {
        value & self.mask
    }

    /// Returns whether a value is a multiple of the granule.
    #[must_use]
    pub const fn is_aligned(self, value: u64) -> bool {
        self.offset(value) == 0
    }

    /// Rounds a value down to the start of its granule.
    #[must_use]
    pub const fn round_down(self, value: u64) -> u64 {
        value & !self.mask
    }

    /// Rounds a value up to the next boundary, or to itself when it is one; `None` when that would
    /// exceed `u64::MAX`.
    #[must_use]
    pub const fn round_up(self, value: u64) -> Option<u64> {
        match value.checked_add(self.mask) {
            Some(sum) => Some(self.round_down(sum)),
            None => None,
        }
    }

    /// Returns how many granules hold `bytes` bytes, rounded up; `None` when so many granules
    /// would hold more than `u64::MAX` bytes.
    #[must_use]
    pub const fn count_for(self, bytes: u64) -> Option<u64> {
        match self.round_up(bytes) {
            Some(rounded) => Some(rounded >> self.shift()),
            None => None,
        }
    }
}
