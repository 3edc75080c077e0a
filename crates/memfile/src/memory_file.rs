//! The owner of all application memory.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap::{File, FileRange, FileRef};
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{Errno, PageSize};

use crate::charge::Account;
use crate::free_runs::Wanted;
use crate::huge::HugePages;
use crate::page_store::{Geometry, PageStore};
use crate::region::{self, Region};
use crate::shard::Kind;
use crate::zeros::Zeros;
use crate::{AllocOpts, Charge, Commit, MemoryFileError, MemoryFileOptions};

#[cfg(test)]
mod tests;

/// Pages that are looked at together before they are populated.
const POPULATED_PAGES: usize = 512;

/// All application memory: pages of a memfd, handed out zeroed and counted.
///
/// Every page is *used* (one reference or more), *dirty* (no reference, but its memory and its
/// contents are still there), *clean* (no reference, reads as zero), or for a moment none of
/// these, while its memory is given back.
#[derive(Debug)]
pub struct MemoryFile {
    pub(crate) region: Region,
    page_size: PageSize,
    pub(crate) pages: PageStore,
    pub(crate) zeros: Zeros,
    account: Account,
    allocated: AtomicU64,
    peak_allocated: AtomicU64,
    huge: HugePages,
    next_inode: AtomicU64,
}

impl MemoryFile {
    /// The most bytes of a piece.
    pub const PIECE: usize = region::PIECE;

    /// Creates a memory file without pages.
    ///
    /// # Errors
    /// What the host refused.
    pub fn new(options: MemoryFileOptions) -> Result<Arc<Self>, MemoryFileError> {
        Self::with_geometry(options, Geometry::default())
    }

    fn with_geometry(
        options: MemoryFileOptions,
        geometry: Geometry,
    ) -> Result<Arc<Self>, MemoryFileError> {
        let region = Region::new(options.reservation, options.page_size.huge_bytes())?;
        let (budget, page) = (options.recycle_budget, options.page_size.bytes());
        Ok(Arc::new(Self {
            pages: PageStore::new(region.reserved(), geometry, budget, page),
            zeros: Zeros::default(),
            region,
            page_size: options.page_size,
            account: Account::new(options.limit),
            allocated: AtomicU64::new(0),
            peak_allocated: AtomicU64::new(0),
            huge: HugePages::default(),
            next_inode: AtomicU64::new(1),
        }))
    }

    /// Allocates `len` bytes, rounded up to whole pages, that read as zero (except with
    /// [`Commit::CallerOverwrites`]). The caller holds the one reference to each page.
    ///
    /// An allocation is not bounded by the limit: what may be committed is charged by those who
    /// know it, see [`MemoryFile::charge`].
    ///
    /// # Errors
    /// `EINVAL` when `len` is zero; `ENOMEM` when the file is full or the host has no memory.
    pub fn allocate(self: &Arc<Self>, len: u64, opts: AllocOpts) -> Result<FileRef, Errno> {
        if len == 0 {
            return Err(Errno::EINVAL);
        }
        let len = self.page_size.round_up(len).ok_or(Errno::ENOMEM)?;
        let recycles = matches!(opts.commit, Commit::CallerTouches | Commit::CallerOverwrites);
        let (range, kind) = self.pages.take(self.wanted(len, opts), recycles, &self.region)?;
        self.count_allocated(len);
        // From here on an early return gives the pages back.
        let pages = FileRef::adopt(Arc::clone(self) as Arc<dyn File>, range);
        if kind == Kind::Dirty && opts.commit != Commit::CallerOverwrites {
            self.clear(range)?;
        }
        if opts.huge && self.is_congruent(range, opts.shown_at) {
            self.back_with_huge_pages(range);
        }
        if opts.commit == Commit::Now {
            self.region.populate(range)?;
        }
        Ok(pages)
    }

    /// Gives the memory of pages back to the host; they stay allocated and read as zero.
    ///
    /// # Errors
    /// The host's error when the pages could not be cleared.
    pub fn decommit(&self, range: FileRange) -> Result<(), Errno> {
        if range.is_empty() {
            return Ok(());
        }
        self.region.release(range)
    }

