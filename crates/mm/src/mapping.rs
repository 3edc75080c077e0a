//! What the program asked for.

use std::ops::{Deref, DerefMut};

use memfile::Charge;
use memmap::MappedObject;
use rangeset::{KeyRange, RangeMap, Segment};
use smallvec::SmallVec;
use usermem_types::Errno;

use crate::guards::Guards;
use crate::layout::GUARD_GAP;
use crate::locks::MappingAlone;
use crate::modes::Modes;
use crate::vma::{Vma, VmaFlags};

/// How many vmas a program may have: Linux's `vm.max_map_count`.
pub(crate) const MAX_VMAS: usize = 65530;

/// Objects whose names may be the last references: dropped when the mapping is unlocked.
type Graveyard = SmallVec<[MappedObject; 2]>;

/// What the program asked for: protected by the *mapping* lock.
///
/// **Invariant**: the counters are what a walk over the vmas would count.
#[derive(Debug)]
pub(crate) struct Mapping {
    pub(crate) vmas: RangeMap<Vma>,
    /// The most bytes of mappings before the last removal of any.
    peak: u64,
    /// The program break: where the heap starts and ends, in bytes.
    pub(crate) brk: KeyRange,
    /// An address in the first thread's stack; zero before there is one.
    pub(crate) stack: u64,
    /// Bytes of private writable mappings that are no stack.
    pub(crate) data: u64,
    /// Bytes of locked mappings.
    pub(crate) locked: u64,
    /// Bytes of mappings that are counted as committed.
    accounted: u64,
    /// What is charged for them; more than `accounted` only while the lock is held for writing.
    charge: Charge,
    /// How later mappings are locked (`MCL_FUTURE`).
    pub(crate) future_lock: VmaFlags,
    pub(crate) guards: Guards,
    pub(crate) modes: Modes,
    graveyard: Graveyard,
}

/// The counters of a mapping.
struct Sums<'a> {
    data: &'a mut u64,
    locked: &'a mut u64,
    accounted: &'a mut u64,
}

impl Sums<'_> {
    fn count(&mut self, range: KeyRange, vma: &Vma, count: fn(u64, u64) -> u64) {
        let len = range.len();
        if vma.is_data() {
            *self.data = count(*self.data, len);
        }
        if vma.is_locked() {
            *self.locked = count(*self.locked, len);
        }
        if vma.flags.contains(VmaFlags::ACCOUNT) {
            *self.accounted = count(*self.accounted, len);
        }
    }
}

impl Mapping {
    pub(crate) fn new(charge: Charge) -> Self {
        Self {
            vmas: RangeMap::new(),
            peak: 0,
            brk: KeyRange::new(0, 0),
            stack: 0,
            data: 0,
            locked: 0,
            accounted: 0,
            charge,
            future_lock: VmaFlags::empty(),
            guards: Guards::default(),
            modes: Modes::default(),
            graveyard: SmallVec::new(),
        }
    }

    /// Returns the most bytes of mappings that there were at one time.
    pub(crate) fn peak(&self) -> u64 {
        self.peak.max(self.vmas.span())
    }

    /// Forgets what was more than `peak` bytes of mappings: memory on its way was there twice.
    pub(crate) fn forget_peak_above(&mut self, peak: u64) {
        self.peak = self.peak.min(peak);
    }

    /// Returns how many bytes are counted as committed.
    pub(crate) fn accounted(&self) -> u64 {
        self.accounted
    }

    /// Makes sure that a change which adds `bytes` and frees `freed` of what is accounted now can
    /// be charged. What it does not use is given back when the mapping is unlocked.
    pub(crate) fn charge(&mut self, bytes: u64, freed: u64) -> Result<(), Errno> {
        let target = (self.accounted - freed).checked_add(bytes).ok_or(Errno::ENOMEM)?;
        self.charge.grow(target.saturating_sub(self.charge.bytes()))
    }

    /// Returns how many bytes of `range` are counted as committed.
    pub(crate) fn accounted_in(&self, range: KeyRange) -> u64 {
        self.sum_in(range, |vma| vma.flags.contains(VmaFlags::ACCOUNT))
    }

    /// Returns how many bytes of `range` are locked.
    pub(crate) fn locked_in(&self, range: KeyRange) -> u64 {
        self.sum_in(range, Vma::is_locked)
    }

    fn sum_in(&self, range: KeyRange, which: fn(&Vma) -> bool) -> u64 {
        let held = self.vmas.iter_in(range).filter(|(_, vma)| which(vma));
        held.map(|(held, _)| held.intersect(range).len()).sum()
    }

    fn count(&mut self, range: KeyRange, vma: &Vma, count: fn(u64, u64) -> u64) {
        self.parts().1.count(range, vma, count);
    }

    /// Returns the vmas, and what changes with them.
    fn parts(&mut self) -> (&mut RangeMap<Vma>, Sums<'_>, &mut Graveyard) {
        let Self { vmas, data, locked, accounted, graveyard, .. } = self;
        (vmas, Sums { data, locked, accounted }, graveyard)
    }

    /// Inserts a vma where there is none, and merges it with its neighbours.
    pub(crate) fn insert(&mut self, range: KeyRange, vma: Vma) {
        self.count(range, &vma, |sum, len| sum + len);
        self.vmas.insert(range, vma);
    }

