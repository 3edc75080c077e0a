//! `mseal`.

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::MemoryManager;
use crate::mapping::Mapping;
use crate::range::PAGE_SIZE;
use crate::vma::VmaFlags;

impl MemoryManager {
    /// Seals a range for good, as `mseal(2)`: it cannot be unmapped, moved, replaced or given other
    /// protections any more.
    ///
    /// # Errors
    /// `EINVAL` for flags, or a range that is not aligned or wraps; `ENOMEM` when a page is not
    /// mapped, and nothing is sealed then.
    pub fn mseal(&self, addr: Addr, len: u64, flags: u64) -> Result<(), Errno> {
        let addr = addr.untagged();
        if flags != 0 || !addr.is_page_aligned(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        let range = PAGE_SIZE.round_up(len).and_then(|len| addr.to_range(len));
        let range = crate::range::keys(range.ok_or(Errno::EINVAL)?);
        if range.is_empty() {
            return Ok(());
        }
        let mut mapping = self.mapping_mut();
        if mapping.vmas.span_in(range) < range.len() {
            return Err(Errno::ENOMEM);
        }
        if !mapping.may_cut(range) {
            return Err(Errno::ENOMEM);
        }
        mapping.edit(range, |vma| vma.flags.insert(VmaFlags::SEALED));
        Ok(())
    }
}

impl Mapping {
    /// Checks that nothing in `range` is sealed.
    ///
    /// # Errors
    /// `EPERM` when something is.
    pub(crate) fn check_unsealed(&self, range: KeyRange) -> Result<(), Errno> {
        let sealed = self.vmas.iter_in(range).any(|(_, vma)| vma.is_sealed());
        if sealed { Err(Errno::EPERM) } else { Ok(()) }
    }
}
