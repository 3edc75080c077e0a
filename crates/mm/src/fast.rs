//! Access without a locked instruction, in short sections.
//!
//! The pages of a program are usually the memory file's, so the host address behind an address of
//! the program is arithmetic once its pma is known. What that takes is the label of the pma in the
//! map of all pmas, a part of what the *active* lock protects: whoever holds that has no other
//! translation than the one that is true.

use std::hint::cold_path;

use memfile::MemoryFile;
use rangeset::{KeyRange, Label};
use safecopy::Block;
use usermem_io::IoOpts;
use usermem_types::AccessType;

use crate::MemoryManager;
use crate::blocks::Side;
use crate::locks::ActiveFast;
use crate::pma::Pma;

/// The most bytes of one section: a writer has to wait for them.
pub(crate) const PIECE: usize = MemoryFile::PIECE;

/// Where in the rights of a translation those of a debugger begin, above the program's.
const DEBUGGER: u32 = 2;

/// Where a range of addresses lies in the memory file. Within one line of a cache.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(align(32))]
pub(crate) struct Translation {
    pub(crate) start: u64,
    pub(crate) len: u64,
    /// Offset in the file of the first byte.
    pub(crate) offset: u64,
    /// What may be done; nothing with pages of other files, and nothing by the program where the address
    /// space has a way of its own.
    rights: u64,
}

impl Translation {
    /// Returns whether an access is allowed, and that without any more questions.
    #[inline(always)]
    fn allows<M: Side>(&self, opts: IoOpts) -> bool {
        let right =
            u64::from(M::ACCESS.prot()) << if opts.ignore_permissions { DEBUGGER } else { 0 };
        self.rights & right != 0
    }
}

impl Label<Pma> for Translation {
    const NONE: Self = Self { start: 0, len: 0, offset: 0, rights: 0 };

    fn new(range: KeyRange, pma: &Pma) -> Self {
        let bits = |access: AccessType| u64::from(access.intersect(AccessType::READ_WRITE).prot());
        let effective = if pma.has_io { AccessType::NONE } else { pma.effective };
        let rights = bits(pma.max) << DEBUGGER | bits(effective);
        Self {
            start: range.start,
            len: range.len(),
            offset: pma.file.range().start,
            rights: if pma.in_memory { rights } else { 0 },
        }
    }

    #[inline(always)]
    fn range(&self) -> KeyRange {
        KeyRange { start: self.start, end: self.start.wrapping_add(self.len) }
    }

    #[inline(always)]
    fn holds(&self, addr: u64) -> bool {
        addr.wrapping_sub(self.start) < self.len
    }
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
    /// Finds the `part` of the bytes at `addr` that is wanted for an access, at least one; `None` leaves it
    /// to the usual way.
    #[inline(always)]
    pub(crate) fn fast<M: Side>(
        &self,
        addr: u64,
        part: Part,
        opts: IoOpts,
    ) -> Option<Section<'_, M>> {
        let Some(active) = self.active.fast_read() else {
            cold_path();
            return None;
        };
        let known = match part {
            Part::First(_) => active.pmas.label(addr),
            Part::All(_) | Part::Word(_) => active.pmas.label_at_hint(addr),
        };
        let Some(known) = known.filter(|known| known.allows::<M>(opts)) else {
            cold_path();
            return None;
        };
        let at = addr.wrapping_sub(known.start);
        // What a translation allows is in it, and in the file: nothing wraps around.
        let room = known.len.wrapping_sub(at);
        let len = match part {
            Part::All(len) if len as u64 > room => {
                cold_path();
                return None;
            }
            Part::All(len) => len,
            // One that is aligned does not leave its page, and whoever accesses one that is not finds that
            // out first: the piece may then end where it should not, but not outside the file.
            Part::Word(len) => len,
            // The smaller of two, one of which is a length, is a length.
            Part::First(len) => (len.min(PIECE) as u64).min(room) as usize,
        };
        let block = M::memory_piece(&self.memory, known.offset.wrapping_add(at), len);
        Some(Section { block, _active: active })
    }

    /// Finds where an address lies in the memory file, which is so as long as `active` is held; `None`
    /// where it does not, or the access is not allowed.
    ///
    /// Apart from loops over many ranges, which keep their registers.
    #[inline(never)]
    pub(crate) fn translation<'a, M: Side>(
        &self,
        active: &'a ActiveFast<'_>,
        addr: u64,
        opts: IoOpts,
    ) -> Option<&'a Translation> {
        active.pmas.label(addr).filter(|known| known.allows::<M>(opts))
    }
}

/// How much is wanted of the bytes at an address. Lengths are not zero.
///
/// What is wanted whole is found where something near it was found before, and nowhere else: whoever
/// wants a part searches, and leaves a hint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// So many, [`PIECE`] at most, or none.
    All(usize),
    /// A word of so many, if it is aligned.
    Word(usize),
    /// As many as can be had of so many.
    First(usize),
}
