//! Pages that stay where they are while someone outside of the program uses them.

use std::sync::Arc;

use memfile::{AllocOpts, Commit};
use memmap::{FileRange, FileRef};
use parking_lot::Mutex;
use rangeset::{KeyRange, RangeMap, Segment};
use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRange, Errno, Fault, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::cow::copy_pages;
use crate::mapping::Mapping;
use crate::pma::Pma;
use crate::range::{addrs, keys, whole_pages};
use crate::translate::Step;
use crate::vma::Vma;

/// A piece of memory that is pinned.
#[derive(Debug)]
pub struct PinnedPiece {
    range: AddrRange,
    pages: FileRef,
    /// The pages are the memory manager's own: only these could be replaced by copies.
    private: bool,
}

impl PinnedPiece {
    /// Returns where the program had the pages when they were pinned.
    #[must_use]
    pub fn range(&self) -> AddrRange {
        self.range
    }

    /// Returns the pages: file and offsets.
    #[must_use]
    pub fn pages(&self) -> &FileRef {
        &self.pages
    }
}

/// Pages that stay what they are until this is dropped, whatever becomes of the mapping.
///
/// Holding one proves that the pages are not recycled, and that the program goes on using these
/// very pages as long as it keeps the mapping: no fork and no write moves it to a copy. It does
/// not prove that they are still mapped.
#[derive(Debug)]
pub struct Pin {
    pieces: Vec<PinnedPiece>,
    pinned: Arc<PinnedPages>,
}

impl Pin {
    /// Returns the pieces, in the order of their addresses.
    #[must_use]
    pub fn pieces(&self) -> &[PinnedPiece] {
        &self.pieces
    }
}

impl Drop for Pin {
    fn drop(&mut self) {
        // Before the pages are given back: their offsets may be another's a moment later.
        self.pinned.remove(&self.pieces);
    }
}

impl MemoryManager {
    /// Pins the pages behind `range`, whole ones, for an access: as far as they are there and allow
    /// it, and the first fault if that is not all of them.
    ///
    /// A private page that a later write would copy is copied now, even for reading: otherwise the
    /// program would go on with another page than the one that is pinned. Later forks copy pinned
    /// pages for the child. Nothing is charged, for the memory is the program's own.
    pub fn pin(&self, range: AddrRange, access: AccessType, opts: IoOpts) -> (Pin, Option<Fault>) {
        let mut pin = Pin { pieces: Vec::new(), pinned: Arc::clone(&self.pinned) };
        let start = range.start().untagged();
        let checked = start.to_range(range.len()).filter(|range| range.end() <= self.layout.limit);
        let Some(range) = checked else {
            return (pin, Some(Fault::new(FaultKind::OutOfRange, start)));
        };
        if range.is_empty() {
            return (pin, None);
        }
        let wanted = keys(range);
        let mut detached = Detached::new(&*self.space);
        let mapping = self.mapping.read();
        let mut active = self.active.write();
        let pages = whole_pages(wanted);
        let (end, kind) =
            self.make_pinnable(&mapping, &mut active, pages, (access, opts), &mut detached);
        for (held, pma) in active.pmas.iter_in(KeyRange::new(pages.start, end)) {
            let part = held.intersect(KeyRange::new(pages.start, end));
            let pages = FileRef::acquire(Arc::clone(pma.file.file()), pma.pages(held, part));
            if pma.private {
                self.pinned.add(pages.range());
            }
            let private = pma.private;
            pin.pieces.push(PinnedPiece { range: addrs(part), pages, private });
        }
        drop(mapping);
        // What was copied must not be seen any more when someone uses the copy.
        drop(detached);
        drop(active);
        (pin, kind.map(|kind| Fault::new(kind, Addr::new(end.max(wanted.start)))))
    }

    /// Gives every page of `range` a pma that allows the access and that no write will replace,
    /// and returns how far that went, and why not further.
    fn make_pinnable(
        &self,
        mapping: &Mapping,
        active: &mut Active,
        range: KeyRange,
        (access, opts): (AccessType, IoOpts),
        detached: &mut Detached<'_>,
    ) -> (u64, Option<FaultKind>) {
        let mut at = range.start;
        while at < range.end {
            let Some((held, vma)) = mapping.vmas.get(at) else {
                return (at, Some(FaultKind::Unmapped));
            };
            let allowed = if opts.ignore_permissions { vma.max } else { vma.effective() };
            if !allowed.superset_of(access) {
                return (at, Some(FaultKind::Protection));
            }
            let part = held.intersect(KeyRange::new(at, range.end));
            let present = self.make_present(mapping, active, part, access, detached);
            let reachable = KeyRange::new(part.start, present.end);
            let (own, fault) = self.unshare(active, reachable, vma, detached);
            if own < part.end {
                return (own, Some(fault.or(present.fault).unwrap_or(FaultKind::Bus)));
            }
            at = part.end;
        }
        (at, None)
    }

