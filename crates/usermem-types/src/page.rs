//! Page sizes and the rounding that goes with them.

/// Bytes in a cache line on every supported architecture.
pub const CACHE_LINE: u64 = 64;

/// Bytes in a jumbo page, the largest page of every supported architecture with 4 KiB pages.
pub const JUMBO_PAGE: u64 = 1 << 30;

/// The size of a page of application memory.
///
/// A parameter rather than a constant, so that one binary can serve hosts with 4, 16 or 64 KiB
/// pages. A huge page is one full page of eight-byte table entries: its shift is
/// `shift + (shift - 3)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageSize {
    /// 4 KiB pages, 2 MiB huge pages: every x86-64, most aarch64.
    K4,
    /// 16 KiB pages, 32 MiB huge pages: some aarch64.
    K16,
    /// 64 KiB pages, 512 MiB huge pages: some aarch64.
    K64,
}

impl PageSize {
    /// Returns the number of low bits that are the offset into a page.
    #[must_use]
    pub const fn shift(self) -> u32 {
        match self {
            Self::K4 => 12,
            Self::K16 => 14,
            Self::K64 => 16,
        }
    }

    /// Returns the number of bytes in a page.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        1 << self.shift()
    }

    /// Returns the number of low bits that are the offset into a huge page.
    #[must_use]
    pub const fn huge_shift(self) -> u32 {
        self.shift() + (self.shift() - 3)
    }

    /// Returns the number of bytes in a huge page.
    #[must_use]
    pub const fn huge_bytes(self) -> u64 {
        1 << self.huge_shift()
    }

    /// Returns the bits of an address that are its offset into a page.
    #[must_use]
    pub const fn mask(self) -> u64 {
        self.bytes() - 1
    }

    /// Returns the bits of an address that are its offset into a huge page.
    #[must_use]
    pub const fn huge_mask(self) -> u64 {
        self.huge_bytes() - 1
    }

    /// Returns the low bits of a value: its offset into the page that holds it.
    #[must_use]
    pub const fn offset(self, value: u64) -> u64 {
        value & self.mask()
    }

    /// Rounds a value down to the start of its page.
    #[must_use]
    pub const fn round_down(self, value: u64) -> u64 {
        value & !self.mask()
    }

    /// Rounds a value up to the next page boundary, or to itself when it is one; `None` when
    /// that would exceed `u64::MAX`.
    #[must_use]
    pub const fn round_up(self, value: u64) -> Option<u64> {
        match value.checked_add(self.mask()) {
            Some(sum) => Some(self.round_down(sum)),
            None => None,
        }
    }

    /// Returns whether a value is a multiple of the page size.
    #[must_use]
    pub const fn is_aligned(self, value: u64) -> bool {
        self.offset(value) == 0
    }

    /// Returns how many pages hold `bytes` bytes, rounded up; `None` when rounding overflows.
    #[must_use]
    pub const fn pages_for(self, bytes: u64) -> Option<u64> {
        match self.round_up(bytes) {
            Some(rounded) => Some(rounded >> self.shift()),
            None => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn huge_pages_are_one_table_of_entries() {
        assert_eq!(PageSize::K4.huge_bytes(), 2 << 20);
        assert_eq!(PageSize::K16.huge_bytes(), 32 << 20);
        assert_eq!(PageSize::K64.huge_bytes(), 512 << 20);
    }

    #[test]
    fn rounding_up_refuses_to_wrap() {
        assert_eq!(PageSize::K4.round_up(0), Some(0));
        assert_eq!(PageSize::K4.round_up(1), Some(4096));
        assert_eq!(PageSize::K4.round_up(4096), Some(4096));
        assert_eq!(PageSize::K4.round_up(u64::MAX - 4095), Some(u64::MAX - 4095));
        assert_eq!(PageSize::K4.round_up(u64::MAX - 4094), None);
    }

    #[test]
    fn pages_for_counts_partial_pages() {
        assert_eq!(PageSize::K4.pages_for(0), Some(0));
        assert_eq!(PageSize::K4.pages_for(1), Some(1));
        assert_eq!(PageSize::K4.pages_for(u64::MAX - 4095), Some((1 << 52) - 1));
        assert_eq!(PageSize::K4.pages_for(u64::MAX - 4094), None);
    }
}
