//! How a CPU caches a mapping.

use core::fmt;

/// The caching behaviour of a mapping.
///
/// Device memory needs another one than RAM; ordinary memory is [`MemoryType::WriteBack`], the
/// default. The value of each is the byte that is stored with mappings, and will not change.
///
/// ```
/// use usermem_types::MemoryType;
/// assert_eq!(MemoryType::default().to_string(), "WriteBack");
/// assert_eq!(MemoryType::from_raw(1).map(MemoryType::short_name), Some("WC"));
/// assert_eq!(MemoryType::from_raw(3), None);
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum MemoryType {
    /// Reads and writes are cached.
    #[default]
    WriteBack = 0,
    /// Writes are gathered and may be reordered; reads are not cached.
    WriteCombine = 1,
    /// Nothing is cached.
    Uncached = 2,
}

impl MemoryType {
    /// Every type, in the order of their values.
    pub const ALL: [Self; 3] = [Self::WriteBack, Self::WriteCombine, Self::Uncached];

    /// Returns the type of a value; `None` when no type has it.
    #[must_use]
    pub const fn from_raw(value: u8) -> Option<Self> {
        match value {
            0 => Some(Self::WriteBack),
            1 => Some(Self::WriteCombine),
            2 => Some(Self::Uncached),
            _ => None,
        }
    }

    /// Returns the long name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::WriteBack => "WriteBack",
            Self::WriteCombine => "WriteCombine",
            Self::Uncached => "Uncached",
        }
    }

    /// Returns the two-letter name.
    #[must_use]
    pub const fn short_name(self) -> &'static str {
        match self {
            Self::WriteBack => "WB",
            Self::WriteCombine => "WC",
            Self::Uncached => "UC",
        }
    }
}

impl fmt::Display for MemoryType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