    /// Copies what of `range`, which has pmas, is to be copied when it is written, and returns how
    /// far that went.
    fn unshare(
        &self,
        active: &mut Active,
        range: KeyRange,
        vma: &Vma,
        detached: &mut Detached<'_>,
    ) -> (u64, Option<FaultKind>) {
        let mut at = range.start;
        while at < range.end {
            let Some((held, pma)) = active.pmas.get(at) else { return (at, None) };
            if !pma.need_cow {
                at = held.end;
                continue;
            }
            let wanted = KeyRange::new(at, range.end);
            match self.break_cow(active, held, wanted, vma, detached) {
                Ok(Step::Usable(end)) => at = end,
                Ok(Step::Changed(own) | Step::Made(own)) if own.contains(at) => at = own.end,
                Ok(Step::Changed(_) | Step::Made(_)) => return (at, Some(FaultKind::Bus)),
                Err(fault) => return (at, Some(fault)),
            }
        }
        (at.min(range.end), None)
    }

    /// Copies the pages of a pma, for the child of a fork.
    ///
    /// # Errors
    /// `ENOMEM`; `EHWPOISON` when a page cannot be read.
    fn copy_pinned(&self, pages: &FileRef, part: FileRange) -> Result<FileRef, Errno> {
        let opts = AllocOpts { commit: Commit::CallerTouches, ..AllocOpts::default() };
        let copy = self.memory.allocate(part.len(), opts)?;
        let mut done = 0;
        while done < part.len() {
            let from = FileRange::new(part.start + done, part.end);
            let to = FileRange::new(copy.range().start + done, copy.range().end);
            done += copy_pages(&**pages.file(), from, &**copy.file(), to).map_err(|fault| {
                if fault == FaultKind::NoMemory { Errno::ENOMEM } else { Errno::EHWPOISON }
            })?;
        }
        Ok(copy)
    }

    /// Gives a child copies of those pages of `range` that are pinned, and returns where they are:
    /// there the parent keeps what it has, writable as before.
    ///
    /// # Errors
    /// `ENOMEM`; `EHWPOISON` when a page cannot be read.
    pub(crate) fn copy_pinned_pages(
        &self,
        (range, vma): (KeyRange, &Vma),
        parent: &Active,
        child: &mut Active,
    ) -> Result<Vec<KeyRange>, Errno> {
        let mut copied = Vec::new();
        for (held, pma) in parent.pmas.iter_in(range) {
            let part = held.intersect(range);
            if !pma.private || pma.need_cow {
                continue;
            }
            let pages = pma.pages(held, part);
            for pinned in self.pinned.pinned_in(pages) {
                let start = part.start + (pinned.start - pages.start);
                let place = KeyRange::new(start, start + pinned.len());
                let copy = self.copy_pinned(&pma.file, pinned)?;
                child.insert(place, Pma::private(copy, vma));
                copied.push(place);
            }
        }
        Ok(copied)
    }
}

/// How often each private page of one memory manager is pinned, by offset into the memory file.
///
/// A pinned page is never shared with another memory manager until it is copied on write: pinning
/// breaks that up, and a fork does not begin it. So each page is in the set of one at most.
#[derive(Debug, Default)]
pub(crate) struct PinnedPages(Mutex<RangeMap<Pins>>);

/// The pins of each page of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pins(u64);

impl Segment for Pins {
    fn can_merge(&self, _: KeyRange, next: &Self, _: KeyRange) -> bool {
        self == next
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        *self
    }
}

impl PinnedPages {
    /// Returns whether no page is pinned.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().is_empty()
    }

    fn add(&self, pages: FileRange) {
        let mut pins = self.0.lock();
        let range = key(pages);
        pins.edit(range, |_, pins| pins.0 += 1);
        let gaps: Vec<KeyRange> = pins.gaps_in(range).collect();
        for gap in gaps {
            pins.insert(gap.intersect(range), Pins(1));
        }
    }

    fn remove(&self, pieces: &[PinnedPiece]) {
        let mut pins = self.0.lock();
        for piece in pieces.iter().filter(|piece| piece.private) {
            let mut gone = Vec::new();
            pins.edit(key(piece.pages.range()), |run, pins| {
                pins.0 -= 1;
                if pins.0 == 0 {
                    gone.push(run);
                }
            });
            for run in gone {
                pins.remove_range(run, |_, _| {});
            }
        }
    }

    /// Returns the parts of `pages` that are pinned, in order.
    pub(crate) fn pinned_in(&self, pages: FileRange) -> Vec<FileRange> {
        let range = key(pages);
        let pins = self.0.lock();
        let runs = pins.iter_in(range).map(|(run, _)| run.intersect(range));
        runs.map(|run| FileRange::new(run.start, run.end)).collect()
    }
}

fn key(pages: FileRange) -> KeyRange {
    KeyRange::new(pages.start, pages.end)
}
