//! Where entries were found last.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use crate::store::MAX;

/// Multiplying by the golden part of all numbers spreads regular distances evenly.
const FACTOR: u64 = 0x9e37_79b9_7f4a_7c15;

/// Where entries were found last, by their keys: so that most searches compare once.
///
/// Nothing here has to be true: whoever takes a hint looks whether the entry is there. So readers
/// leave hints for each other without a lock, and changes of the map leave them alone.
pub(crate) struct Hints {
    /// A power of two of them, or none.
    slots: Box<[AtomicU32]>,
    /// Which bits of a key matter: there is one slot for every so many keys, as of the last search.
    mask: AtomicU64,
    /// What spreads them over the upper bits of a product.
    factor: AtomicU64,
    /// The starts of all entries that there ever were, one over the other.
    starts: u64,
}

impl Hints {
    pub(crate) fn new() -> Self {
        Self {
            slots: Box::default(),
            mask: AtomicU64::new(!0),
            factor: AtomicU64::new(FACTOR),
            starts: 0,
        }
    }

    /// Makes room for `len` entries: two to four slots for each, and more where they are few.
    pub(crate) fn fit(&mut self, len: usize) {
        let len = len.max(MAX);
        if 2 * len > self.slots.len() || 16 * len < self.slots.len() {
            let count = (2 * len + 1).next_power_of_two();
            self.slots = (0..count).map(|_| AtomicU32::new(0)).collect();
        }
    }

    /// Notes where an entry starts.
    pub(crate) fn note_start(&mut self, start: u64) {
        self.starts |= start;
    }

    /// Returns the place where the entry that holds a key may be.
    #[inline(always)]
    pub(crate) fn load(&self, key: u64) -> Option<usize> {
        Some(self.slots.get(self.slot(key))?.load(Ordering::Relaxed) as usize)
    }

    /// Notes the place of the entry that holds a key, in a map that holds `span` keys.
    pub(crate) fn store(&self, key: u64, place: usize, span: u64) {
        let spread = self.best_spread(span);
        // Lines that others read are written only where that changes them.
        if self.mask.load(Ordering::Relaxed) != !0 << spread {
            self.mask.store(!0 << spread, Ordering::Relaxed);
            self.factor.store(FACTOR >> spread, Ordering::Relaxed);
        }
        // What does not fit names another place, which is looked at in vain.
        let place = place as u32;
        if let Some(slot) = self.slots.get(self.slot(key))
            && slot.load(Ordering::Relaxed) != place
        {
            slot.store(place, Ordering::Relaxed);
        }
    }

    /// Returns the number of the slot for a key, which all that is near shares: whatever was read of a
    /// mask and a factor that somebody changes.
    #[inline(always)]
    fn slot(&self, key: u64) -> usize {
        // A product, as a part of all there can be, of the number of slots.
        let bits = key & self.mask.load(Ordering::Relaxed);
        let mixed = bits.wrapping_mul(self.factor.load(Ordering::Relaxed));
        ((u128::from(mixed) * self.slots.len() as u128) >> u64::BITS) as usize
    }

    /// Returns the logarithm of the least number of keys for a slot with which half of the slots are
    /// enough; not less than what all entries start at multiples of, since keys that close together
    /// are never of two entries.
    fn best_spread(&self, span: u64) -> u32 {
        let keys_of_slot = span / (self.slots.len() as u64 / 2).max(1);
        keys_of_slot.max(1).ilog2().max(self.starts.trailing_zeros().min(63))
    }
}
