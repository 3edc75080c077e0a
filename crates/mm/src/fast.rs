//! Access without a locked instruction, in short sections.
//!
//! The pages of a program are usually the memory file's, so the host address behind an address of
//! the program is arithmetic once its pma is known. What that takes is the label of the pma in the
//! map of all pmas, a part of what the *active* lock protects: whoever holds that has no other
//! translation than the one that is true.

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
    /// What may be done; nothing with pages of other files.
    rights: u64,
}

impl Label<Pma> for Translation {
    const NONE: Self = Self { start: 0, len: 0, offset: 0, rights: 0 };

    fn new(range: KeyRange, pma: &Pma) -> Self {
        let bits = |access: AccessType| u64::from(access.intersect(AccessType::READ_WRITE).prot());
        let rights = bits(pma.max) << DEBUGGER | bits(pma.effective);
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
        let known = find::<M>(&active, addr, opts)?;
        let at = addr.wrapping_sub(known.start);
        // What a translation allows is in it, and in the file: nothing wraps around.
        let room = known.len.wrapping_sub(at);
        let len = match whole {
            Whole::Yes if len as u64 > room => return None,
            Whole::Yes => len,
            // The smaller of two, one of which is a length, is a length.
            Whole::No => (len.min(PIECE) as u64).min(room) as usize,
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
        find::<M>(active, addr, opts)
    }
}

/// See [`MemoryManager::translation`].
#[inline(always)]
fn find<'a, M: Side>(
    active: &'a ActiveFast<'_>,
    addr: u64,
    opts: IoOpts,
) -> Option<&'a Translation> {
    let right = u64::from(M::ACCESS.prot()) << if opts.ignore_permissions { DEBUGGER } else { 0 };
    active.pmas.label(addr).filter(|known| known.rights & right != 0)
}

/// Whether a part is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Whole {
    /// It is not.
    Yes,
    /// It is.
    No,
}
