//! Where a new mapping goes.

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::mapping::Mapping;
use crate::range::{HUGE, PAGE, PAGE_SIZE};
use crate::{MemoryManager, MmapFlags};

/// Where `MAP_32BIT` looks.
const LOW: KeyRange = KeyRange::new(0x4000_0000, 0x8000_0000);

/// What is to be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Private memory without an object.
    PrivateAnonymous,
    /// Anything else.
    Other,
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
        kind: Kind,
    ) -> Result<KeyRange, Errno> {
        if flags.intersects(MmapFlags::FIXED | MmapFlags::FIXED_NOREPLACE) {
            let is_possible = len <= self.layout.max.get();
            let is_aligned = addr.get().is_multiple_of(HUGE);
            if flags.contains(MmapFlags::HUGETLB) && is_possible && !is_aligned {
                return Err(Errno::EINVAL);
            }
            let range = self.fixed_range(addr, len)?;
            if flags.contains(MmapFlags::FIXED_NOREPLACE)
                && mapping.vmas.iter_in(range).next().is_some()
            {
                return Err(Errno::EEXIST);
            }
            return Ok(range);
        }
        let low = cfg!(target_arch = "x86_64") && flags.contains(MmapFlags::BITS_32);
        let end = if low { LOW.end } else { self.layout.max.get() };
        let find = |len| {
            if low { bottom_up(mapping, LOW, len) } else { self.search_anywhere(mapping, len) }
        };
        let named = PAGE_SIZE.round_down(addr.get()) != 0;
        let kind = if named { Kind::Other } else { kind };
        self.usable_hint(mapping, addr, len, end)
            .or_else(|| find_for(kind, len, find))
            .ok_or(Errno::ENOMEM)
    }

    /// Finds the place of `len` bytes, as [`Self::place`] where none is named.
    pub(crate) fn search(&self, mapping: &Mapping, len: u64, kind: Kind) -> Option<KeyRange> {
        find_for(kind, len, |len| self.search_anywhere(mapping, len))
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
    fn usable_hint(&self, mapping: &Mapping, addr: Addr, len: u64, end: u64) -> Option<KeyRange> {
        let start = PAGE_SIZE.round_down(addr.get());
        if start == 0 {
            return None;
        }
        let start = start.max(self.layout.min.get());
        let range = KeyRange::new(start, start.checked_add(len).filter(|at| *at <= end)?);
        mapping.is_available(range).then_some(range)
    }

    /// Finds the highest place below the top of mappings, or else the lowest above their bottom.
    fn search_anywhere(&self, mapping: &Mapping, len: u64) -> Option<KeyRange> {
        let layout = &self.layout;
        let below = KeyRange::new(layout.min.get().max(PAGE), layout.mmap_top.get());
        let above = KeyRange::new(layout.mmap_bottom.get(), layout.max.get());
        top_down(mapping, below, len).or_else(|| bottom_up(mapping, above, len))
    }
}

/// Finds the place of `len` bytes with `find`, at a boundary of huge pages where the kind has that.
///
/// As Linux does: it looks for a huge page more than is wanted, and goes up to the next boundary
/// from the start of that, even if it is at one.
fn find_for(kind: Kind, len: u64, find: impl Fn(u64) -> Option<KeyRange>) -> Option<KeyRange> {
    let is_huge = kind == Kind::PrivateAnonymous && len.is_multiple_of(HUGE);
    let padded = is_huge.then(|| len.checked_add(HUGE).and_then(&find)).flatten();
    match padded {
        Some(room) => {
            let start = (room.start & !(HUGE - 1)) + HUGE;
            Some(KeyRange::new(start, start + len))
        }
        None => find(len),
    }
}

/// Returns the part of a gap that is not a guard of the vma above.
fn available(mapping: &Mapping, gap: KeyRange) -> KeyRange {
    let end = gap.end.min(mapping.start_with_guard(gap.start));
    KeyRange::new(gap.start, end.max(gap.start))
}

fn top_down(mapping: &Mapping, bounds: KeyRange, len: u64) -> Option<KeyRange> {
    mapping.vmas.find_gap_back(bounds, len, |gap| {
        let room = available(mapping, gap);
        (room.len() >= len).then(|| KeyRange::new(room.end - len, room.end))
    })
}

fn bottom_up(mapping: &Mapping, bounds: KeyRange, len: u64) -> Option<KeyRange> {
    mapping.vmas.find_gap(bounds, len, |gap| {
        let room = available(mapping, gap);
        (room.len() >= len).then(|| KeyRange::new(room.start, room.start + len))
    })
}
