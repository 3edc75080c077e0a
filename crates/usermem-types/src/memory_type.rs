//! How a CPU caches a mapping.

use core::fmt;

/// The caching behaviour of a mapping. Device memory needs another one than RAM; ordinary memory
/// is [`MemoryType::WriteBack`], the default.
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
        fmt::Debug::fmt(self, f)
    }
}
