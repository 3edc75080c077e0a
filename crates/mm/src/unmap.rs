//! `munmap`.

use std::ops::DerefMut;

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::MemoryManager;
use crate::active::Detached;
use crate::mapping::{MAX_VMAS, Mapping};
use crate::range::{PAGE_SIZE, addrs};

impl MemoryManager {
    /// Unmaps a range, as `munmap(2)`.
    ///
    /// # Errors
    /// `EINVAL` for a bad range; `ENOMEM` when cutting a mapping would give too many.
    pub fn munmap(&self, addr: Addr, len: u64) -> Result<(), Errno> {
        let range = self.unmappable_range(addr, len)?;
        let mut mapping = self.mapping_mut();
        self.try_unmap(&mut mapping, range)
    }

    fn unmappable_range(&self, addr: Addr, len: u64) -> Result<KeyRange, Errno> {
        let addr = addr.untagged();
        let len = PAGE_SIZE.round_up(len).filter(|len| *len > 0).ok_or(Errno::EINVAL)?;
        let range = addr.to_range(len).filter(|range| range.end() <= self.layout.limit);
        match range {
            Some(range) if addr.is_page_aligned(PAGE_SIZE) => Ok(crate::range::keys(range)),
            _ => Err(Errno::EINVAL),
        }
    }

    /// Removes everything inside `range`, unless that is forbidden.
    ///
    /// # Errors
    /// `ENOMEM` when it would make too many mappings, `EPERM` when something is sealed.
    pub(crate) fn try_unmap(&self, mapping: &mut Mapping, range: KeyRange) -> Result<(), Errno> {
        // One search, for what is looked at here and removed below.
        mapping.vmas.seek(range.start);
        // As `check_hole` and `check_unsealed`.
        let mut is_empty = true;
        for (held, vma) in mapping.vmas.iter_in(range) {
            if is_hole(held, range) && mapping.vmas.len() >= MAX_VMAS {
                return Err(Errno::ENOMEM);
            }
            if vma.is_sealed() {
                return Err(Errno::EPERM);
            }
            is_empty = false;
        }
        if is_empty {
            return Ok(());
        }
        self.drop_pages(range);
        self.remove_vmas(mapping, range);
        Ok(())
    }

    /// Removes everything inside `range`: the address space forgets the pages, then they are given
    /// back, then objects are told that they are not mapped any more.
    pub(crate) fn unmap_range(&self, mapping: &mut Mapping, range: KeyRange) {
        if mapping.vmas.overlaps(range) {
            self.drop_pages(range);
            self.remove_vmas(mapping, range);
        }
    }

    /// Drops every pma inside `range`; the next access finds anonymous memory zeroed and objects
    /// as they are.
    pub(crate) fn drop_pages(&self, range: KeyRange) {
        // What was never touched has none, which is found out without stopping who reads.
        if self.active.fast_read().is_some_and(|active| !active.pmas.overlaps(range)) {
            return;
        }
        let mut detached = Detached::new(&*self.space);
        self.active.write().remove(range, |_| true, &mut detached);
    }

    /// Removes the vmas inside `range`, which holds no pmas.
    pub(crate) fn remove_vmas(
        &self,
        mut mapping: impl DerefMut<Target = Mapping>,
        range: KeyRange,
    ) {
        mapping.remove(range, |held, vma| {
            if let Some(object) = &vma.object {
                let writable = vma.may_write_object();
                object.mappable.remove_mapping(&self.me, addrs(held), vma.offset, writable);
            }
        });
    }
}

/// Checks that a hole inside a single vma would not make too many of them.
///
/// # Errors
/// `ENOMEM` when it would.
pub(crate) fn check_hole(mapping: &Mapping, range: KeyRange) -> Result<(), Errno> {
    let is_hole = || mapping.vmas.get(range.start).is_some_and(|(held, _)| is_hole(held, range));
    if mapping.vmas.len() >= MAX_VMAS && is_hole() {
        return Err(Errno::ENOMEM);
    }
    Ok(())
}

/// Returns whether `range` leaves something of `held` on both sides.
fn is_hole(held: KeyRange, range: KeyRange) -> bool {
    held.start < range.start && range.end < held.end
}
