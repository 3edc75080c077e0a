//! What is there now.

use memmap::{AddressSpace, FileRef, InvalidateOpts};
use rangeset::{KeyRange, RangeMap};
use smallvec::SmallVec;

use crate::fast::Translation;
use crate::pma::Pma;
use crate::range::addrs;

/// The most bytes that are given back together: the memory file does not recycle longer runs.
const JOINED_MAX: u64 = 64 << 10;

/// What is there now: protected by the *active* lock.
///
/// **Invariant**: every address with a pma has a vma, and everything that the address space shows
/// is in a pma that allows it.
#[derive(Debug, Default)]
pub(crate) struct Active {
    pub(crate) pmas: RangeMap<Pma, Translation>,
    /// Whether the address space can be copied through.
    pub(crate) has_io: bool,
    /// The most bytes that pmas held.
    peak: u64,
    /// What is invalidated while the pmas of a child are not there yet; `None` otherwise.
    captured: Option<Vec<(KeyRange, InvalidateOpts)>>,
}

impl Active {
    /// What is there in an address space that shows nothing.
    pub(crate) fn in_space(space: &dyn AddressSpace) -> Self {
        Self { has_io: space.io().is_some(), ..Self::default() }
    }

    /// Returns the most bytes that pmas held.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.max(self.pmas.span())
    }

    /// Begins to note what is invalidated: pages of before must not be inserted any more then.
    pub(crate) fn capture_invalidations(&mut self) {
        self.captured = Some(Vec::new());
    }

    /// Notes an invalidation, if that was asked for.
    pub(crate) fn note_invalidation(&mut self, range: KeyRange, opts: InvalidateOpts) {
        if let Some(captured) = &mut self.captured {
            captured.push((range, opts));
        }
    }

    /// Drops what was invalidated since [`Self::capture_invalidations`].
    pub(crate) fn replay_invalidations(&mut self, space: &dyn AddressSpace) {
        let mut detached = Detached::new(space);
        for (range, opts) in self.captured.take().into_iter().flatten() {
            self.invalidate(range, opts, &mut detached);
        }
    }

    /// Removes what an object wants dropped inside `range`.
    pub(crate) fn invalidate(
        &mut self,
        range: KeyRange,
        opts: InvalidateOpts,
        detached: &mut Detached<'_>,
    ) {
        self.remove(range, |pma| opts.invalidate_private || !pma.private, detached);
    }

    /// Inserts a pma where there is none.
    pub(crate) fn insert(&mut self, range: KeyRange, pma: Pma) {
        self.pmas.insert(range, Pma { has_io: self.has_io, ..pma });
        self.note_peak();
    }

    /// Notes how many bytes pmas hold, before there are fewer.
    pub(crate) fn note_peak(&mut self) {
        self.peak = self.peak();
    }

    /// Removes the pmas inside `range` for which `which` holds.
    pub(crate) fn remove(
        &mut self,
        range: KeyRange,
        which: impl Fn(&Pma) -> bool,
        detached: &mut Detached<'_>,
    ) {
        let mut hull: Option<KeyRange> = None;
        self.pmas.seek(range.start);
        if self.pmas.iter_in(range).all(|(_, pma)| which(pma)) {
            self.pmas.remove_range(range, |held, pma| {
                hull = Some(KeyRange::new(hull.map_or(held.start, |hull| hull.start), held.end));
                detached.give_back(pma.file);
            });
        } else {
            let doomed: Vec<KeyRange> = self
                .pmas
                .iter_in(range)
                .filter(|(_, pma)| which(pma))
                .map(|(held, _)| held.intersect(range))
                .collect();
            for part in doomed {
                self.pmas.remove_range(part, |_, pma| detached.give_back(pma.file));
                detached.stale(part);
            }
        }
        if let Some(hull) = hull {
            detached.stale(hull);
        }
    }
}

/// What was taken out of the pmas while the address space may still show it.
///
/// Dropping it unmaps the ranges first and gives the pages back then: the fields are dropped after
/// the body of `drop` has run, so no page is recycled while code can still reach it.
pub(crate) struct Detached<'a> {
    space: &'a dyn AddressSpace,
    ranges: SmallVec<[KeyRange; 4]>,
    refs: SmallVec<[FileRef; 4]>,
}

impl<'a> Detached<'a> {
    pub(crate) fn new(space: &'a dyn AddressSpace) -> Self {
        Self { space, ranges: SmallVec::new(), refs: SmallVec::new() }
    }

    /// Adds a range that must not be shown any more.
    pub(crate) fn stale(&mut self, range: KeyRange) {
        match self.ranges.last_mut() {
            Some(last) if last.end == range.start => last.end = range.end,
            _ => self.ranges.push(range),
        }
    }

    /// Adds pages to give back, shown in `range`.
    pub(crate) fn add(&mut self, range: KeyRange, pages: FileRef) {
        self.stale(range);
        self.give_back(pages);
    }

    /// Adds pages to give back, in one go with those before where they are next to each other.
    fn give_back(&mut self, pages: FileRef) {
        let is_short = |last: &&mut FileRef| last.range().len() + pages.range().len() <= JOINED_MAX;
        let pages = match self.refs.last_mut().filter(is_short) {
            Some(last) => last.try_merge(pages).err(),
            None => Some(pages),
        };
        self.refs.extend(pages);
    }

    /// Notes that the address space shows something new in all of `range`.
    pub(crate) fn replaced(&mut self, range: KeyRange) {
        self.ranges.retain(|stale| stale.start < range.start || stale.end > range.end);
    }
}

impl Drop for Detached<'_> {
    fn drop(&mut self) {
        for range in &self.ranges {
            self.space.unmap(addrs(*range));
        }
    }
}
