//! `fork`: a copy of everything that a program has.

use std::sync::Arc;

use memmap::{AddressSpace, File, FileRange, FileRef};
use rangeset::KeyRange;
use usermem_types::Errno;

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::mapping::Mapping;
use crate::pma::Pma;
use crate::range::{addrs, keys};
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
        let shared = self.share_pages(&mapping, &mut active, &mut child_active, &mut detached);
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
        let copied = || parent.vmas.iter().filter(|(_, vma)| is_copied(vma));
        let accounted = copied().filter(|(_, vma)| vma.flags.contains(VmaFlags::ACCOUNT));
        copy.charge(accounted.map(|(range, _)| range.len()).sum(), 0)?;
        for (range, vma) in copied() {
            let mut vma = vma.copy_at(vma.offset);
            vma.flags.remove(VmaFlags::LOCK_MASK);
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
        let mut rest = keys(self.space.user_range());
        let mut share_up_to = |unshared: KeyRange, parent: &mut Active, child: &mut Active| {
            share_range(KeyRange::new(rest.start, unshared.start), parent, child, detached);
            rest.start = unshared.end;
        };
        let any_pinned = !self.pinned.is_empty();
        for (range, vma) in mapping.vmas.iter() {
            if !is_copied(vma) || vma.flags.contains(VmaFlags::WIPEONFORK) {
                share_up_to(range, parent, child);
            } else if any_pinned {
                for copied in self.copy_pinned_pages((range, vma), parent, child)? {
                    share_up_to(copied, parent, child);
                }
            }
        }
        share_range(rest, parent, child, detached);
        child.note_peak();
        Ok(())
    }
}

/// Returns whether the child of a fork has a vma, too.
fn is_copied(vma: &Vma) -> bool {
    !vma.flags.contains(VmaFlags::DONTFORK)
}

/// Lets parent and child share the private pages of `range`, whatever vmas there are: what may be
/// done with a page follows from what might be done before.
fn share_range(
    range: KeyRange,
    parent: &mut Active,
    child: &mut Active,
    detached: &mut Detached<'_>,
) {
    if range.is_empty() {
        return;
    }
    let mut run: Option<(Arc<dyn File>, FileRange)> = None;
    let mut runs: Vec<FileRef> = Vec::new();
    // What the address space must forget, with nothing in between that it may go on to show.
    let mut stale: Option<KeyRange> = None;
    parent.pmas.edit(range, |held, pma| {
        let is_stale = pma.private && pma.effective.write();
        if is_stale {
            stale = Some(KeyRange::new(stale.map_or(held.start, |stale| stale.start), held.end));
        } else if let Some(stale) = stale.take_if(|_| pma.effective.any()) {
            detached.stale(stale);
        }
        if pma.private {
            pma.begin_cow();
            // Pages next to each other are counted together.
            let pages = pma.file.range();
            match &mut run {
                Some((file, run))
                    if run.end == pages.start && Arc::ptr_eq(file, pma.file.file()) =>
                {
                    run.end = pages.end;
                }
                _ => {
                    let next = Some((Arc::clone(pma.file.file()), pages));
                    runs.extend(std::mem::replace(&mut run, next).map(acquire));
                }
            }
        }
    });
    if let Some(stale) = stale {
        detached.stale(stale);
    }
    runs.extend(run.map(acquire));
    let mut runs = runs.into_iter();
    let mut run = None;
    for (held, pma) in parent.pmas.iter_in(range).filter(|(_, pma)| pma.private) {
        // What became alike on both sides of an end is one by now.
        let part = held.intersect(range);
        let rest = run.take().or_else(|| runs.next());
        let mut file: FileRef = rest.expect("our own invariant: every private page was counted");
        if part.len() < file.range().len() {
            run = Some(file.split_off(part.len()));
        }
        child.pmas.insert(part, Pma { file, has_io: child.has_io, ..*pma });
    }
}

fn acquire((file, pages): (Arc<dyn File>, FileRange)) -> FileRef {
    FileRef::acquire(file, pages)
}
