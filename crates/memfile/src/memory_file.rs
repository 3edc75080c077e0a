//! The owner of all application memory.

use std::os::fd::BorrowedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap::{File, FileRange, FileRef};
use parking_lot::Mutex;
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{Errno, PageSize};

use crate::charge::Account;
use crate::free_runs::FreeRuns;
use crate::page_counts::PageCounts;
use crate::region::Region;
use crate::{AllocOpts, Charge, Commit, MemoryFileError, MemoryFileOptions};

#[cfg(test)]
mod tests;

/// The unit in which the file grows. Growing commits nothing.
const CHUNK: u64 = 1 << 30;

/// The longest run of freed pages that is kept with its memory.
const RECYCLED_RUN_MAX: u64 = 64 << 10;

/// All application memory: pages of a memfd, handed out zeroed and counted.
///
/// Every page is *used* (one reference or more), *dirty* (no reference, but its memory and its
/// contents are still there), *clean* (no reference, reads as zero), or for a moment none of
/// these, while its memory is given back.
#[derive(Debug)]
pub struct MemoryFile {
    region: Region,
    page_size: PageSize,
    recycle_budget: u64,
    pages: Mutex<Pages>,
    account: Account,
    allocated: AtomicU64,
    peak_allocated: AtomicU64,
    next_inode: AtomicU64,
}

/// The state of every page of the file.
#[derive(Debug, Default)]
struct Pages {
    /// The file's length.
    size: u64,
    used: PageCounts,
    dirty: FreeRuns,
    clean: FreeRuns,
}

impl MemoryFile {
    /// Creates a memory file without pages.
    ///
    /// # Errors
    /// What the host refused.
    pub fn new(options: MemoryFileOptions) -> Result<Arc<Self>, MemoryFileError> {
        Ok(Arc::new(Self {
            region: Region::new(options.reservation)?,
            page_size: options.page_size,
            recycle_budget: options.recycle_budget,
            pages: Mutex::new(Pages::default()),
            account: Account::new(options.limit),
            allocated: AtomicU64::new(0),
            peak_allocated: AtomicU64::new(0),
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
        let (range, is_dirty) = self.pages.lock().take(len, opts, &self.region)?;
        let allocated = self.allocated.fetch_add(len, Ordering::Relaxed) + len;
        self.peak_allocated.fetch_max(allocated, Ordering::Relaxed);
        // From here on an early return gives the pages back.
        let pages = FileRef::adopt(Arc::clone(self) as Arc<dyn File>, range);
        if is_dirty && opts.commit != Commit::CallerOverwrites {
            self.clear(range)?;
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
        self.release(range)
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

    /// Makes pages read as zero, and gives their memory back where the host lets us.
    fn release(&self, range: FileRange) -> Result<(), Errno> {
        self.region.punch(range).or_else(|errno| {
            safecopy::zero(self.region.destination(range)).map(|_| ()).map_err(|_| errno)
        })
    }
}

impl File for MemoryFile {
    fn inc_ref(&self, range: FileRange) {
        self.pages.lock().used.inc(range);
    }

    fn dec_ref(&self, range: FileRange) {
        let mut pages = self.pages.lock();
        let freed = pages.used.dec(range);
        if freed.is_empty() {
            return;
        }
        let mut to_release = Vec::new();
        let mut bytes = 0;
        for run in freed {
            bytes += run.len();
            if run.len() <= RECYCLED_RUN_MAX {
                pages.dirty.insert(run);
            } else {
                to_release.push(run);
            }
        }
        if pages.dirty.bytes() > self.recycle_budget {
            to_release.extend(pages.dirty.take_all());
        }
        drop(pages);
        self.allocated.fetch_sub(bytes, Ordering::Relaxed);
        // Nobody else can reach these pages now, so the lock is not needed to clear them. What
        // cannot be cleared is never handed out again.
        to_release.retain(|run| self.release(*run).is_ok());
        if !to_release.is_empty() {
            let mut pages = self.pages.lock();
            for run in to_release {
                pages.clean.insert(run);
            }
        }
    }

    fn has_unique_ref(&self, range: FileRange) -> bool {
        self.pages.lock().used.is_unique(range)
    }

    fn source(&self, range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        Ok(self.region.source(range))
    }

    fn destination(&self, range: FileRange) -> Result<DstBlock<'_>, Errno> {
        Ok(self.region.destination(range))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.region.fd()
    }
}

impl Pages {
    /// Chooses free pages and gives each its first reference; returns also whether they are dirty.
    fn take(
        &mut self,
        len: u64,
        opts: AllocOpts,
        region: &Region,
    ) -> Result<(FileRange, bool), Errno> {
        if matches!(opts.commit, Commit::CallerTouches | Commit::CallerOverwrites)
            && let Some(range) = self.find_dirty(len, opts)
        {
            self.dirty.take(range);
            self.used.add(range);
            return Ok((range, true));
        }
        let range = match self.clean.find(len, opts.direction, opts.near) {
            Some(range) => range,
            None => {
                self.grow(len, region)?;
                self.clean.find_by_size(len, opts.direction).ok_or(Errno::ENOMEM)?
            }
        };
        self.clean.take(range);
        self.used.add(range);
        Ok((range, false))
    }

    /// Returns dirty pages, unless clean ones would continue the neighbour and dirty ones not.
    fn find_dirty(&self, len: u64, opts: AllocOpts) -> Option<FileRange> {
        if let Some(near) = opts.near {
            if let Some(range) = self.dirty.find_at(len, opts.direction, near) {
                return Some(range);
            }
            if self.clean.find_at(len, opts.direction, near).is_some() {
                return None;
            }
        }
        self.dirty.find_by_size(len, opts.direction)
    }

    /// Grows the file by whole chunks so that `len` free bytes lie at its end.
    fn grow(&mut self, len: u64, region: &Region) -> Result<(), Errno> {
        let chunks = len.div_ceil(CHUNK);
        let wanted = chunks.checked_mul(CHUNK).and_then(|by| self.size.checked_add(by));
        let size = wanted.ok_or(Errno::ENOMEM)?.min(region.reserved());
        if size - self.size < len {
            return Err(Errno::ENOMEM);
        }
        region.grow(size).map_err(|_| Errno::ENOMEM)?;
        self.clean.insert(FileRange::new(self.size, size));
        self.size = size;
        Ok(())
    }
}
