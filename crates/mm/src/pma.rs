//! One piece of what is there now.

use std::sync::Arc;

use memfile::MemoryFile;
use memmap::{FileRange, FileRef};
use rangeset::{KeyRange, Segment};
use usermem_types::AccessType;

use crate::vma::Vma;

/// One piece of address space whose pages are decided.
#[derive(Debug)]
pub(crate) struct Pma {
    /// The pages; as long as the range.
    pub(crate) file: FileRef,
    /// What the object allows to be done with them.
    pub(crate) translate: AccessType,
    /// What the program may do.
    pub(crate) effective: AccessType,
    /// What a debugger may do.
    pub(crate) max: AccessType,
    /// The pages are this memory manager's own, perhaps shared with those it forked.
    pub(crate) private: bool,
    /// A write must copy the pages first; no set of accesses here holds write.
    pub(crate) need_cow: bool,
    /// The pages are the memory file's.
    pub(crate) in_memory: bool,
    /// Those who obey the program's protections use the address space's own way.
    pub(crate) has_io: bool,
}

impl Pma {
    /// Creates the pma of pages that are only this memory manager's.
    pub(crate) fn private(file: FileRef, vma: &Vma) -> Self {
        Self {
            file,
            translate: AccessType::ALL,
            effective: vma.effective(),
            max: vma.max,
            private: true,
            need_cow: false,
            in_memory: true,
            has_io: false,
        }
    }

    /// Creates the pma of pages of the object that a vma maps, perhaps in the memory file.
    pub(crate) fn translated(
        file: FileRef,
        perms: AccessType,
        vma: &Vma,
        memory: &Arc<MemoryFile>,
    ) -> Self {
        let mut pma = Self {
            in_memory: std::ptr::addr_eq(Arc::as_ptr(file.file()), Arc::as_ptr(memory)),
            file,
            translate: perms,
            effective: AccessType::NONE,
            max: AccessType::NONE,
            private: false,
            need_cow: vma.is_private(),
            has_io: false,
        };
        pma.set_accesses(vma);
        pma
    }

    /// Derives what may be done from the vma.
    pub(crate) fn set_accesses(&mut self, vma: &Vma) {
        let withheld = if self.need_cow { AccessType::WRITE } else { AccessType::NONE };
        let allowed = self.translate.without(withheld);
        self.effective = vma.effective().intersect(allowed);
        self.max = vma.max.intersect(allowed);
    }

    /// Has the next write copy the pages, which are private.
    pub(crate) fn begin_cow(&mut self) {
        self.need_cow = true;
        self.effective = self.effective.without(AccessType::WRITE);
        self.max = self.max.without(AccessType::WRITE);
    }

    /// Returns whether these pages are the zeros that all share.
    pub(crate) fn is_zeros(&self, memory: &MemoryFile) -> bool {
        self.private && self.need_cow && memory.are_zeros(self.file.range())
    }

    /// Returns what may be done, by the program or regardless of its protections.
    pub(crate) fn accesses(&self, ignore_permissions: bool) -> AccessType {
        if ignore_permissions { self.max } else { self.effective }
    }

    /// Returns the pages of `part`, in a pma of `range`.
    pub(crate) fn pages(&self, range: KeyRange, part: KeyRange) -> FileRange {
        crate::range::file_part(self.file.range(), range.start, part)
    }
}

impl Segment for Pma {
    fn can_merge(&self, _: KeyRange, next: &Self, _: KeyRange) -> bool {
        self.file.range().end == next.file.range().start
            && self.translate == next.translate
            && self.effective == next.effective
            && self.max == next.max
            && self.private == next.private
            && self.need_cow == next.need_cow
            && self.in_memory == next.in_memory
            && Arc::ptr_eq(self.file.file(), next.file.file())
    }

    fn merge(&mut self, _: KeyRange, next: Self, _: KeyRange) {
        let merged = self.file.try_merge(next.file);
        assert!(merged.is_ok(), "our own invariant: merged pages are contiguous");
    }

    fn split_off(&mut self, range: KeyRange, at: u64) -> Self {
        Self { file: self.file.split_off(at - range.start), ..*self }
    }
}
