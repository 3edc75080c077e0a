//! One application virtual address.

use core::fmt;

use crate::{AddrRange, Granule};

/// An application virtual address.
///
/// Holding one proves nothing: the address may be unmapped, in the kernel's half or
/// non-canonical. It displays as `0x` and lower-case hexadecimal digits.
///
/// ```
/// use usermem_types::{Addr, PageSize};
/// let addr = Addr::new(0x1234);
/// assert_eq!(addr.checked_add(0x10), Some(Addr::new(0x1244)));
/// assert_eq!(addr.round_down(PageSize::K4), Addr::new(0x1000));
/// assert_eq!(addr.to_range(0xc).unwrap().to_string(), "[0x1234, 0x1240)");
/// assert_eq!(Addr::MAX.checked_add(1), None);
/// ```
///
/// It has no arithmetic operators, because every addition to an address that a program chose can
/// overflow:
///
/// ```compile_fail,E0369
/// # use usermem_types::Addr;
/// let next = Addr::new(0x1000) + 1;
/// ```
///
/// and it never converts to a pointer, because what it names is not memory of this process:
///
/// ```compile_fail,E0605
/// # use usermem_types::Addr;
/// let pointer = Addr::new(0x1000) as *const u8;
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct Addr(u64);

impl Addr {
    /// Address zero.
    pub const ZERO: Self = Self(0);
    /// The highest address.
    pub const MAX: Self = Self(u64::MAX);

    /// Creates an address from its value.
    #[must_use]
    pub const fn new(value: u64) -> Self {
        Self(value)
    }

    /// Returns the value of the address.
    #[must_use]
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Returns the address `len` bytes above; `None` when it would exceed [`Addr::MAX`].
    #[must_use]
    pub const fn checked_add(self, len: u64) -> Option<Self> {
        match self.0.checked_add(len) {
            Some(sum) => Some(Self(sum)),
            None => None,
        }
    }

    /// Returns the address `len` bytes below; `None` when it would be negative.
    #[must_use]
    pub const fn checked_sub(self, len: u64) -> Option<Self> {
        match self.0.checked_sub(len) {
            Some(difference) => Some(Self(difference)),
            None => None,
        }
    }

    /// Returns the address `len` bytes above, or [`Addr::MAX`].
    #[must_use]
    pub const fn saturating_add(self, len: u64) -> Self {
        Self(self.0.saturating_add(len))
    }

    /// Returns the range `[self, self + len)`; `None` when its end would exceed [`Addr::MAX`],
    /// so a range that ends exactly at 2^64 is refused.
    #[must_use]
    pub const fn to_range(self, len: u64) -> Option<AddrRange> {
        match self.checked_add(len) {
            Some(end) => AddrRange::new(self, end),
            None => None,
        }
    }

    /// Returns the start of the page, huge page or other granule that holds the address.
    #[must_use]
    pub fn round_down(self, granule: impl Into<Granule>) -> Self {
        Self(granule.into().round_down(self.0))
    }

    /// Returns the next boundary, or the address itself when it is one; `None` on overflow.
    #[must_use]
    pub fn round_up(self, granule: impl Into<Granule>) -> Option<Self> {
        granule.into().round_up(self.0).map(Self)
    }

    /// Returns the offset of the address into the page, huge page or other granule that holds it.
    #[must_use]
    pub fn offset_in(self, granule: impl Into<Granule>) -> u64 {
        granule.into().offset(self.0)
    }

    /// Returns whether the address is the start of a page, or of what else is given.
    #[must_use]
    pub fn is_page_aligned(self, page: impl Into<Granule>) -> bool {
        page.into().is_aligned(self.0)
    }

    /// Returns the address as one aligned to `N` bytes; `None` when it is not.
    #[must_use]
    pub const fn aligned<const N: u64>(self) -> Option<AlignedAddr<N>> {
        AlignedAddr::new(self)
    }

    /// Removes the tag of an address: on aarch64, where the top byte is ignored, the address is
    /// sign-extended from bit 55; elsewhere it is returned as it is.
    #[must_use]
    pub const fn untagged(self) -> Self {
        if cfg!(target_arch = "aarch64") { Self(without_top_byte(self.0)) } else { self }
    }
}

/// Returns a value with bit 55 in place of the eight bits above it.
const fn without_top_byte(value: u64) -> u64 {
    (((value << 8) as i64) >> 8) as u64
}

impl fmt::Display for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

impl fmt::Debug for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl fmt::LowerHex for Addr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::LowerHex::fmt(&self.0, f)
    }
}

/// An address that is a multiple of `N` bytes.
///
/// Atomics take this instead of an [`Addr`], so that alignment is checked once, where the address
/// enters, and an access never crosses a page.
///
/// ```
/// use usermem_types::Addr;
/// assert!(Addr::new(0x1004).aligned::<4>().is_some());
/// assert!(Addr::new(0x1002).aligned::<4>().is_none());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(transparent)]
pub struct AlignedAddr<const N: u64>(Addr);

impl<const N: u64> AlignedAddr<N> {
    /// Creates an aligned address; `None` when `addr` is not a multiple of `N`.
    #[must_use]
    pub const fn new(addr: Addr) -> Option<Self> {
        const { assert!(N.is_power_of_two()) };
        if addr.0 & (N - 1) == 0 { Some(Self(addr)) } else { None }
    }

    /// Returns the address.
    #[must_use]
    pub const fn addr(self) -> Addr {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_byte_is_replaced_by_bit_55() {
        for (tagged, plain) in [
            (0x0000_7fff_ffff_f000, 0x0000_7fff_ffff_f000),
            (0x5a00_7fff_ffff_f000, 0x0000_7fff_ffff_f000),
            (0xff00_0000_0000_0000, 0),
            (0x007f_ffff_ffff_ffff, 0x007f_ffff_ffff_ffff),
            (0x0080_0000_0000_0000, 0xff80_0000_0000_0000),
            (0x5aff_8000_0000_0000, 0xffff_8000_0000_0000),
            (u64::MAX, u64::MAX),
        ] {
            assert_eq!(without_top_byte(tagged), plain, "{tagged:#x}");
            assert_eq!(without_top_byte(plain), plain, "{plain:#x}");
        }
    }
}
