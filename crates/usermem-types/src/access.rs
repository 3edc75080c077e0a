//! Which kinds of access are asked for or allowed.

use core::fmt;

/// A set of the accesses read, write and execute.
///
/// Displays as exactly three characters, `rwx` with `-` for what is missing.
///
/// ```
/// use usermem_types::AccessType;
/// assert_eq!(AccessType::WRITE.effective().to_string(), "rw-");
/// assert!(AccessType::READ_WRITE.superset_of(AccessType::WRITE));
/// assert!(!AccessType::ALL.without(AccessType::EXECUTE).execute());
/// assert_eq!(AccessType::READ_EXECUTE.prot(), 1 | 4);
/// ```
#[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct AccessType(u8);

impl AccessType {
    /// No access.
    pub const NONE: Self = Self(0);
    /// Reading.
    pub const READ: Self = Self(1);
    /// Writing.
    pub const WRITE: Self = Self(2);
    /// Executing.
    pub const EXECUTE: Self = Self(4);
    /// Reading and writing.
    pub const READ_WRITE: Self = Self(3);
    /// Reading and executing.
    pub const READ_EXECUTE: Self = Self(5);
    /// All three.
    pub const ALL: Self = Self(7);

    /// Creates a set from `PROT_READ` (1), `PROT_WRITE` (2) and `PROT_EXEC` (4); other bits are
    /// dropped.
    #[must_use]
    pub const fn from_prot(prot: u32) -> Self {
        Self((prot & 7) as u8)
    }

    /// Returns the `PROT_*` bits of `mmap(2)`.
    #[must_use]
    pub const fn prot(self) -> u32 {
        self.0 as u32
    }

    /// Returns whether at least one access is in the set.
    #[must_use]
    pub const fn any(self) -> bool {
        self.0 != 0
    }

    /// Returns whether reading is in the set.
    #[must_use]
    pub const fn read(self) -> bool {
        self.0 & Self::READ.0 != 0
    }

    /// Returns whether writing is in the set.
    #[must_use]
    pub const fn write(self) -> bool {
        self.0 & Self::WRITE.0 != 0
    }

    /// Returns whether executing is in the set.
    #[must_use]
    pub const fn execute(self) -> bool {
        self.0 & Self::EXECUTE.0 != 0
    }

    /// Returns whether every access of `other` is in the set.
    #[must_use]
    pub const fn superset_of(self, other: Self) -> bool {
        self.0 & other.0 == other.0
    }

    /// Returns the accesses in both sets.
    #[must_use]
    pub const fn intersect(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// Returns the accesses in either set.
    #[must_use]
    pub const fn union(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// Returns the accesses of this set that are not in `other`.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Returns what the set allows in effect: writing or executing implies reading, as on the
    /// hardware.
    #[must_use]
    pub const fn effective(self) -> Self {
        if self.0 & (Self::WRITE.0 | Self::EXECUTE.0) != 0 {
            Self(self.0 | Self::READ.0)
        } else {
            self
        }
    }

    /// Decodes an aarch64 fault syndrome (`ESR_EL1`): an instruction abort from a lower level is
    /// an execute; a data abort from a lower level is a write when its write bit is set and its
    /// cache-maintenance bit is clear, otherwise a read; anything else is [`AccessType::NONE`].
    #[must_use]
    pub const fn from_fault_syndrome(esr: u64) -> Self {
        const INSTRUCTION_ABORT_LOWER: u64 = 0x20;
        const DATA_ABORT_LOWER: u64 = 0x24;
        const WRITE_NOT_READ: u64 = 1 << 6;
        const CACHE_MAINTENANCE: u64 = 1 << 8;
        match (esr >> 26) & 0x3f {
            INSTRUCTION_ABORT_LOWER => Self::EXECUTE,
            DATA_ABORT_LOWER if esr & WRITE_NOT_READ != 0 && esr & CACHE_MAINTENANCE == 0 => {
                Self::WRITE
            }
            DATA_ABORT_LOWER => Self::READ,
            _ => Self::NONE,
        }
    }
}

impl fmt::Display for AccessType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.read() { "r" } else { "-" })?;
        f.write_str(if self.write() { "w" } else { "-" })?;
        f.write_str(if self.execute() { "x" } else { "-" })
    }
}

impl fmt::Debug for AccessType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
