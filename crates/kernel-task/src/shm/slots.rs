//! Which segment has which number.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Weak};

use usermem_types::Errno;

use super::segment::Segment;

/// The bits of an id that are its index.
const INDEX_BITS: u32 = 15;
/// Every index lies below.
const INDICES: u32 = 1 << INDEX_BITS;
/// Every sequence number lies below.
const SEQUENCES: u32 = (i32::MAX >> INDEX_BITS) as u32;
/// An index is used again after this many others at the earliest.
const CYCLE: u32 = 64;

/// Returns the index that is a part of an id.
pub(super) fn index(id: i32) -> u32 {
    id as u32 & (INDICES - 1)
}

/// Returns the sequence number that is a part of an id.
pub(super) fn sequence(id: i32) -> u16 {
    (id as u32 >> INDEX_BITS) as u16
}

/// A segment that exists.
#[derive(Debug)]
enum Slot {
    /// It can be found by its key, and stays when nobody maps it.
    Kept(Arc<Segment>),
    /// It was removed, and goes with its last mapping.
    Removed(Weak<Segment>),
}

/// The segments that exist, by index and by key.
///
/// A segment takes itself out when it is dropped, so that no reference to one may be dropped while
/// the lock of this is held.
#[derive(Debug, Default)]
pub(super) struct Slots {
    slots: BTreeMap<u32, Slot>,
    /// The index of each key.
    keys: HashMap<i32, u32>,
    /// Where the search for the next index begins.
    next: u32,
    last: Option<u32>,
    sequence: u32,
    /// Bytes of all segments, in whole pages.
    pub(super) bytes: u64,
    /// Bytes of those that are locked.
    pub(super) locked: u64,
}

impl Slots {
    /// Returns how many segments there are.
    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Returns the highest index in use; zero when there is none.
    pub(super) fn highest(&self) -> u32 {
        self.slots.last_key_value().map_or(0, |(index, _)| *index)
    }

    /// Returns the segment at an index.
    pub(super) fn at(&self, index: u32) -> Option<Arc<Segment>> {
        match self.slots.get(&index)? {
            Slot::Kept(segment) => Some(Arc::clone(segment)),
            Slot::Removed(segment) => segment.upgrade(),
        }
    }

    /// Returns the segment of a key.
    pub(super) fn of_key(&self, key: i32) -> Option<Arc<Segment>> {
        self.keys.get(&key).and_then(|index| self.at(*index))
    }

    /// Returns every segment, by index.
    pub(super) fn all(&self) -> Vec<Arc<Segment>> {
        self.slots.keys().filter_map(|index| self.at(*index)).collect()
    }

    /// Chooses the id of the next segment: the next free index of those in use so far and some
    /// more, and another sequence number whenever that begins anew, so that an id of before is not
    /// soon another segment's.
    ///
    /// # Errors
    /// `ENOSPC` when all are taken.
    pub(super) fn choose_id(&mut self) -> Result<i32, Errno> {
        let in_use = u32::try_from(self.slots.len()).unwrap_or(INDICES);
        let end = in_use.saturating_mul(3).div_euclid(2).clamp(CYCLE, INDICES);
        let is_free = |index: &u32| !self.slots.contains_key(index);
        let found = (self.next..end).find(is_free).or_else(|| (0..end).find(is_free));
        let index = found.ok_or(Errno::ENOSPC)?;
        self.next = index + 1;
        if self.last.is_some_and(|last| index <= last) {
            self.sequence = (self.sequence + 1) % SEQUENCES;
        }
        self.last = Some(index);
        Ok((self.sequence << INDEX_BITS | index) as i32)
    }

    /// Adds a segment whose id was chosen.
    pub(super) fn add(&mut self, segment: Arc<Segment>, key: i32) {
        let index = index(segment.id);
        self.bytes += segment.bytes();
        if key != 0 {
            self.keys.insert(key, index);
        }
        self.slots.insert(index, Slot::Kept(segment));
    }

    /// Leaves a segment to its mappings. Returns what kept it, to be dropped without the lock.
    #[must_use]
    pub(super) fn remove(&mut self, segment: &Arc<Segment>, key: i32) -> Option<Arc<Segment>> {
        if key != 0 {
            self.keys.remove(&key);
        }
        let slot = self.slots.get_mut(&index(segment.id))?;
        match std::mem::replace(slot, Slot::Removed(Arc::downgrade(segment))) {
            Slot::Kept(kept) => Some(kept),
            Slot::Removed(_) => None,
        }
    }

    /// Forgets a segment that is being dropped.
    pub(super) fn release(&mut self, id: i32, bytes: u64, is_locked: bool) {
        self.slots.remove(&index(id));
        self.bytes -= bytes;
        if is_locked {
            self.locked -= bytes;
        }
    }
}
