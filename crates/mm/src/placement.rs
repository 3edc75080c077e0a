//! Where a new mapping goes.

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::mapping::Mapping;
use crate::range::{HUGE, PAGE, PAGE_SIZE};
use crate::{MemoryManager, MmapFlags};

/// Where `MAP_32BIT` looks.
const LOW: KeyRange = KeyRange::new(0x4000_0000, 0x8000_0000);

/// Where in a gap a mapping may start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Alignment {
    /// At any page.
    Page,
    /// At a huge page when there is room to choose, otherwise at any page.
    HugeIfPossible,
    /// At a huge page.
    Huge,
}

impl Alignment {
    /// Returns how Linux aligns a mapping of `len` bytes for which no place is named: what may
    /// become huge pages, is as long as some of them and shows no object.
    pub(crate) fn of(len: u64, has_object: bool) -> Self {
        if !has_object && len.is_multiple_of(HUGE) { Self::HugeIfPossible } else { Self::Page }
    }
}

impl MemoryManager {
    /// Finds the place of `len` bytes, whole pages and not none, as `mmap` does.
    ///
    /// Private memory without an object, for which no place is named, starts at a boundary of huge
    /// pages when it is as long as some of them.
    ///
    /// # Errors
    /// As `mmap`; `EEXIST` when something is in the way of `FIXED_NOREPLACE`.
    pub(crate) fn place(
        &self,
        mapping: &Mapping,
        addr: Addr,
        len: u64,
        flags: MmapFlags,
        has_object: bool,
    ) -> Result<KeyRange, Errno> {
        if flags.intersects(MmapFlags::FIXED | MmapFlags::FIXED_NOREPLACE) {
            let is_possible = len <= self.layout.max.get();
            let is_aligned = addr.get().is_multiple_of(HUGE);
            if flags.contains(MmapFlags::HUGETLB) && is_possible && !is_aligned {
                return Err(Errno::EINVAL);
            }
            let range = self.fixed_range(addr, len)?;
            if flags.contains(MmapFlags::FIXED_NOREPLACE) && mapping.vmas.overlaps(range) {
                return Err(Errno::EEXIST);
            }
            return Ok(range);
        }
        let low = cfg!(target_arch = "x86_64") && flags.contains(MmapFlags::BITS_32);
        let end = if low { LOW.end } else { self.layout.max.get() };
        let (hint, alignment) = if flags.contains(MmapFlags::HUGETLB) {
            (addr.get().checked_next_multiple_of(HUGE).unwrap_or(0), Alignment::Huge)
        } else if addr == Addr::ZERO && !flags.contains(MmapFlags::SHARED) {
            (0, Alignment::of(len, has_object))
        } else {
            (addr.get(), Alignment::Page)
        };
        self.usable_hint(mapping, hint, len, end)
            .or_else(|| self.search_in(mapping, len, alignment, low))
            .ok_or(Errno::ENOMEM)
    }

    /// Returns `len` bytes at exactly `addr`.
    ///
    /// # Errors
    /// `ENOMEM` above the address space, `EPERM` below it, `EINVAL` when not page-aligned.
    pub(crate) fn fixed_range(&self, addr: Addr, len: u64) -> Result<KeyRange, Errno> {
        let end = addr.get().checked_add(len).filter(|end| *end <= self.layout.max.get());
        let end = end.ok_or(Errno::ENOMEM)?;
        if !addr.is_page_aligned(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        if addr < self.layout.min {
            return Err(Errno::EPERM);
        }
        Ok(KeyRange::new(addr.get(), end))
    }

    /// Returns the hinted place when it is free.
    fn usable_hint(&self, mapping: &Mapping, addr: u64, len: u64, end: u64) -> Option<KeyRange> {
        let start = PAGE_SIZE.round_down(addr);
        if start == 0 {
            return None;
        }
        let start = start.max(self.layout.min.get());
        let range = KeyRange::new(start, start.checked_add(len).filter(|at| *at <= end)?);
        mapping.is_available(range).then_some(range)
    }

    /// Finds the highest place below the top of mappings, or else the lowest above their bottom.
    pub(crate) fn search(
        &self,
        mapping: &Mapping,
        len: u64,
        alignment: Alignment,
    ) -> Option<KeyRange> {
        self.search_in(mapping, len, alignment, false)
    }

    fn search_in(
        &self,
        mapping: &Mapping,
        len: u64,
        alignment: Alignment,
        low: bool,
    ) -> Option<KeyRange> {
        let start = match alignment {
            Alignment::Page => self.room(mapping, len, low)?.start,
            // One huge page more than is needed, as Linux asks for, which may pass over a place
            // that happens to be aligned.
            Alignment::HugeIfPossible => {
                let wide = len.checked_add(HUGE).and_then(|len| self.room(mapping, len, low));
                match wide {
                    Some(wide) => (wide.start + HUGE) & !(HUGE - 1),
                    None => self.room(mapping, len, low)?.start,
                }
            }
            Alignment::Huge => {
                let wide = self.room(mapping, len.checked_add(HUGE - PAGE)?, low)?;
                wide.start.next_multiple_of(HUGE)
            }
        };
        Some(KeyRange::new(start, start + len))
    }

    fn room(&self, mapping: &Mapping, len: u64, low: bool) -> Option<KeyRange> {
        if low {
            return bottom_up(mapping, LOW, len);
        }
        let layout = &self.layout;
        let below = KeyRange::new(layout.min.get().max(PAGE), layout.mmap_top.get());
        let above = KeyRange::new(layout.mmap_bottom.get(), layout.max.get());
        top_down(mapping, below, len).or_else(|| bottom_up(mapping, above, len))
    }
}

fn top_down(mapping: &Mapping, bounds: KeyRange, len: u64) -> Option<KeyRange> {
    let mut limit = bounds.end;
    mapping.vmas.find_gap_back(bounds, len, |gap| {
        if gap.end.min(limit).saturating_sub(gap.start) < len {
            return None;
        }
        // As in Linux, what a guard takes is not offered any more, not even below a mapping that
        // lies in it.
        limit = limit.min(mapping.start_with_guard(gap.start));
        let room = KeyRange::new(gap.start, gap.end.min(limit).max(gap.start));
        (room.len() >= len).then(|| KeyRange::new(room.end - len, room.end))
    })
}

fn bottom_up(mapping: &Mapping, bounds: KeyRange, len: u64) -> Option<KeyRange> {
    mapping.vmas.find_gap(bounds, len, |gap| {
        let end = gap.end.min(mapping.start_with_guard(gap.start));
        (end.saturating_sub(gap.start) >= len).then(|| KeyRange::new(gap.start, gap.start + len))
    })
}
