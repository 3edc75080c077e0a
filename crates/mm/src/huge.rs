//! Huge pages: `MADV_COLLAPSE`, and what `MADV_HUGEPAGE` does at once.

use memfile::AllocOpts;
use memmap::{FileRange, FileRef};
use rangeset::KeyRange;
use usermem_types::{AccessType, Errno, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::cow::copy_pages;
use crate::mapping::Mapping;
use crate::pma::Pma;
use crate::range::{HUGE, PAGE, addrs};
use crate::vma::{Vma, VmaFlags};

impl MemoryManager {
    /// Makes huge pages of `part`, inside one vma, as `MADV_COLLAPSE`.
    ///
    /// # Errors
    /// Linux's: `EINVAL` when the vma cannot have any, when `part` lies inside one, and where there is
    /// nothing to make one of; `ENOMEM` when there is none to be had; `EAGAIN`, at the end, for pages
    /// that are pinned. What comes before is done.
    pub(crate) fn collapse(&self, mapping: &Mapping, part: KeyRange) -> Result<(), Errno> {
        let (held, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
        if !may_have_huge_pages(mapping, held, vma) {
            return Err(Errno::EINVAL);
        }
        let (start, end) = (next_boundary(part.start), part.end & !(HUGE - 1));
        if start > end {
            return Err(Errno::EINVAL);
        }
        let mut result = Ok(());
        for start in (start..end).step_by(HUGE as usize) {
            match self.collapse_one(mapping, KeyRange::new(start, start + HUGE), vma) {
                Ok(()) => {}
                // Another one may be free to go.
                Err(Errno::EAGAIN) => result = Err(Errno::EAGAIN),
                // As in Linux, where nothing is there is the end of it.
                Err(errno) => return Err(errno),
            }
        }
        result
    }

    /// Makes a huge page of the pages of `piece`, a whole one inside a vma.
    fn collapse_one(&self, mapping: &Mapping, piece: KeyRange, vma: &Vma) -> Result<(), Errno> {
        if mapping.guards.free_part(piece, piece.start) != Some(piece) {
            return Err(Errno::EINVAL);
        }
        let mut detached = Detached::new(&*self.space);
        let mut active = self.active.write();
        if !vma.is_private() {
            // Whoever touched what is shared: this program may not have looked at it yet.
            self.make_present(mapping, &mut active, piece, AccessType::READ, &mut detached);
        }
        let is_resident = active.pmas.iter_in(piece).any(|(held, pma)| {
            let pages = pma.pages(held, held.intersect(piece));
            // As in Linux, zeros that all share are nothing to make a huge page of.
            !pma.is_zeros(&self.memory) && pma.file.file().resident_bytes(pages, PAGE) > 0
        });
        // What is not counted must not take memory.
        let is_uncounted = vma.is_private() && !vma.flags.contains(VmaFlags::ACCOUNT);
        if !is_resident || is_uncounted || vma.is_private() && vma.object.is_some() {
            return Err(Errno::EINVAL);
        }
        if let Some((held, pma)) = active.pmas.get(piece.start)
            && held.intersect(piece) == piece
        {
            let (file, pages) = (pma.file.file(), pma.pages(held, piece));
            let is_ours = !pma.need_cow || file.has_unique_ref(pages);
            if pages.start.is_multiple_of(HUGE) && (!pma.private || is_ours) {
                return file.collapse(pages);
            }
        }
        if !vma.is_private() {
            return Err(Errno::EINVAL);
        }
        self.move_to_huge_page(&mut active, piece, vma, &mut detached)
    }

    /// Copies private pages to a huge page: those that are scattered in the file, or that others share.
    fn move_to_huge_page(
        &self,
        active: &mut Active,
        piece: KeyRange,
        vma: &Vma,
        detached: &mut Detached<'_>,
    ) -> Result<(), Errno> {
        let parts =
            || active.pmas.iter_in(piece).map(|(held, pma)| (held.intersect(piece), held, pma));
        let is_pinned = |(part, held, pma): (KeyRange, KeyRange, &Pma)| {
            !self.pinned.pinned_in(pma.pages(held, part)).is_empty()
        };
        if !self.pinned.is_empty() && parts().any(is_pinned) {
            return Err(Errno::EAGAIN);
        }
        let opts = AllocOpts { shown_at: Some(piece.start), ..AllocOpts::default() };
        let copy = self.memory.allocate(HUGE, opts)?;
        if !copy.range().start.is_multiple_of(HUGE) {
            return Err(Errno::ENOMEM);
        }
        self.memory.make_huge(copy.range())?;
        // The program must not write to pages of which the copy is made.
        self.space.unmap(addrs(piece));
        for (part, held, pma) in parts() {
            let from = pma.pages(held, part);
            let to = crate::range::file_part(copy.range(), piece.start, part);
            copy_resident(pma, from, &copy, to).map_err(|_| Errno::EINVAL)?;
        }
        active.pmas.remove_range(piece, |part, pma| detached.add(part, pma.file));
        active.insert(piece, Pma::private(copy, vma));
        Ok(())
    }

    /// Forgets where the pages of whole huge pages inside `part` are, where none of them has been
    /// touched, so that they get huge ones when they are.
    pub(crate) fn forget_untouched(&self, mapping: &Mapping, part: KeyRange) {
        let is_private = |(_, vma): (KeyRange, &Vma)| vma.object.is_none();
        if !mapping.vmas.get(part.start).is_some_and(is_private) {
            return;
        }
        let (mut at, end) = (next_boundary(part.start), part.end & !(HUGE - 1));
        let mut detached = Detached::new(&*self.space);
        let mut active = self.active.write();
        while at < end {
            let Some((held, _)) = active.pmas.at_or_after(at) else { return };
            let start = held.start.max(at) & !(HUGE - 1);
            let piece = KeyRange::new(start, start + HUGE);
            if piece.start >= end {
                return;
            }
            let is_untouched = active.pmas.iter_in(piece).all(|(held, pma)| {
                let pages = pma.pages(held, held.intersect(piece));
                pma.file.file().resident_bytes(pages, PAGE) == 0
                    && self.pinned.pinned_in(pages).is_empty()
            });
            if is_untouched {
                active.remove(piece, |_| true, &mut detached);
            }
            at = piece.end;
        }
    }
}

/// Returns whether a vma of `held` may have huge pages: it has room for one, and they are not forbidden.
pub(crate) fn may_have_huge_pages(mapping: &Mapping, held: KeyRange, vma: &Vma) -> bool {
    next_boundary(held.start).saturating_add(HUGE) <= held.end
        && !vma.flags.contains(VmaFlags::NOHUGEPAGE)
        && mapping.modes.allow_huge_pages()
}

/// Returns the first boundary of huge pages at or above an address.
fn next_boundary(addr: u64) -> u64 {
    addr.checked_next_multiple_of(HUGE).unwrap_or(u64::MAX)
}

/// Copies those pages that have memory; the others are zero in the copy already.
fn copy_resident(
    pma: &Pma,
    from: FileRange,
    copy: &FileRef,
    to: FileRange,
) -> Result<(), FaultKind> {
    let source = pma.file.file();
    let mut present = [0; (HUGE / PAGE) as usize];
    let present = &mut present[..(from.len() / PAGE) as usize];
    source.residency(from, present);
    for (index, _) in present.iter().enumerate().filter(|(_, present)| **present != 0) {
        let page = |range: FileRange| {
            let start = range.start + index as u64 * PAGE;
            FileRange::new(start, start + PAGE)
        };
        copy_pages(&**source, page(from), &**copy.file(), page(to))?;
    }
    Ok(())
}
