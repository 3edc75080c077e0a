//! `msync` and `mincore`.

use memmap::MappableRange;
use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::MemoryManager;
use crate::range::{PAGE, PAGE_SIZE, keys};

/// `MS_ASYNC`.
const MS_ASYNC: u32 = 1;
/// `MS_INVALIDATE`.
const MS_INVALIDATE: u32 = 2;
/// `MS_SYNC`.
const MS_SYNC: u32 = 4;

/// Pages that one step of `mincore` tells about.
const MINCORE_STEP: u64 = 4096;

impl MemoryManager {
    /// Writes changes of mapped objects back, as `msync(2)`.
    ///
    /// # Errors
    /// Linux's, in its order. Holes are passed over and give `ENOMEM` at the end.
    pub fn msync(&self, addr: Addr, len: u64, flags: u32) -> Result<(), Errno> {
        let addr = addr.untagged();
        let both = MS_ASYNC | MS_SYNC;
        if flags & !(MS_ASYNC | MS_INVALIDATE | MS_SYNC) != 0
            || !addr.is_page_aligned(PAGE_SIZE)
            || flags & both == both
        {
            return Err(Errno::EINVAL);
        }
        // As in Linux, rounding up may wrap to nothing.
        let len = PAGE_SIZE.round_up(len).unwrap_or(0);
        let range = keys(addr.to_range(len).ok_or(Errno::ENOMEM)?);
        let mut has_hole = false;
        let mut at = range.start;
        while at < range.end {
            // Looked up again each time: the object's own code must run without the lock.
            let mapping = self.mapping.read();
            let next = mapping.vmas.at_or_after(at).filter(|(held, _)| held.start < range.end);
            let Some((held, vma)) = next else { return Err(Errno::ENOMEM) };
            has_hole |= held.start > at;
            if held.start > at && flags == MS_ASYNC {
                return Err(Errno::ENOMEM);
            }
            if flags & MS_INVALIDATE != 0 && vma.is_locked() {
                return Err(Errno::EBUSY);
            }
            let part = held.intersect(KeyRange::new(at, range.end));
            at = part.end;
            if flags & MS_SYNC != 0
                && !vma.is_private()
                && let Some(object) = &vma.object
            {
                let offsets: MappableRange = vma.offsets(held, part);
                let object = object.clone();
                drop(mapping);
                object.identity.msync(offsets)?;
            }
        }
        if has_hole { Err(Errno::ENOMEM) } else { Ok(()) }
    }

    /// Tells which pages of a range are present, as `mincore(2)`: one byte for each, in pieces of
    /// bounded size.
    ///
    /// # Errors
    /// `EINVAL` when `addr` is not page-aligned, `ENOMEM` when the range is not the program's. A
    /// piece is `ENOMEM` when its pages are not mapped, and the last one then.
    pub fn mincore(
        &self,
        addr: Addr,
        len: u64,
    ) -> Result<impl Iterator<Item = Result<Vec<u8>, Errno>> + '_, Errno> {
        let addr = addr.untagged();
        if !addr.is_page_aligned(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        let range = addr.to_range(len).filter(|range| range.end() <= self.layout.limit);
        let range = crate::range::whole_pages(keys(range.ok_or(Errno::ENOMEM)?));
        let mut at = range.start;
        Ok(std::iter::from_fn(move || {
            if at >= range.end {
                return None;
            }
            let end = range.end.min(at.saturating_add(MINCORE_STEP * PAGE));
            let piece = self.residency(KeyRange::new(at, end));
            at = match &piece {
                Ok(pages) => at + pages.len() as u64 * PAGE,
                Err(_) => range.end,
            };
            Some(piece)
        }))
    }

    /// Tells which pages of the first vma of `range` are present: of an object those that it has in
    /// memory, whoever touched them, and of our own those that were touched.
    ///
    /// Both locks are held while the pages' files ask the host, for one piece at a time: the object
    /// stays mapped, and no page that a pma names is recycled before the answer is about it.
    fn residency(&self, range: KeyRange) -> Result<Vec<u8>, Errno> {
        let mapping = self.mapping.read();
        let (held, vma) = mapping.vmas.get(range.start).ok_or(Errno::ENOMEM)?;
        let part = held.intersect(range);
        let page_of = |addr: u64| ((addr - part.start) / PAGE) as usize;
        let mut pages = vec![0; page_of(part.end)];
        if let Some(object) = &vma.object {
            object.mappable.residency(vma.offsets(held, part), &mut pages);
        }
        if vma.is_private() {
            let active = self.active.read();
            for (held, pma) in active.pmas.iter_in(part) {
                let own = held.intersect(part);
                let present = &mut pages[page_of(own.start)..page_of(own.end)];
                if pma.is_zeros(&self.memory) {
                    // Shown to whoever read them, and to nobody else.
                    present.fill(1);
                } else if pma.private {
                    pma.file.file().residency(pma.pages(held, own), present);
                }
            }
        }
        Ok(pages)
    }
}