    /// Inserts a vma where there is none, and keeps it apart from its neighbours.
    pub(crate) fn insert_apart(&mut self, range: KeyRange, vma: Vma) {
        self.count(range, &vma, |sum, len| sum + len);
        self.vmas.insert_unmerged(range, vma);
    }

    /// Lets the vma at `start` reach up to `end`, where there is none in between, and merges it with
    /// the one there.
    pub(crate) fn extend(&mut self, start: u64, end: u64) {
        if let Some((held, vma)) = self.vmas.remove(start) {
            self.count(held, &vma, |sum, len| sum - len);
            self.insert(KeyRange::new(held.start, end), vma);
        }
    }

    /// Removes what lies inside `range` and calls `removed` for each vma.
    pub(crate) fn remove(&mut self, range: KeyRange, mut removed: impl FnMut(KeyRange, &Vma)) {
        self.guards.remove(range);
        self.peak = self.peak();
        let (vmas, mut sums, graveyard) = self.parts();
        vmas.remove_range(range, |held, vma| {
            sums.count(held, &vma, |sum, len| sum - len);
            removed(held, &vma);
            if let Some(object) = vma.object {
                graveyard.push(object);
            }
        });
    }

    /// Changes the attributes of everything inside `range`, and merges what became alike.
    pub(crate) fn edit(&mut self, range: KeyRange, mut change: impl FnMut(&mut Vma)) {
        let (vmas, mut sums, _) = self.parts();
        vmas.edit(range, |held, vma| {
            sums.count(held, vma, |sum, len| sum - len);
            change(vma);
            sums.count(held, vma, |sum, len| sum + len);
        });
    }

    /// Returns the lowest address at which something may end so as not to be too close to the vma
    /// at or above `addr`; `u64::MAX` when there is none.
    pub(crate) fn start_with_guard(&self, addr: u64) -> u64 {
        self.vmas.at_or_after(addr).map_or(u64::MAX, |(range, vma)| guarded(range, vma))
    }

    /// Returns whether `range` is free, keeping the guard gap of the vma above free as well.
    pub(crate) fn is_available(&self, range: KeyRange) -> bool {
        range.end <= self.start_with_guard(range.start)
    }

    /// Returns whether a change that cuts vmas at both ends of `range` stays within the limit on
    /// their number.
    pub(crate) fn may_cut(&self, range: KeyRange) -> bool {
        let cuts = [range.start, range.end]
            .into_iter()
            .filter(|at| self.vmas.get(*at).is_some_and(|(held, _)| held.start < *at));
        self.vmas.len() + cuts.count() <= MAX_VMAS
    }

    /// Returns whether `part`, inside one vma, may be changed within the limit on their number: it is
    /// cut off at both ends, unless it becomes a part of a neighbour instead.
    pub(crate) fn may_edit(&self, part: KeyRange, change: impl FnOnce(&mut Vma)) -> bool {
        if self.may_cut(part) {
            return true;
        }
        let Some((held, vma)) = self.vmas.get(part.start) else { return true };
        let mut changed = vma.copy_at(vma.offset_at(held, part.start));
        change(&mut changed);
        let below = self.vmas.before(held.start).is_some_and(|(range, below)| {
            range.end == part.start && below.can_merge(range, &changed, part)
        });
        let above = self.vmas.get(part.end).is_some_and(|(range, above)| {
            range.start == part.end && changed.can_merge(part, above, range)
        });
        below || above
    }

    /// Checks the counters.
    #[cfg(test)]
    pub(crate) fn check(&self) {
        let sum = |which: fn(&Vma) -> bool| -> u64 {
            self.vmas.iter().filter(|(_, vma)| which(vma)).map(|(range, _)| range.len()).sum()
        };
        assert_eq!(self.data, sum(Vma::is_data));
        assert_eq!(self.locked, sum(Vma::is_locked));
        assert_eq!(self.accounted, sum(|vma| vma.flags.contains(VmaFlags::ACCOUNT)));
        assert_eq!(self.accounted, self.charge.bytes());
    }
}

/// Returns where a vma starts, the gap that guards it included.
pub(crate) fn guarded(range: KeyRange, vma: &Vma) -> u64 {
    if vma.grows_down() { range.start.saturating_sub(GUARD_GAP) } else { range.start }
}

/// The mapping, locked for writing.
///
/// When it is unlocked, what was charged in advance and not used is given back first, and names of
/// objects are dropped last, outside the lock: dropping one may run code of a file system.
pub(crate) struct MappingWrite<'a> {
    guard: MappingAlone<'a>,
    /// Dropped after `guard`: fields are dropped in order.
    buried: Option<Graveyard>,
}

impl<'a> MappingWrite<'a> {
    pub(crate) fn new(guard: MappingAlone<'a>) -> Self {
        Self { guard, buried: None }
    }
}

impl Deref for MappingWrite<'_> {
    type Target = Mapping;

    fn deref(&self) -> &Mapping {
        &self.guard
    }
}

impl DerefMut for MappingWrite<'_> {
    fn deref_mut(&mut self) -> &mut Mapping {
        &mut self.guard
    }
}

impl Drop for MappingWrite<'_> {
    fn drop(&mut self) {
        let mapping = &mut *self.guard;
        let unused = mapping.charge.bytes().checked_sub(mapping.accounted);
        mapping.charge.shrink(unused.expect("our own invariant: what is accounted was charged"));
        if !mapping.graveyard.is_empty() {
            self.buried = Some(std::mem::take(&mut mapping.graveyard));
        }
    }
}
