//! The sizes that pages of application memory can have.

use crate::Granule;

/// The size of a page of application memory.
///
/// A parameter rather than a constant, so that one binary can serve hosts with 4, 16 or 64 KiB
/// pages. The rounding of plain numbers to whole pages is repeated here from [`Granule`];
/// [`PageSize::huge`] has it for huge pages. A `usize` converts to the `u64` that is asked for
/// without loss.
///
/// ```
/// use usermem_types::PageSize;
/// let page = PageSize::K4;
/// assert_eq!((page.round_down(0x1fff), page.round_up(0x1001)), (0x1000, Some(0x2000)));
/// assert_eq!(page.round_up(u64::MAX), None);
/// assert_eq!(page.pages_for([0u8; 5000].len() as u64), Some(2));
/// assert_eq!(page.huge().bytes(), 2 << 20);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum PageSize {
    /// 4 KiB pages, 2 MiB huge pages: every x86-64, most aarch64.
    K4,
    /// 16 KiB pages, 32 MiB huge pages: some aarch64.
    K16,
    /// 64 KiB pages, 512 MiB huge pages: some aarch64.
    K64,
}

const _: () = assert!(usize::BITS <= u64::BITS, "a usize converts to u64 without loss");

impl PageSize {
    /// Every size, ascending.
    pub const ALL: [Self; 3] = [Self::K4, Self::K16, Self::K64];

    /// Returns the page size of a number of bytes, as a host states it; `None` when application
    /// memory has no such pages.
    #[must_use]
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            0x1000 => Some(Self::K4),
            0x4000 => Some(Self::K16),
            0x1_0000 => Some(Self::K64),
            _ => None,
        }
    }

    /// Returns a page as what values are rounded to.
    #[must_use]
    pub const fn page(self) -> Granule {
        match self {
            Self::K4 => Granule::from_shift(12),
            Self::K16 => Granule::from_shift(14),
            Self::K64 => Granule::from_shift(16),
        }
    }

    /// Returns a huge page as what values are rounded to.
    ///
    /// A huge page is what one full page of eight-byte table entries maps: its shift is
    /// `shift + (shift - 3)`.
    #[must_use]
    pub const fn huge(self) -> Granule {
        Granule::from_shift(self.shift() + (self.shift() - 3))
    }

    /// Returns the number of low bits that are the offset into a page.
    #[must_use]
    pub const fn shift(self) -> u32 {
        self.page().shift()
    }

    /// Returns the number of bytes in a page.
    #[must_use]
    pub const fn bytes(self) -> u64 {
        self.page().bytes()
    }

    /// Returns the number of bytes in a huge page.
    #[must_use]
    pub const fn huge_bytes(self) -> u64 {
        self.huge().bytes()
    }

    /// Returns the bits of an address that are its offset into a page.
    #[must_use]
    pub const fn mask(self) -> u64 {
        self.page().mask()
    }

    /// Returns the low bits of a value: its offset into the page that holds it.
    #[must_use]
    pub const fn offset(self, value: u64) -> u64 {
        self.page().offset(value)
    }

    /// Returns whether a value is a multiple of the page size.
    #[must_use]
    pub const fn is_aligned(self, value: u64) -> bool {
        self.page().is_aligned(value)
    }

    /// Rounds a value down to the start of its page.
    #[must_use]
    pub const fn round_down(self, value: u64) -> u64 {
        self.page().round_down(value)
    }

    /// Rounds a value up to the next page boundary, or to itself when it is one; `None` when
    /// that would exceed `u64::MAX`.
    #[must_use]
    pub const fn round_up(self, value: u64) -> Option<u64> {
        self.page().round_up(value)
    }

    /// Returns how many pages hold `bytes` bytes, rounded up; `None` when so many pages would
    /// hold more than `u64::MAX` bytes.
    #[must_use]
    pub const fn pages_for(self, bytes: u64) -> Option<u64> {
        self.page().count_for(bytes)
    }
}

impl From<PageSize> for Granule {
    #[inline]
    fn from(size: PageSize) -> Self {
        size.page()
    }
}
