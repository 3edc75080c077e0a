//! Where entries were found last.

use alloc::boxed::Box;
use core::sync::atomic::{AtomicU32, Ordering};

use crate::block::MAX;
use crate::map::Pos;

/// Where entries were found last, by their keys: so that most searches compare once.
///
/// Nothing here has to be true: whoever takes a hint looks whether the entry is there. So readers
/// leave hints for each other without a lock, and changes of the map leave them alone.
pub(crate) struct Hints {
    /// A power of two of them, or none.
    slots: Box<[AtomicU32]>,
    /// There is one slot for every `2^spread` keys.
    spread: u32,
    /// How many bits of a product are no part of a slot's number.
    shift: u32,
}

impl Hints {
    pub(crate) fn new() -> Self {
        Self { slots: Box::default(), spread: 0, shift: 0 }
    }

    /// Makes room for `len` entries of `span` keys: two to four slots for each.
    pub(crate) fn fit(&mut self, len: usize, span: u64) {
        // Entries are long where there is one slot for all of their keys.
        self.spread = (span / (len as u64).max(1)).max(1).ilog2();
        if 2 * len > self.slots.len() || 16 * len < self.slots.len() {
            let count = (2 * len + 1).next_power_of_two();
            self.slots = (0..count).map(|_| AtomicU32::new(0)).collect();
            self.shift = u64::BITS - count.ilog2();
        }
    }

    /// Forgets everything; for a map that is searched at once.
    pub(crate) fn clear(&mut self) {
        self.slots = Box::default();
    }

    /// Returns the slot for a key, which all that is near shares.
    #[inline]
    pub(crate) fn slot(&self, key: u64) -> Option<&AtomicU32> {
        // Multiplying spreads regular distances evenly over the upper bits.
        let mixed = (key >> (self.spread & 63)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        self.slots.get((mixed >> (self.shift & 63)) as usize)
    }
}

/// Returns the place that a slot names.
#[inline]
pub(crate) fn load(slot: &AtomicU32) -> Pos {
    let place = slot.load(Ordering::Relaxed) as usize;
    Pos { block: place / MAX, index: place % MAX }
}

/// Has a slot name a place.
pub(crate) fn store(slot: &AtomicU32, pos: Pos) {
    // What does not fit names another place, which is looked at in vain.
    slot.store((pos.block * MAX + pos.index) as u32, Ordering::Relaxed);
}