    /// Backs pages that are whole huge pages, aligned to them, with huge ones. Their contents stay; those
    /// that had no memory have some then.
    ///
    /// # Errors
    /// `EINVAL` when the range is not of that kind, or the host gives no huge pages; `ENOMEM` and others
    /// of the host when it has none now.
    pub fn make_huge(&self, range: FileRange) -> Result<(), Errno> {
        let huge = self.whole_huge_pages(range)?;
        let page = self.page_size.bytes();
        for piece in range.pieces(huge) {
            // The host collapses what there is, and nothing where nothing is.
            let first = FileRange::new(piece.start, piece.start + page);
            let mut present = [0];
            self.region.residency(first, &mut present);
            self.populate(first)?;
            if let Err(errno) = self.region.collapse(piece) {
                if present == [0] {
                    self.region.punch(first)?;
                }
                return Err(errno);
            }
        }
        Ok(())
    }

    /// Charges `bytes` against the limit for as long as the result lives.
    ///
    /// # Errors
    /// `ENOMEM` when the limit would be exceeded.
    pub fn charge(self: &Arc<Self>, bytes: u64) -> Result<Charge, Errno> {
        let mut charge = Charge::new(Arc::clone(self));
        charge.grow(bytes)?;
        Ok(charge)
    }

    /// Returns the granule of allocations.
    #[must_use]
    pub fn page_size(&self) -> PageSize {
        self.page_size
    }

    /// Returns the most bytes of pages that the file can hold.
    #[must_use]
    pub fn capacity(&self) -> u64 {
        self.region.reserved()
    }

    /// Returns the most bytes that may be charged at one time.
    #[must_use]
    pub fn limit(&self) -> Option<u64> {
        self.account.limit()
    }

    /// Returns how many bytes are charged.
    #[must_use]
    pub fn charged_bytes(&self) -> u64 {
        self.account.charged()
    }

    /// Returns the most bytes that were charged at one time.
    #[must_use]
    pub fn peak_charged_bytes(&self) -> u64 {
        self.account.peak()
    }

    /// Returns how many bytes of pages are allocated, with memory or without.
    #[must_use]
    pub fn allocated_bytes(&self) -> u64 {
        self.allocated.load(Ordering::Relaxed)
    }

    /// Returns the most bytes of pages that were allocated at one time.
    #[must_use]
    pub fn peak_allocated_bytes(&self) -> u64 {
        self.peak_allocated.load(Ordering::Relaxed)
    }

    /// Returns how many bytes of memory the host has put behind the file, recycled pages included.
    ///
    /// This asks the host: pages get memory when code in another process touches them, and nobody
    /// is told.
    #[must_use]
    pub fn committed_bytes(&self) -> u64 {
        self.region.committed_bytes()
    }

