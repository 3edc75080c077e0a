//! One piece of what a program asked for.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bitflags::bitflags;
use memmap::{MappableRange, MappedObject};
use rangeset::{KeyRange, Segment};
use static_assertions::const_assert;
use usermem_types::AccessType;

use crate::rare::Rare;

bitflags! {
    /// What, besides protections and object, must agree for two vmas to be one.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub(crate) struct VmaFlags: u32 {
        const PRIVATE = 1 << 0;
        const GROWSDOWN = 1 << 1;
        /// Counted as committed memory.
        const ACCOUNT = 1 << 2;
        const NORESERVE = 1 << 3;
        const LOCKED = 1 << 4;
        const LOCK_ON_FAULT = 1 << 5;
        const DONTFORK = 1 << 6;
        const WIPEONFORK = 1 << 7;
        const DONTDUMP = 1 << 8;
        const SEQUENTIAL = 1 << 9;
        const RANDOM = 1 << 10;
        const HUGEPAGE = 1 << 11;
        const NOHUGEPAGE = 1 << 12;
        const MERGEABLE = 1 << 13;
        const SEALED = 1 << 14;

        const LOCK_MASK = Self::LOCKED.bits() | Self::LOCK_ON_FAULT.bits();
    }
}

/// One piece of what a program asked for.
#[derive(Debug)]
pub(crate) struct Vma {
    /// What is mapped; `None` for anonymous private memory.
    pub(crate) object: Option<MappedObject>,
    /// The offset of the first byte in the object; zero without one.
    pub(crate) offset: u64,
    /// Where the last copy of pages ended, and its size: a hint that follows no lock.
    last_copy: AtomicU64,
    /// What few vmas have.
    rare: Option<Arc<Rare>>,
    pub(crate) flags: VmaFlags,
    /// The protections that the program asked for.
    pub(crate) real: AccessType,
    /// What it can ask for at most.
    pub(crate) max: AccessType,
}

// Programs may have 65530 of them.
const_assert!(size_of::<Vma>() <= 64);

impl Vma {
    pub(crate) fn new(
        object: Option<MappedObject>,
        offset: u64,
        flags: VmaFlags,
        real: AccessType,
        max: AccessType,
    ) -> Self {
        let last_copy = AtomicU64::new(0);
        Self { object, offset, last_copy, rare: None, flags, real, max: max.effective() }
    }

    /// Returns a vma with the same attributes for another place, where `offset` is shown first.
    pub(crate) fn copy_at(&self, offset: u64) -> Self {
        let copy = Self::new(self.object.clone(), offset, self.flags, self.real, self.max);
        Self { rare: self.rare.clone(), ..copy }
    }

    /// Returns what few vmas have.
    pub(crate) fn rare(&self) -> &Rare {
        self.rare.as_deref().unwrap_or(&Rare::NONE)
    }

    /// Sets what few vmas have.
    pub(crate) fn set_rare(&mut self, rare: Rare) {
        self.rare = (rare != Rare::NONE).then(|| Arc::new(rare));
    }

    /// Returns what the protections allow in effect.
    pub(crate) fn effective(&self) -> AccessType {
        self.real.effective()
    }

    pub(crate) fn is_private(&self) -> bool {
        self.flags.contains(VmaFlags::PRIVATE)
    }

    pub(crate) fn is_locked(&self) -> bool {
        self.flags.contains(VmaFlags::LOCKED)
    }

    /// Returns whether pages are locked and made present at once.
    pub(crate) fn is_locked_eagerly(&self) -> bool {
        self.flags & VmaFlags::LOCK_MASK == VmaFlags::LOCKED
    }

    pub(crate) fn grows_down(&self) -> bool {
        self.flags.contains(VmaFlags::GROWSDOWN)
    }

    pub(crate) fn is_sealed(&self) -> bool {
        self.flags.contains(VmaFlags::SEALED)
    }

    /// Returns whether a seal forbids advice, which `discards` contents or not: those of anonymous
    /// memory that the program could not overwrite.
    pub(crate) fn is_sealed_against(&self, discards: bool) -> bool {
        discards && self.is_sealed() && self.object.is_none() && !self.real.write()
    }

    /// Returns whether the vma counts as data: private, writable, and no stack.
    pub(crate) fn is_data(&self) -> bool {
        is_data(self.flags, self.real)
    }

    /// Returns whether the object may be written through this vma, now or after an mprotect.
    pub(crate) fn may_write_object(&self) -> bool {
        !self.is_private() && self.max.write()
    }

    /// Returns what of the object `part` shows, in a vma of `range`.
    pub(crate) fn offsets(&self, range: KeyRange, part: KeyRange) -> MappableRange {
        crate::range::offsets(part, range.start, self.offset)
    }

    /// Returns the offset that a vma of `range` shows at `at`; zero for anonymous memory.
    pub(crate) fn offset_at(&self, range: KeyRange, at: u64) -> u64 {
        if self.object.is_some() { self.offset + (at - range.start) } else { 0 }
    }

    /// Returns the hint that the last copy left; zero when there was none.
    pub(crate) fn last_copy(&self) -> u64 {
        self.last_copy.load(Ordering::Relaxed)
    }

    /// Leaves a hint for the next copy.
    pub(crate) fn set_last_copy(&self, hint: u64) {
        self.last_copy.store(hint, Ordering::Relaxed);
    }
}

/// Returns whether a mapping of these attributes counts as data.
pub(crate) fn is_data(flags: VmaFlags, real: AccessType) -> bool {
    real.write() && flags & (VmaFlags::PRIVATE | VmaFlags::GROWSDOWN) == VmaFlags::PRIVATE
}

/// Returns whether a mapping of these attributes is counted as committed. As where Linux never
/// overcommits, `MAP_NORESERVE` changes nothing.
pub(crate) fn is_accountable(flags: VmaFlags, real: AccessType) -> bool {
    real.write() && flags.contains(VmaFlags::PRIVATE)
}

impl Segment for Vma {
    fn can_merge(&self, range: KeyRange, next: &Self, _: KeyRange) -> bool {
        self.flags == next.flags
            && self.real == next.real
            && self.max == next.max
            && self.rare == next.rare
            && match (&self.object, &next.object) {
                (None, None) => true,
                (Some(this), Some(that)) => {
                    self.offset.checked_add(range.len()) == Some(next.offset)
                        && Arc::ptr_eq(&this.mappable, &that.mappable)
                        && Arc::ptr_eq(&this.identity, &that.identity)
                        && this.identity.attachment_len().is_none()
                }
                _ => false,
            }
    }

    fn merge(&mut self, _: KeyRange, next: Self, _: KeyRange) {
        // The references of `next` are never the last ones: this vma holds the same.
        let last_copy = self.last_copy.get_mut();
        if *last_copy == 0 {
            *last_copy = next.last_copy.into_inner();
        }
    }

    fn split_off(&mut self, range: KeyRange, at: u64) -> Self {
        let upper = self.copy_at(self.offset_at(range, at));
        let last_copy = *self.last_copy.get_mut();
        upper.last_copy.store(last_copy, Ordering::Relaxed);
        upper
    }
}
