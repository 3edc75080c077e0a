//! Stacks and how they grow.

use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use crate::MemoryManager;
use crate::layout::GUARD_GAP;
use crate::range::{PAGE, PAGE_SIZE, addrs};
use crate::vma::{Vma, VmaFlags, is_data};

/// Bytes of stack that a program starts with: what Linux maps besides the arguments' first page.
const INITIAL: u64 = 33 * PAGE;

impl MemoryManager {
    /// Maps the first thread's stack at the top of the address space; it grows on its own.
    ///
    /// # Errors
    /// `ENOMEM` when the limits do not allow it, `EEXIST` when something is there.
    pub fn map_stack(&self) -> Result<AddrRange, Errno> {
        let end = self.layout.stack_top.get();
        let limit = PAGE_SIZE.round_down(self.limits.stack.get());
        let len = INITIAL.min(limit);
        let mut mapping = self.mapping_mut();
        let start = end.checked_sub(len).filter(|_| len > 0).ok_or(Errno::ENOMEM)?;
        let range = KeyRange::new(start, end);
        if mapping.vmas.iter_in(range).next().is_some() {
            return Err(Errno::EEXIST);
        }
        let flags = VmaFlags::PRIVATE | VmaFlags::GROWSDOWN | VmaFlags::ACCOUNT;
        let flags = flags | mapping.future_lock;
        self.check_expansion(&mapping, len, false)?;
        mapping.charge(len, 0)?;
        let vma = Vma::new(None, 0, flags, AccessType::READ_WRITE, AccessType::ALL);
        mapping.insert(range, vma);
        mapping.stack = end - 1;
        Ok(addrs(range))
    }

    /// Extends the mapping above `addr` down to it, if it is one that grows; returns whether there
    /// is a mapping now.
    pub(crate) fn grow_stack(&self, addr: Addr) -> bool {
        let mut mapping = self.mapping_mut();
        let addr = PAGE_SIZE.round_down(addr.get());
        let Some((above, vma)) = mapping.vmas.at_or_after(addr) else { return false };
        if above.start <= addr {
            return true;
        }
        if !vma.grows_down() || addr < self.layout.min.get() {
            return false;
        }
        if let Some((below, neighbour)) = mapping.vmas.before(addr)
            && neighbour.effective().any()
            && !neighbour.grows_down()
            && addr - below.end < GUARD_GAP
        {
            return false;
        }
        let range = KeyRange::new(addr, above.start);
        let is_locked = vma.is_locked();
        let accounted = vma.flags.contains(VmaFlags::ACCOUNT);
        let grown = vma.copy_at(0);
        if !self.limits.stack.allows(above.end - addr)
            || is_locked && !self.limits.may_lock_bytes(mapping.locked.saturating_add(range.len()))
            || self
                .check_expansion(&mapping, range.len(), is_data(grown.flags, grown.real))
                .is_err()
            || accounted && mapping.charge(range.len(), 0).is_err()
        {
            return false;
        }
        mapping.insert(range, grown);
        true
    }
}
