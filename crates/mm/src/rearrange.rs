//! `remap_file_pages`: another part of an object in place of one.

use std::sync::Arc;

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::mapping::Mapping;
use crate::range::PAGE;
use crate::vma::Vma;
use crate::{MemoryManager, MmapFlags, MmapRequest};

impl MemoryManager {
    /// Shows pages of a shared object from page `first` on in place of others, as
    /// `remap_file_pages(2)`: by a new mapping, as Linux does.
    ///
    /// # Errors
    /// `EINVAL` for protections, a range that wraps or that is not of one object mapped shared and
    /// writable; those of `mmap(2)`.
    pub fn remap_file_pages(
        &self,
        addr: Addr,
        len: u64,
        prot: u64,
        first: u64,
        flags: u64,
    ) -> Result<(), Errno> {
        let (start, len) = (addr.get() & !(PAGE - 1), len & !(PAGE - 1));
        let end = start.checked_add(len).filter(|end| *end > start).ok_or(Errno::EINVAL)?;
        if prot != 0 || first.checked_add(len / PAGE).is_none() {
            return Err(Errno::EINVAL);
        }
        let mapping = self.mapping.read();
        let vma = one_object(&mapping, KeyRange::new(start, end)).ok_or(Errno::EINVAL)?;
        let mut mmap_flags = MmapFlags::SHARED | MmapFlags::FIXED | MmapFlags::POPULATE;
        mmap_flags |= MmapFlags::from_bits_retain(flags as u32) & MmapFlags::NONBLOCK;
        mmap_flags.set(MmapFlags::LOCKED, vma.is_locked());
        let request = MmapRequest {
            addr: Addr::new(start),
            len,
            access: vma.real,
            max_access: vma.max,
            flags: mmap_flags,
            // Past every object, as in Linux, when the number of the page is.
            offset: first.checked_mul(PAGE).ok_or(Errno::EOVERFLOW)?,
            object: vma.object.clone(),
        };
        drop(mapping);
        self.mmap(request).map(|_| ())
    }
}

/// Returns the first of the vmas that cover a range, when all are of one object and alike.
fn one_object(mapping: &Mapping, range: KeyRange) -> Option<&Vma> {
    let (_, first) = mapping.vmas.get(range.start)?;
    let object = first.object.as_ref().filter(|_| first.may_write_object())?;
    let is_alike = |vma: &Vma| {
        vma.flags == first.flags
            && vma.real == first.real
            && vma.max == first.max
            && vma.object.as_ref().is_some_and(|other| {
                Arc::ptr_eq(&object.mappable, &other.mappable)
                    && Arc::ptr_eq(&object.identity, &other.identity)
            })
    };
    let all_alike = mapping.vmas.iter_in(range).all(|(_, vma)| is_alike(vma));
    (all_alike && mapping.vmas.span_in(range) == range.len()).then_some(first)
}
