//! Access without a locked instruction: short sections, and a cache of translations.
//!
//! The pages of a program are usually the memory file's, so the host address behind an address of
//! the program is arithmetic once its pma is known. Each thread remembers the pmas that it used
//! last, with the stamp of the *active* lock: whoever changes any pma makes it another one, and
//! waits before that until nobody uses what the old one stood for.

use std::cell::Cell;
use std::sync::Arc;

use rangeset::KeyRange;
use safecopy::Block;
use usermem_io::IoOpts;
use usermem_types::AccessType;

use crate::MemoryManager;
use crate::active::Active;
use crate::blocks::Side;
use crate::locks::ActiveFast;
use crate::pma::Pma;

/// The most bytes of one section: a writer has to wait for them.
pub(crate) const PIECE: usize = 64 << 10;

/// How many translations a thread remembers, a page of them.
const SLOTS: usize = 128;

/// Bits below the stamp: what the program may do, and above them what a debugger may.
const BITS: u32 = 4;
const DEBUGGER: u32 = 2;

/// Where a range of addresses lies in the memory file.
#[derive(Clone, Copy)]
pub(crate) struct Translation {
    /// The stamp under which this is true, and what may be done.
    tag: u64,
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Offset in the file of the first byte.
    pub(crate) offset: u64,
}

impl Translation {
    pub(crate) const NOTHING: Self = Self { tag: 0, start: 0, len: 0, offset: 0 };

    /// Returns the translation of a pma of the memory file.
    fn of(held: KeyRange, pma: &Pma, stamp: u64) -> Self {
        let bits = |access: AccessType| u64::from(access.intersect(AccessType::READ_WRITE).prot());
        let tag = stamp << BITS | bits(pma.max) << DEBUGGER | bits(pma.effective);
        Self { tag, start: held.start, len: held.len(), offset: pma.file.range().start }
    }

    /// Returns whether this is a translation of `addr`, is one of this `stamp`, and allows the access
    /// of `bit`.
    #[inline(always)]
    fn allows(&self, addr: u64, stamp: u64, bit: u64) -> bool {
        let others = ((1 << BITS) - 1) & !bit;
        self.tag & !others == stamp << BITS | bit && addr.wrapping_sub(self.start) < self.len
    }
}

thread_local! {
    static CACHE: [Cell<Translation>; SLOTS] =
        const { [const { Cell::new(Translation::NOTHING) }; SLOTS] };
}

/// Returns what this thread remembers for an address.
#[inline(always)]
fn remembered(addr: u64, spread: u32) -> Translation {
    CACHE.with(|cache| cache[slot(addr, spread)].get())
}

/// Returns the slot for an address, of which there is one for every `2^spread` bytes. Only a hint: what is in
/// the slot says itself what it is. Multiplying spreads regular distances evenly.
#[inline(always)]
fn slot(addr: u64, spread: u32) -> usize {
    let bucket = addr >> (spread & 63);
    (bucket.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.ilog2())) as usize
}

/// A prefix of a range, which stays what it is while this lives: see [`crate::locks::ActiveLock::fast_read`]
/// for what may be done meanwhile.
pub(crate) struct Section<'a, M> {
    block: Block<'a, M>,
    _active: ActiveFast<'a>,
}

impl<M> Section<'_, M> {
    /// Returns the memory; not empty.
    #[inline(always)]
    pub(crate) fn block(&self) -> Block<'_, M> {
        self.block
    }
}

impl MemoryManager {
    /// Finds a prefix of `len` bytes at `addr`, at least one, for an access; `None` leaves it to the
    /// usual way.
    #[inline(always)]
    pub(crate) fn fast<M: Side>(
        &self,
        addr: u64,
        len: usize,
        opts: IoOpts,
        whole: Whole,
    ) -> Option<Section<'_, M>> {
        let active = self.active.fast_read()?;
        let known = self.translation::<M>(&active, addr, opts)?;
        let at = addr.wrapping_sub(known.start);
        // What a translation allows is in it, and in the file: nothing wraps around.
        let room = known.len.wrapping_sub(at);
        let len = match whole {
            Whole::Yes if len as u64 > room => return None,
            Whole::Yes => len,
            // The smaller of two, one of which is a length, is a length.
            Whole::No => (len.min(PIECE) as u64).min(room) as usize,
        };
        let block = M::memory_block(&self.memory, known.offset.wrapping_add(at), len);
        Some(Section { block, _active: active })
    }

    /// Finds where an address lies in the memory file, which is so as long as `active` is held; `None`
    /// where it does not, or the access is not allowed.
    #[inline(always)]
    pub(crate) fn translation<M: Side>(
        &self,
        active: &ActiveFast<'_>,
        addr: u64,
        opts: IoOpts,
    ) -> Option<Translation> {
        let bit = u64::from(M::ACCESS.prot()) << if opts.ignore_permissions { DEBUGGER } else { 0 };
        let stamp = active.stamp();
        let mut known = remembered(addr, active.spread());
        if !known.allows(addr, stamp, bit) {
            known = self.look_up(active, addr, stamp, known)?;
            if !known.allows(addr, stamp, bit) {
                return None;
            }
        }
        Some(known)
    }

    /// Searches the pma of an address, and remembers it in the place of `known` if its pages are the
    /// memory file's.
    #[inline]
    fn look_up(
        &self,
        active: &Active,
        addr: u64,
        stamp: u64,
        known: Translation,
    ) -> Option<Translation> {
        let (held, pma) = active.pmas.get(addr)?;
        let memory = Arc::as_ptr(&self.memory);
        if !pma.private && !std::ptr::addr_eq(Arc::as_ptr(pma.file.file()), memory) {
            return None;
        }
        let found = Translation::of(held, pma, stamp);
        // Whoever put something there since pmas changed has looked how they are spread.
        let is_current = known.tag >> BITS == stamp;
        let spread = if is_current { active.spread() } else { active.update_spread(SLOTS as u64) };
        CACHE.with(|cache| cache[slot(addr, spread)].set(found));
        Some(found)
    }
}

/// Whether a part is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It is not.
    Yes,
    /// It is.
    No,
}
