//! `fork`: a copy of everything that a program has.

use std::sync::Arc;

use memmap::AddressSpace;
use rangeset::KeyRange;
use usermem_types::Errno;

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::mapping::Mapping;
use crate::pma::Pma;
use crate::range::addrs;
use crate::vma::{Vma, VmaFlags};

impl MemoryManager {
    /// Copies the memory for a child that runs in `space`, as `fork(2)`: shared mappings stay
    /// shared, and private pages are copied by whoever writes first.
    ///
    /// As in Linux, locks are not inherited, and `madvise` may have asked to leave mappings out
    /// or to empty them.
    ///
    /// # Errors
    /// `ENOMEM` when the copy cannot be charged; an object's reason to refuse a mapping;
    /// `EHWPOISON` when a pinned page cannot be read. Nothing of the child is left then.
    pub fn fork(&self, space: Arc<dyn AddressSpace>) -> Result<Arc<Self>, Errno> {
        let child = Self::with_layout(space, Arc::clone(&self.memory), self.layout);
        child.limits.copy_from(&self.limits);
        let mut detached = Detached::new(&*self.space);
        let mapping = self.mapping.read();
        child.active.write().capture_invalidations();
        let mut copy = child.mapping.write_of_child();
        copy.brk = mapping.brk;
        copy.stack = mapping.stack;
        copy.modes = mapping.modes.of_child();
        child.copy_vmas(&mapping, &mut copy)?;
        let mut active = self.active.write();
        let mut child_active = child.active.write_of_child();
        let shared = self.share_pages(&copy, &mut active, &mut child_active, &mut detached);
        // Before anyone copies a page, and when the child does not come to be as well: what another
        // thread of the parent wrote to it afterwards would be lost to the parent, and the child
        // would see it.
        drop(detached);
        shared?;
        child_active.replay_invalidations(&*child.space);
        drop((child_active, copy));
        Ok(child)
    }

    /// Fills the empty mapping of a child.
    fn copy_vmas(&self, parent: &Mapping, copy: &mut Mapping) -> Result<(), Errno> {
        for (range, vma) in parent.vmas.iter() {
            if vma.flags.contains(VmaFlags::DONTFORK) {
                continue;
            }
            let mut vma = vma.copy_at(vma.offset);
            vma.flags.remove(VmaFlags::LOCK_MASK);
            if vma.flags.contains(VmaFlags::ACCOUNT) {
                copy.charge(range.len(), 0)?;
            }
            if let Some(object) = &vma.object {
                let writable = vma.may_write_object();
                object.mappable.add_mapping(&self.me, addrs(range), vma.offset, writable)?;
            }
            let wipes = vma.flags.contains(VmaFlags::WIPEONFORK);
            copy.insert_apart(range, vma);
            if !wipes {
                copy.guards.copy_from(&parent.guards, range);
            }
        }
        Ok(())
    }

    /// Gives the child of a fork the private pages of its parent, which neither may write any more
    /// without copying them; and copies of those that are pinned.
    fn share_pages(
        &self,
        mapping: &Mapping,
        parent: &mut Active,
        child: &mut Active,
        detached: &mut Detached<'_>,
    ) -> Result<(), Errno> {
        let any_pinned = !self.pinned.is_empty();
        for (range, vma) in mapping.vmas.iter() {
            if vma.flags.contains(VmaFlags::WIPEONFORK) {
                continue;
            }
            let mut start = range.start;
            if any_pinned {
                for copied in self.copy_pinned_pages((range, vma), parent, child)? {
                    share_range(KeyRange::new(start, copied.start), vma, parent, child, detached);
                    start = copied.end;
                }
            }
            share_range(KeyRange::new(start, range.end), vma, parent, child, detached);
        }
        Ok(())
    }
}

/// Lets parent and child share the private pages of `range`, a part of one vma.
fn share_range(
    range: KeyRange,
    vma: &Vma,
    parent: &mut Active,
    child: &mut Active,
    detached: &mut Detached<'_>,
) {
    let mut shared: Vec<(KeyRange, Pma)> = Vec::new();
    parent.pmas.edit(range, |held, pma| {
        if !pma.private {
            return;
        }
        if pma.effective.write() {
            detached.stale(held);
        }
        pma.need_cow = true;
        pma.set_accesses(vma);
        shared.push((held, Pma::private(pma.file.clone(), vma)));
    });
    for (held, mut pma) in shared {
        pma.need_cow = true;
        pma.set_accesses(vma);
        child.insert(held, pma);
    }
}
