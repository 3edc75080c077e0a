//! The numbers that programs pass.

use bitflags::bitflags;

bitflags! {
    /// Flags of `mmap(2)`, with Linux's values on x86-64.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct MmapFlags: u32 {
        /// Changes are seen by everyone who maps the object.
        const SHARED = 0x1;
        /// Changes are this program's own.
        const PRIVATE = 0x2;
        /// As `SHARED`, and unknown flags are errors.
        const SHARED_VALIDATE = 0x3;
        /// Exactly at the address, replacing what is there.
        const FIXED = 0x10;
        /// No object: zeroed memory.
        const ANONYMOUS = 0x20;
        /// Below 2 GiB.
        const BITS_32 = 0x40;
        /// Extends downwards when the program touches what lies below.
        const GROWSDOWN = 0x100;
        /// Locked in memory.
        const LOCKED = 0x2000;
        /// Not counted as committed.
        const NORESERVE = 0x4000;
        /// Make all pages present.
        const POPULATE = 0x8000;
        /// Do not block while populating.
        const NONBLOCK = 0x1_0000;
        /// Will hold a stack.
        const STACK = 0x2_0000;
        /// Huge pages.
        const HUGETLB = 0x4_0000;
        /// Synchronous page faults (DAX).
        const SYNC = 0x8_0000;
        /// Exactly at the address, which must be free.
        const FIXED_NOREPLACE = 0x10_0000;
        /// Any other bit.
        const _ = !0;
    }
}

impl MmapFlags {
    /// The bits that say shared or private.
    pub(crate) const TYPE: u32 = 0xf;
    /// What `SHARED_VALIDATE` accepts: every flag that was known when it was introduced.
    pub(crate) const VALIDATED: u32 = Self::TYPE
        | 0x10
        | 0x20
        | 0x40
        | 0x100
        | 0x800
        | 0x1000
        | 0x2000
        | 0x4000
        | 0x8000
        | 0x1_0000
        | 0x2_0000
        | 0x4_0000
        | 0x3f << 26;
}

/// `PROT_SEM`, which does nothing.
pub(crate) const PROT_SEM: u32 = 0x8;
/// `PROT_GROWSDOWN`.
pub(crate) const PROT_GROWSDOWN: u32 = 0x0100_0000;
/// `PROT_GROWSUP`.
pub(crate) const PROT_GROWSUP: u32 = 0x0200_0000;

/// `MREMAP_MAYMOVE`.
pub(crate) const MREMAP_MAYMOVE: u32 = 1;
/// `MREMAP_FIXED`.
pub(crate) const MREMAP_FIXED: u32 = 2;
/// `MREMAP_DONTUNMAP`.
pub(crate) const MREMAP_DONTUNMAP: u32 = 4;