    /// Returns the memory behind `len` bytes at an offset, for reading. What is there is the
    /// concern of whoever holds a reference to the pages.
    ///
    /// # Panics
    /// When the file cannot become so long.
    #[inline(always)]
    #[must_use]
    pub fn source_at(&self, offset: u64, len: usize) -> SrcBlock<'_> {
        self.region.source(FileRange { start: offset, end: offset + len as u64 })
    }

    /// Returns the memory behind `len` bytes at an offset, for writing.
    ///
    /// # Panics
    /// When the file cannot become so long.
    #[inline(always)]
    #[must_use]
    pub fn destination_at(&self, offset: u64, len: usize) -> DstBlock<'_> {
        self.region.destination(FileRange { start: offset, end: offset + len as u64 })
    }

    /// Returns the memory behind a piece of at most [`Self::PIECE`] bytes at an offset, for reading, as
    /// [`source_at`](Self::source_at) does with fewer questions: what lies beyond the end of the file
    /// faults when it is touched.
    ///
    /// # Panics
    /// When the file cannot become so long that it has the first byte, or the piece is longer.
    #[inline(always)]
    #[must_use]
    pub fn source_piece(&self, offset: u64, len: usize) -> SrcBlock<'_> {
        self.region.source_piece(offset, len)
    }

    /// Returns the memory behind a piece of at most [`Self::PIECE`] bytes at an offset, for writing; as
    /// [`source_piece`](Self::source_piece).
    ///
    /// # Panics
    /// When the file cannot become so long that it has the first byte, or the piece is longer.
    #[inline(always)]
    #[must_use]
    pub fn destination_piece(&self, offset: u64, len: usize) -> DstBlock<'_> {
        self.region.destination_piece(offset, len)
    }

    pub(crate) fn account(&self) -> &Account {
        &self.account
    }

    /// Returns a number that no other object of this file has.
    pub(crate) fn next_inode(&self) -> u64 {
        self.next_inode.fetch_add(1, Ordering::Relaxed)
    }

    /// Zeroes pages that nobody else sees, and keeps their memory.
    fn clear(&self, range: FileRange) -> Result<(), Errno> {
        match safecopy::zero(self.region.destination(range)) {
            Ok(_) => Ok(()),
            // The memory may have gone bad; new memory is as good.
            Err(_) => self.region.punch(range),
        }
    }

    /// Returns how long a huge page is.
    ///
    /// # Errors
    /// `EINVAL` when a range is not of whole ones, aligned to them.
    fn whole_huge_pages(&self, range: FileRange) -> Result<u64, Errno> {
        let huge = self.page_size.huge_bytes();
        let is_whole = !range.is_empty() && (range.start | range.end).is_multiple_of(huge);
        if is_whole { Ok(huge) } else { Err(Errno::EINVAL) }
    }

    /// Backs the whole huge pages of a new allocation with huge ones, as far as the host has some.
    fn back_with_huge_pages(&self, range: FileRange) {
        let huge = self.page_size.huge_bytes();
        let start = range.start.next_multiple_of(huge);
        let end = (range.end & !(huge - 1)).max(start);
        for piece in FileRange::new(start, end).pieces(huge) {
            if self.huge.may_ask() {
                self.huge.note(&self.make_huge(piece));
            }
        }
    }

    /// Returns whether pages are as far from the boundary of a huge page as the address where they
    /// are shown.
    fn is_congruent(&self, range: FileRange, shown_at: Option<u64>) -> bool {
        let huge = self.page_size.huge_bytes();
        shown_at.is_some_and(|addr| (addr ^ range.start) & (huge - 1) == 0)
    }

    pub(crate) fn wanted(&self, len: u64, opts: AllocOpts) -> Wanted {
        let huge = self.page_size.huge_bytes();
        let congruent = match opts.shown_at {
            Some(addr) if len >= huge => (huge, addr & (huge - 1)),
            _ => (1, 0),
        };
        Wanted { len, direction: opts.direction, near: opts.near, congruent }
    }

    fn count_allocated(&self, len: u64) {
        let allocated = self.allocated.fetch_add(len, Ordering::Relaxed) + len;
        // Usually there were more before, which is found out without a locked instruction.
        if allocated > self.peak_allocated.load(Ordering::Relaxed) {
            self.peak_allocated.fetch_max(allocated, Ordering::Relaxed);
        }
    }
}

impl File for MemoryFile {
    fn inc_ref(&self, range: FileRange) {
        self.pages.inc(range);
    }

    fn dec_ref(&self, range: FileRange) {
        let (freed_bytes, to_release) = self.pages.dec(range);
        if freed_bytes > 0 {
            self.allocated.fetch_sub(freed_bytes, Ordering::Relaxed);
        }
        // Nobody else can reach these pages now, so no lock is needed to clear them. What cannot be
        // cleared is never handed out again.
        for run in to_release {
            if self.region.release(run).is_ok() {
                self.pages.add_clean(run);
            }
        }
    }

    fn has_unique_ref(&self, range: FileRange) -> bool {
        self.pages.is_unique(range)
    }

    fn source(&self, range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        Ok(self.region.source(range))
    }

    fn destination(&self, range: FileRange) -> Result<DstBlock<'_>, Errno> {
        Ok(self.region.destination(range))
    }

    /// A memfd of our own, for reading, writing and executing.
    fn is_always_mapped(&self) -> bool {
        true
    }

    /// Asks the host, which knows which pages of the memfd were touched, by code in any process. A
    /// page that is used for the first time has memory when it is touched, and not before: only
    /// those who are about to touch them are given recycled pages.
    fn residency(&self, range: FileRange, present: &mut [u8]) {
        self.region.residency(range, present);
    }

    fn populate(&self, range: FileRange) -> Result<(), Errno> {
        let page = self.page_size.bytes();
        let mut present = [0; POPULATED_PAGES];
        for piece in range.pieces(POPULATED_PAGES as u64 * page) {
            // What has memory is usually shown elsewhere, and not here: it is left like that.
            let present = &mut present[..(piece.len() / page) as usize];
            self.region.residency(piece, present);
            let mut at = piece.start;
            for run in present.chunk_by(|page, next| page == next) {
                let missing = FileRange::new(at, at + run.len() as u64 * page);
                at = missing.end;
                if run[0] == 0 {
                    self.region.populate(missing)?;
                }
            }
        }
        Ok(())
    }

    fn collapse(&self, range: FileRange) -> Result<(), Errno> {
        self.whole_huge_pages(range)?;
        self.region.collapse(range)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.region.fd()
    }
}
