//! The program break.

use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, Errno};

use crate::MemoryManager;
use crate::layout::GUARD_GAP;
use crate::mapping::{MAX_VMAS, Mapping, guarded};
use crate::range::{HUGE, PAGE, PAGE_SIZE};
use crate::vma::{Vma, VmaFlags};

impl MemoryManager {
    /// Sets where the heap starts, above the program's image. There is no heap yet.
    ///
    /// # Errors
    /// `ENOMEM` when the address is not the program's.
    pub fn set_brk_base(&self, addr: Addr) -> Result<(), Errno> {
        if addr < self.layout.min || addr > self.layout.max {
            return Err(Errno::ENOMEM);
        }
        self.mapping_mut().brk = KeyRange::new(addr.get(), addr.get());
        Ok(())
    }

    /// Moves the program break, as `brk(2)`, and returns where it is; where it was, when the new
    /// place is refused.
    pub fn brk(&self, addr: Addr) -> Addr {
        let addr = addr.get();
        let mut mapping = self.mapping_mut();
        let Some((old, new)) = self.break_pages(&mapping, addr) else {
            return Addr::new(mapping.brk.end);
        };
        let moved = if new < old {
            // As in Linux, a heap that the program unmapped itself does not shrink.
            let gone = KeyRange::new(new, old);
            mapping.vmas.iter_in(gone).next().is_some()
                && self.try_unmap(&mut mapping, gone).is_ok()
        } else {
            new == old || self.grow_heap(&mut mapping, KeyRange::new(old, new)).is_ok()
        };
        if moved {
            mapping.brk.end = addr;
        }
        let (end, locked) = (mapping.brk.end, mapping.future_lock);
        drop(mapping);
        if moved && new > old {
            let grown = KeyRange::new(old, new);
            match locked == VmaFlags::LOCKED {
                true => self.populate(grown),
                false if grown.len() <= HUGE => self.show_early(grown),
                false => {}
            }
        }
        Addr::new(end)
    }

    /// Returns the page boundaries of the old and the new break.
    fn break_pages(&self, mapping: &Mapping, addr: u64) -> Option<(u64, u64)> {
        let brk = mapping.brk;
        if addr < brk.start || !self.limits.data.allows(addr - brk.start) {
            return None;
        }
        Some((PAGE_SIZE.round_up(brk.end)?, PAGE_SIZE.round_up(addr)?))
    }

    fn grow_heap(&self, mapping: &mut Mapping, range: KeyRange) -> Result<(), Errno> {
        self.fixed_range(Addr::new(range.start), range.len())?;
        let locked = mapping.future_lock.contains(VmaFlags::LOCKED);
        if locked && !self.limits.may_lock_bytes(mapping.locked.saturating_add(range.len())) {
            return Err(Errno::EAGAIN);
        }
        // Linux keeps a page free above the heap, and the guard of a stack.
        let reach = range.end.saturating_add(PAGE);
        let next = mapping.vmas.at_or_after(range.start);
        if next.is_some_and(|(held, vma)| {
            held.start < reach.saturating_add(GUARD_GAP) && guarded(held, vma) < reach
        }) {
            return Err(Errno::ENOMEM);
        }
        if mapping.vmas.len() > MAX_VMAS {
            return Err(Errno::ENOMEM);
        }
        self.check_expansion(mapping, range.len(), true)?;
        mapping.charge(range.len(), 0)?;
        let flags = VmaFlags::PRIVATE | VmaFlags::ACCOUNT | mapping.future_lock;
        let flags = flags | mapping.modes.merging();
        let vma = Vma::new(None, 0, flags, AccessType::READ_WRITE, AccessType::ALL);
        mapping.insert(range, vma);
        Ok(())
    }
}
