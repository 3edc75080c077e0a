//! Host memory behind ranges of application memory.

use memfile::MemoryFile;
use memmap::{File, FileRange};
use rangeset::KeyRange;
use safecopy::{Block, Destination, Source};
use smallvec::SmallVec;
use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRangeSeq, Errno, Fault, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::locks::ActiveRead;
use crate::mapping::Mapping;
use crate::range::{keys, whole_pages};

/// Blocks that fit without an allocation.
pub(crate) type Blocks<'a, M> = SmallVec<[Block<'a, M>; 8]>;

/// The two directions of a copy.
pub(crate) trait Side: Sized {
    /// What the mapping must allow.
    const ACCESS: AccessType;

    /// Returns host memory that shows a prefix of the pages.
    fn block(file: &dyn File, range: FileRange) -> Result<Block<'_, Self>, Errno>;

    /// Returns `len` bytes of the memory file at an offset.
    fn memory_block(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self>;

    /// Returns `len` bytes of the memory file at an offset, [`MemoryFile::PIECE`] at most.
    fn memory_piece(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self>;
}

impl Side for Source {
    const ACCESS: AccessType = AccessType::READ;

    fn block(file: &dyn File, range: FileRange) -> Result<Block<'_, Self>, Errno> {
        file.source(range)
    }

    #[inline(always)]
    fn memory_block(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self> {
        memory.source_at(offset, len)
    }

    #[inline(always)]
    fn memory_piece(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self> {
        memory.source_piece(offset, len)
    }
}

impl Side for Destination {
    const ACCESS: AccessType = AccessType::WRITE;

    fn block(file: &dyn File, range: FileRange) -> Result<Block<'_, Self>, Errno> {
        file.destination(range)
    }

    #[inline(always)]
    fn memory_block(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self> {
        memory.destination_at(offset, len)
    }

    #[inline(always)]
    fn memory_piece(memory: &MemoryFile, offset: u64, len: usize) -> Block<'_, Self> {
        memory.destination_piece(offset, len)
    }
}

/// A prefix of some ranges, and why there is no more.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Prefix {
    /// Bytes.
    pub(crate) len: u64,
    /// Why the ranges end here, if they go on.
    pub(crate) fault: Option<Fault>,
}

impl Active {
    /// Appends the blocks of `range` as far as pmas cover it and allow the access; returns how far
    /// that is.
    ///
    /// # Errors
    /// As well when the host could not map the pages of a pma.
    fn gather_one<'a, M: Side>(
        &'a self,
        range: KeyRange,
        opts: IoOpts,
        blocks: &mut Blocks<'a, M>,
    ) -> (u64, Option<FaultKind>) {
        let mut at = range.start;
        for (held, pma) in self.pmas.iter_in(range) {
            if held.start > at || !pma.accesses(opts.ignore_permissions).superset_of(M::ACCESS) {
                break;
            }
            let end = held.end.min(range.end);
            let file = &**pma.file.file();
            while at < end {
                let pages = pma.pages(held, KeyRange::new(at, end));
                match M::block(file, pages) {
                    Ok(block) if !block.is_empty() => {
                        let block = block.take_first((end - at) as usize);
                        at += block.len() as u64;
                        blocks.push(block);
                    }
                    Err(Errno::ENOMEM) => return (at, Some(FaultKind::NoMemory)),
                    _ => return (at, Some(FaultKind::Bus)),
                }
            }
        }
        (at, None)
    }

    /// Appends the blocks of the ranges as far as pmas cover them and allow the access.
    pub(crate) fn gather<'a, M: Side>(
        &'a self,
        ranges: AddrRangeSeq<'_>,
        opts: IoOpts,
        blocks: &mut Blocks<'a, M>,
    ) -> (u64, Option<Fault>) {
        let mut len = 0;
        for range in ranges {
            let range = keys(range);
            let (end, kind) = self.gather_one(range, opts, blocks);
            len += end - range.start;
            if let Some(kind) = kind {
                return (len, Some(Fault::new(kind, Addr::new(end))));
            }
            if end < range.end {
                break;
            }
        }
        (len, None)
    }
}

impl Mapping {
    /// Returns how far `range` is mapped and allows the access, and what is wrong there.
    fn allowed(
        &self,
        range: KeyRange,
        access: AccessType,
        opts: IoOpts,
    ) -> (u64, Option<FaultKind>) {
        let mut at = range.start;
        for (held, vma) in self.vmas.iter_in(range) {
            let allowed = if opts.ignore_permissions { vma.max } else { vma.effective() };
            if held.start > at {
                break;
            }
            if !allowed.superset_of(access) {
                return (at, Some(FaultKind::Protection));
            }
            at = held.end.min(range.end);
        }
        (at, (at < range.end).then_some(FaultKind::Unmapped))
    }
}

impl MemoryManager {
    /// Makes the pages behind the ranges present for an access, as far as possible, and returns the
    /// pmas locked for reading with the length of that prefix.
    pub(crate) fn prepare(
        &self,
        ranges: AddrRangeSeq<'_>,
        access: AccessType,
        opts: IoOpts,
    ) -> (ActiveRead<'_>, Prefix) {
        let mut grown = None;
        loop {
            let mapping = self.mapping.read();
            // As in Linux, touching what lies below a stack extends it; a debugger does not touch.
            let hole =
                ranges.iter().find_map(|range| match mapping.allowed(keys(range), access, opts) {
                    (at, Some(FaultKind::Unmapped)) => Some(Addr::new(at)),
                    _ => None,
                });
            if let Some(hole) = hole
                && !opts.ignore_permissions
                && grown != Some(hole)
                && mapping.vmas.at_or_after(hole.get()).is_some_and(|(_, vma)| vma.grows_down())
            {
                drop(mapping);
                grown = Some(hole);
                self.grow_stack(hole);
                continue;
            }
            let mut detached = Detached::new(&*self.space);
            let mut active = self.active.write();
            let mut prefix = Prefix { len: 0, fault: None };
            for range in ranges.iter().map(keys).filter(|range| !range.is_empty()) {
                let (end, refused) = mapping.allowed(range, access, opts);
                let mut reached = end;
                let mut kind = refused;
                if range.start < end {
                    let pages = whole_pages(KeyRange::new(range.start, end));
                    let present =
                        self.make_present(&mapping, &mut active, pages, access, &mut detached);
                    if present.end < end {
                        reached = present.end.max(range.start);
                        kind = Some(present.fault.unwrap_or(FaultKind::Bus));
                    }
                }
                prefix.len += reached - range.start;
                if let Some(kind) = kind {
                    prefix.fault = Some(Fault::new(kind, Addr::new(reached)));
                    break;
                }
            }
            drop(mapping);
            // What was copied must not be seen any more when the copy is written.
            drop(detached);
            return (active.downgrade(), prefix);
        }
    }
}
