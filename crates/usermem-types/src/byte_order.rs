//! In which order the bytes of an integer lie in memory.

use core::fmt;

/// The order of the bytes of an integer in application memory.
///
/// Displays as Linux writes it in `/sys/kernel/cpu_byteorder`.
///
/// ```
/// use usermem_types::ByteOrder;
/// assert_eq!(ByteOrder::Little.to_string(), "little");
/// assert_eq!(ByteOrder::NATIVE == ByteOrder::Little, 1u16.to_ne_bytes() == [1, 0]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ByteOrder {
    /// The lowest byte first: every supported architecture.
    Little,
    /// The highest byte first.
    Big,
}

impl ByteOrder {
    /// The order of the machine that this is compiled for.
    pub const NATIVE: Self = if cfg!(target_endian = "little") { Self::Little } else { Self::Big };

    /// Returns the name of the order: `little` or `big`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Little => "little",
            Self::Big => "big",
        }
    }
}

impl fmt::Display for ByteOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
