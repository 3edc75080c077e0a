//! Who maps which part of an object.

use std::fmt;
use std::sync::Weak;

use rangeset::{KeyRange, RangeMap, Segment};
use smallvec::SmallVec;
use usermem_types::{Addr, AddrRange};

use crate::{InvalidateOpts, MappableRange, MappingSpace};

#[cfg(test)]
mod tests;

/// Ranges of an object.
type Ranges = SmallVec<[MappableRange; 1]>;

/// Which spaces map which ranges of an object: what a [`Mappable`](crate::Mappable) keeps of the
/// calls it gets, to find those who must hear that pages are gone.
///
/// A mapping is a space, a range of its addresses, the offset of the first one, and whether it is
/// writable; those that differ in any of these are different mappings. A mapping can be removed in
/// other pieces than it was added in.
#[derive(Debug, Default)]
pub struct MappingSet {
    mappings: RangeMap<Mappings>,
}

impl MappingSet {
    /// Creates a set without mappings.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Returns whether nothing is mapped.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.mappings.is_empty()
    }

    /// Adds a mapping, and returns what was not mapped by anyone before.
    ///
    /// # Panics
    /// When the offset of the last byte exceeds `u64::MAX`.
    pub fn add(
        &mut self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Ranges {
        let object = object_range(range, offset);
        let mapping = Mapping::new(space, range, offset, writable);
        if object.is_empty() {
            return Ranges::new();
        }
        let holes: SmallVec<[KeyRange; 1]> = self.mappings.gaps_in(object).collect();
        self.mappings.edit(object, |_, mappings| mappings.add(&mapping));
        for hole in &holes {
            self.mappings.insert(*hole, Mappings::of(mapping.clone()));
        }
        holes.into_iter().map(mappable_range).collect()
    }

    /// Removes a mapping or a part of one, and returns what nobody maps any more. What was not
    /// added is not removed.
    ///
    /// # Panics
    /// When the offset of the last byte exceeds `u64::MAX`.
    pub fn remove(
        &mut self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Ranges {
        let object = object_range(range, offset);
        let mapping = Mapping::new(space, range, offset, writable);
        let mut unmapped = Ranges::new();
        self.mappings.isolate(object);
        self.mappings.for_each_mut(object, |held, mappings| {
            if mappings.remove(&mapping) {
                match unmapped.last_mut() {
                    Some(before) if before.end == held.start => before.end = held.end,
                    _ => unmapped.push(mappable_range(held)),
                }
            }
        });
        for gone in &unmapped {
            self.mappings.remove_range(KeyRange::new(gone.start, gone.end), |_, _| {});
        }
        self.mappings.merge_in(object);
        unmapped
    }

    /// Tells every space that maps a part of `range` to drop its translations of that part, in
    /// the order of the object's offsets.
    pub fn invalidate(&self, range: MappableRange, opts: InvalidateOpts) {
        if range.is_empty() {
            return;
        }
        let range = KeyRange::new(range.start, range.end);
        for (held, mappings) in self.mappings.iter_in(range) {
            let part = held.intersect(range);
            for mapping in &mappings.0 {
                if let Some(space) = mapping.space.upgrade() {
                    space.invalidate(mapping.addrs(part), opts);
                }
            }
        }
    }

    /// Tells every space that maps anything to drop its translations of it.
    pub fn invalidate_all(&self, opts: InvalidateOpts) {
        self.invalidate(MappableRange { start: 0, end: u64::MAX }, opts);
    }

    /// Returns whether any part of `range` is mapped writable.
    #[must_use]
    pub fn is_mapped_writable(&self, range: MappableRange) -> bool {
        !range.is_empty()
            && self
                .mappings
                .iter_in(KeyRange::new(range.start, range.end))
                .any(|(_, mappings)| mappings.0.iter().any(|mapping| mapping.writable))
    }
}

/// One mapping, without its range: which is the same for every part of it.
#[derive(Clone)]
struct Mapping {
    space: Weak<dyn MappingSpace>,
    /// What must be added to an offset, wrapping, to give its address.
    delta: u64,
    writable: bool,
}

impl Mapping {
    fn new(space: &Weak<dyn MappingSpace>, range: AddrRange, offset: u64, writable: bool) -> Self {
        let delta = range.start().get().wrapping_sub(offset);
        Self { space: Weak::clone(space), delta, writable }
    }

    /// Returns the addresses that map a part of the object.
    fn addrs(&self, part: KeyRange) -> AddrRange {
        Addr::new(part.start.wrapping_add(self.delta))
            .to_range(part.len())
            .expect("our own invariant: a part of a mapping lies in its addresses")
    }
}

impl PartialEq for Mapping {
    fn eq(&self, other: &Self) -> bool {
        self.delta == other.delta
            && self.writable == other.writable
            && std::ptr::addr_eq(self.space.as_ptr(), other.space.as_ptr())
    }
}

impl fmt::Debug for Mapping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let access = if self.writable { "rw" } else { "r" };
        write!(f, "{:p}+{:#x} {access}", self.space.as_ptr(), self.delta)
    }
}

/// The mappings of one range of the object; no two are equal, and there is at least one.
#[derive(Clone, Debug)]
struct Mappings(SmallVec<[Mapping; 1]>);

impl Mappings {
    fn of(mapping: Mapping) -> Self {
        let mut mappings = SmallVec::new();
        mappings.push(mapping);
        Self(mappings)
    }

    fn add(&mut self, mapping: &Mapping) {
        if !self.0.contains(mapping) {
            self.0.push(mapping.clone());
        }
    }

    /// Removes a mapping, and returns whether it was the last one.
    fn remove(&mut self, mapping: &Mapping) -> bool {
        let Some(index) = self.0.iter().position(|held| held == mapping) else { return false };
        self.0.remove(index);
        self.0.is_empty()
    }
}

impl Segment for Mappings {
    fn can_merge(&self, _: KeyRange, next: &Self, _: KeyRange) -> bool {
        self.0.len() == next.0.len() && next.0.iter().all(|mapping| self.0.contains(mapping))
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        self.clone()
    }
}

/// Returns what `range`, mapped from `offset` on, shows of the object.
fn object_range(range: AddrRange, offset: u64) -> KeyRange {
    let end = offset
        .checked_add(range.len())
        .expect("our own invariant: offsets of a mapping do not overflow");
    KeyRange::new(offset, end)
}

fn mappable_range(range: KeyRange) -> MappableRange {
    MappableRange { start: range.start, end: range.end }
}
