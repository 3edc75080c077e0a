//! Where entries were found last.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::KeyRange;
use crate::store::MAX;

/// Where entries were found last, by their keys: so that most searches compare once.
///
/// Nothing here has to be true: whoever takes a hint looks whether the entry is there. So readers
/// leave hints for each other without a lock, and changes of the map leave them alone.
pub(crate) struct Hints {
    /// A power of two of them, or none.
    slots: Box<[AtomicU32]>,
    /// There is one slot for every `2^spread` keys, as of the last search.
    spread: AtomicU32,
    /// How many bits of a product are no part of a slot's number.
    shift: u32,
    /// All starts and ends of entries that there ever were, one over the other.
    ends: u64,
}

impl Hints {
    pub(crate) fn new() -> Self {
        Self { slots: Box::default(), spread: AtomicU32::new(0), shift: 0, ends: 0 }
    }

    /// Makes room for `len` entries: two to four slots for each, and more where they are few.
    pub(crate) fn fit(&mut self, len: usize) {
        let len = len.max(MAX);
        if 2 * len > self.slots.len() || 16 * len < self.slots.len() {
            let count = (2 * len + 1).next_power_of_two();
            self.slots = (0..count).map(|_| AtomicU32::new(0)).collect();
            self.shift = u64::BITS - count.ilog2();
        }
    }

    /// Notes where an entry starts and ends.
    pub(crate) fn note_ends(&mut self, range: KeyRange) {
        self.ends |= range.start | range.end;
    }

    /// Returns the place where the entry that holds a key may be.
    #[inline(always)]
    pub(crate) fn load(&self, key: u64) -> Option<usize> {
        let slot = self.slots.get(self.slot(key, self.spread.load(Ordering::Relaxed)));
        Some(slot?.load(Ordering::Relaxed) as usize)
    }

    /// Notes the place of the entry that holds a key, in a map that holds `span` keys.
    pub(crate) fn store(&self, key: u64, place: usize, span: u64) {
        let spread = self.best_spread(span);
        // Lines that others read are written only where that changes them.
        if spread != self.spread.load(Ordering::Relaxed) {
            self.spread.store(spread, Ordering::Relaxed);
        }
        // What does not fit names another place, which is looked at in vain.
        let place = place as u32;
        if let Some(slot) = self.slots.get(self.slot(key, spread))
            && slot.load(Ordering::Relaxed) != place
        {
            slot.store(place, Ordering::Relaxed);
        }
    }

    /// Returns the number of the slot for a key, which all that is near shares.
    #[inline(always)]
    fn slot(&self, key: u64, spread: u32) -> usize {
        // Multiplying spreads regular distances evenly over the upper bits.
        let mixed = (key >> (spread & 63)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (mixed >> (self.shift & 63)) as usize
    }

    /// Returns the least spread for which half of the slots are enough for all keys; not less than
    /// that of pages, say, where entries are whole pages.
    fn best_spread(&self, span: u64) -> u32 {
        let keys_of_slot = span >> (63 - self.shift.min(63));
        keys_of_slot.max(1).ilog2().max(self.ends.trailing_zeros().min(63))
    }
}
