//! Making pages present.

use memfile::{AllocOpts, Direction, MemoryFile};
use memmap::{FileRef, MappableRange, MappedObject, TranslateError, Translation};
use rangeset::KeyRange;
use usermem_types::{AccessType, Errno, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::mapping::Mapping;
use crate::pma::Pma;
use crate::range::{HUGE, PAGE, addrs, neighbourhood};
use crate::vma::{Vma, VmaFlags};

/// How many pmas there may be when one is made of zeros that all share. Others are bounded by the
/// memory that somebody paid for.
const MAX_SHARING: usize = 1 << 18;

/// How far pages could be made present.
#[derive(Debug)]
pub(crate) struct Present {
    /// Everything below has a pma that allows the access.
    pub(crate) end: u64,
    /// Why not further; meaningful when `end` lies below what was asked for.
    pub(crate) fault: Option<FaultKind>,
    /// The pmas that were made or changed last.
    pub(crate) fresh: KeyRange,
}

/// What the step at one address did.
pub(crate) enum Step {
    /// There is a usable pma, up to this address.
    Usable(u64),
    /// A usable pma was made in this range.
    Made(KeyRange),
    /// Pmas were made or changed in this range; look again.
    Changed(KeyRange),
}

impl MemoryManager {
    /// Gives every page of `range` a pma that allows `access`. Vmas that allow it cover the range.
    ///
    /// Stops at the first page that cannot be had. More than `range` may become present: memory
    /// that is not touched costs nothing, and each fault saved is worth a lot.
    pub(crate) fn make_present(
        &self,
        mapping: &Mapping,
        active: &mut Active,
        range: KeyRange,
        access: AccessType,
        detached: &mut Detached<'_>,
    ) -> Present {
        let mut present = Present { end: range.start, fault: None, fresh: KeyRange::new(0, 0) };
        let mut tries = 0;
        while present.end < range.end {
            let rest = KeyRange::new(present.end, range.end);
            match self.step(mapping, active, rest, access, detached) {
                Ok(Step::Usable(end)) => {
                    present.end = end;
                    tries = 0;
                }
                Ok(Step::Made(fresh)) => {
                    present.end = fresh.end;
                    present.fresh = fresh;
                    tries = 0;
                }
                // An object that never gives what it promised must not keep us here.
                Ok(Step::Changed(_)) if tries > 3 => {
                    present.fault = Some(FaultKind::Protection);
                    break;
                }
                Ok(Step::Changed(fresh)) => {
                    present.fresh = fresh;
                    tries += 1;
                }
                Err(fault) => {
                    present.fault = Some(fault);
                    break;
                }
            }
        }
        present.end = present.end.min(range.end);
        present
    }

    /// Looks at the first address of `rest`.
    fn step(
        &self,
        mapping: &Mapping,
        active: &mut Active,
        rest: KeyRange,
        access: AccessType,
        detached: &mut Detached<'_>,
    ) -> Result<Step, FaultKind> {
        let (vma_range, vma) = mapping.vmas.get(rest.start).ok_or(FaultKind::Unmapped)?;
        // Nothing is behind a guard, and nothing beyond is made present.
        let here = mapping.guards.free_part(vma_range, rest.start).ok_or(FaultKind::Unmapped)?;
        let wanted = rest.intersect(here);
        let Some((pma_range, pma)) = active.pmas.get(rest.start) else {
            active.pmas.seek(rest.start);
            let gap = active.pmas.gap_at(rest.start).unwrap_or(wanted).intersect(here);
            return match &vma.object {
                None if access.write() || vma.flags.contains(VmaFlags::ACCOUNT) => {
                    let huge = wants_huge_pages(mapping, vma);
                    self.allocate(active, gap, wanted, vma, huge)
                }
                None => self.share_zeros(active, gap.intersect(wanted), vma),
                Some(object) => {
                    let access = if vma.is_private() {
                        access.without(AccessType::WRITE).union(AccessType::READ)
                    } else {
                        access
                    };
                    self.install_object(active, object, gap, wanted, (vma_range, vma), access)
                }
            };
        };
        let here = pma_range.intersect(here);
        if access.write() && pma.need_cow {
            return self.break_cow(active, here, wanted, vma, detached);
        }
        if pma.translate.superset_of(access) {
            return Ok(Step::Usable(here.end));
        }
        let (Some(object), false) = (&vma.object, pma.private) else {
            return Err(FaultKind::Protection);
        };
        let access = pma.translate.union(access);
        let mut old = None;
        active.pmas.remove_range(here, |_, pma| old = Some(pma.file));
        detached.add(here, old.ok_or(FaultKind::Protection)?);
        let wanted = wanted.intersect(here);
        self.install_object(active, object, here, wanted, (vma_range, vma), access)
    }

    /// Gives anonymous memory to a gap: what is wanted, and its neighbourhood while the memory file
    /// has plenty. When it is nearly full, as much of what is wanted as can be had.
    ///
    /// All of the range lies in huge pages of which some page is wanted, and is about to be touched:
    /// they are backed by `huge` ones where that was advised.
    fn allocate(
        &self,
        active: &mut Active,
        gap: KeyRange,
        wanted: KeyRange,
        vma: &Vma,
        huge: bool,
    ) -> Result<Step, FaultKind> {
        let has_plenty = self.memory.allocated_bytes() < self.memory.capacity() / 2;
        let range = if has_plenty { neighbourhood(wanted) } else { wanted }.intersect(gap);
        let opts = AllocOpts { huge, ..AllocOpts::default() };
        let pages = self.allocate_near(active, range, opts);
        let (range, pages) = match pages {
            Err(_) if range.len() <= 2 * HUGE => {
                // There may be no run of this length, but single pages.
                let first = KeyRange::new(wanted.start, wanted.start + PAGE);
                (first, self.allocate_near(active, first, AllocOpts::default())?)
            }
            pages => (range, pages?),
        };
        active.insert(range, Pma::private(pages, vma));
        Ok(Step::Made(range))
    }

    /// Shows zeros that all share at the start of `range`. Memory that nobody may write is not
    /// counted as committed, so it must not take any.
    fn share_zeros(
        &self,
        active: &mut Active,
        range: KeyRange,
        vma: &Vma,
    ) -> Result<Step, FaultKind> {
        if active.pmas.len() >= MAX_SHARING {
            return Err(FaultKind::NoMemory);
        }
        let offset = range.start & (MemoryFile::ZEROS - 1);
        let len = range.len().min(MemoryFile::ZEROS - offset);
        let zeros = self.memory.zeros(offset, len).map_err(|_| FaultKind::NoMemory)?;
        let range = KeyRange::new(range.start, range.start + len);
        // As if it were shared with a child: a write copies.
        let mut pma = Pma::private(zeros, vma);
        pma.begin_cow();
        active.insert(range, pma);
        Ok(Step::Changed(range))
    }

    /// Allocates the pages of a range next to those of its neighbours, so that the host needs one
    /// mapping for all of them.
    pub(crate) fn allocate_near(
        &self,
        active: &Active,
        range: KeyRange,
        opts: AllocOpts,
    ) -> Result<FileRef, FaultKind> {
        let pmas = &active.pmas;
        let gap = pmas.gap_at(range.start);
        let is_alone = gap.is_some_and(|gap| gap.start < range.start && range.end < gap.end);
        let (below, above) = if is_alone {
            (None, None)
        } else {
            let below = pmas.before(range.start).filter(|(held, _)| held.end == range.start);
            let above = pmas.get(range.end).filter(|(held, _)| held.start == range.end);
            (below.filter(|(_, pma)| pma.private), above.filter(|(_, pma)| pma.private))
        };
        let (direction, near) = match (below, above) {
            (Some((_, pma)), _) => (Direction::BottomUp, Some(pma.file.range().end)),
            (None, Some((_, pma))) => (Direction::TopDown, Some(pma.file.range().start)),
            (None, None) => (Direction::BottomUp, None),
        };
        let start = match direction {
            Direction::BottomUp => range.start,
            Direction::TopDown => range.end,
        };
        // Huge pages are worth a mapping of the host.
        let near = near.filter(|near| !opts.huge || (near ^ start) & (HUGE - 1) == 0);
        let opts = AllocOpts { direction, near, shown_at: Some(range.start), ..opts };
        self.memory.allocate(range.len(), opts).map_err(|_| FaultKind::NoMemory)
    }

    /// Installs the translations of an object in a gap: those wanted, and what else is at hand.
    fn install_object(
        &self,
        active: &mut Active,
        object: &MappedObject,
        gap: KeyRange,
        wanted: KeyRange,
        (vma_range, vma): (KeyRange, &Vma),
        access: AccessType,
    ) -> Result<Step, FaultKind> {
        let optional = vma.offsets(vma_range, gap);
        let required = vma.offsets(vma_range, wanted);
        let (translations, error) = object.mappable.translate(required, optional, access);
        let mut fresh: Option<KeyRange> = None;
        for translation in translations {
            let Some((source, file)) = clip(translation, optional) else { continue };
            let start = gap.start + (source.start - optional.start);
            let range = KeyRange::new(start, start + source.len());
            let (file, perms) = file;
            active.insert(range, Pma::translated(file, perms, vma, &self.memory));
            fresh = Some(KeyRange::new(fresh.map_or(range.start, |fresh| fresh.start), range.end));
        }
        match fresh {
            Some(fresh) if fresh.contains(wanted.start) => Ok(Step::Changed(fresh)),
            _ => Err(match error {
                Some(TranslateError::Errno(Errno::ENOMEM)) => FaultKind::NoMemory,
                Some(TranslateError::Errno(Errno::EACCES | Errno::EPERM)) => FaultKind::Protection,
                _ => FaultKind::Bus,
            }),
        }
    }

    /// Shows the pmas inside `range` in the address space.
    ///
    /// # Errors
    /// `ENOMEM` when the host has no room for another mapping, not even when there are no others.
    pub(crate) fn show(
        &self,
        active: &Active,
        range: KeyRange,
        populate: bool,
    ) -> Result<(), Errno> {
        for (held, pma) in active.pmas.iter_in(range) {
            let part = held.intersect(range);
            if !pma.effective.any() {
                continue;
            }
            let (addr, pages) = (addrs(part).start(), pma.pages(held, part));
            let file = &**pma.file.file();
            let show = || self.space.map_file(addr, file, pages, pma.effective, populate);
            show().or_else(|_| {
                // All of it is a cache: start again with an empty one.
                self.space.unmap(self.space.user_range());
                show()
            })?;
        }
        Ok(())
    }
}

/// Returns whether a vma is to have huge pages: where that was advised, and the program does not do
/// without.
pub(crate) fn wants_huge_pages(mapping: &Mapping, vma: &Vma) -> bool {
    vma.flags.contains(VmaFlags::HUGEPAGE) && mapping.modes.allow_huge_pages()
}

/// Cuts a translation to whole pages of `optional`.
fn clip(
    translation: Translation,
    optional: MappableRange,
) -> Option<(MappableRange, (FileRef, AccessType))> {
    let Translation { source, mut file, perms } = translation;
    let start = source.start.max(optional.start);
    let end = source.end.min(optional.end);
    if start >= end || file.range().len() < source.len() {
        return None;
    }
    if start > source.start {
        file = file.split_off(start - source.start);
    }
    if file.range().len() > end - start {
        drop(file.split_off(end - start));
    }
    Some((MappableRange { start, end }, (file, perms)))
}
