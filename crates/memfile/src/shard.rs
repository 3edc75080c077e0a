//! A part of the file that has a lock of its own.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use memmap::FileRange;
use parking_lot::Mutex;

use crate::Direction;
use crate::free_runs::{FreeRuns, Wanted};
use crate::page_counts::PageCounts;

/// How many shards one allocation of the table has room for.
const LEAF: usize = 256;

/// A part of the file: its pages, or none while they are kept with the large allocations.
///
/// While a page of it is referenced, neither opens nor closes it.
#[derive(Debug)]
pub(crate) struct Shard {
    range: FileRange,
    is_open: AtomicBool,
    /// The longest runs, for those who search: what they find without the lock is only likely.
    longest_clean: AtomicU64,
    longest_dirty: AtomicU64,
    pages: Mutex<ShardPages>,
}

/// The state of every page of a shard.
#[derive(Debug, Default)]
pub(crate) struct ShardPages {
    pub(crate) used: PageCounts,
    pub(crate) dirty: FreeRuns,
    pub(crate) clean: FreeRuns,
}

impl Shard {
    fn new(range: FileRange) -> Self {
        Self {
            range,
            is_open: AtomicBool::new(false),
            longest_clean: AtomicU64::new(0),
            longest_dirty: AtomicU64::new(0),
            pages: Mutex::default(),
        }
    }

    /// Returns the part of the file.
    pub(crate) fn range(&self) -> FileRange {
        self.range
    }

    /// Returns whether the pages are here.
    pub(crate) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Acquire)
    }

    /// Returns the length of the longest clean run, or what it was a moment ago.
    pub(crate) fn longest_clean(&self) -> u64 {
        self.longest_clean.load(Ordering::Relaxed)
    }

    /// Returns the length of the longest dirty run, or what it was a moment ago.
    pub(crate) fn longest_dirty(&self) -> u64 {
        self.longest_dirty.load(Ordering::Relaxed)
    }

    /// Calls `f` with the pages, locked.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut ShardPages) -> R) -> R {
        self.run(&mut self.pages.lock(), f)
    }

    /// Calls `f` with the counts, locked. It neither frees nor takes pages.
    pub(crate) fn with_counts<R>(&self, f: impl FnOnce(&mut PageCounts) -> R) -> R {
        f(&mut self.pages.lock().used)
    }

    /// Calls `f` with the pages, unless another thread has them locked.
    pub(crate) fn try_with<R>(&self, f: impl FnOnce(&mut ShardPages) -> R) -> Option<R> {
        self.pages.try_lock().map(|mut pages| self.run(&mut pages, f))
    }

    /// Takes all pages, clean and unreferenced.
    pub(crate) fn open(&self) {
        self.with(|pages| pages.clean.insert(self.range));
        self.is_open.store(true, Ordering::Release);
    }

    /// Gives all pages away when none is referenced; returns how many of their bytes are dirty
    /// where, or nothing when some are in use.
    pub(crate) fn close(&self) -> Option<FreeRuns> {
        self.with(|pages| {
            let bytes = pages.clean.bytes() + pages.dirty.bytes();
            if !self.is_open() || bytes != self.range.len() {
                return None;
            }
            self.is_open.store(false, Ordering::Release);
            let ShardPages { dirty, .. } = std::mem::take(pages);
            Some(dirty)
        })
    }

    fn run<R>(&self, pages: &mut ShardPages, f: impl FnOnce(&mut ShardPages) -> R) -> R {
        let result = f(pages);
        set(&self.longest_clean, pages.clean.longest());
        set(&self.longest_dirty, pages.dirty.longest());
        result
    }
}

/// Stores a value that changes less often than it is stored.
fn set(to: &AtomicU64, value: u64) {
    if to.load(Ordering::Relaxed) != value {
        to.store(value, Ordering::Relaxed);
    }
}

impl ShardPages {
    /// Gives clean pages their first reference.
    pub(crate) fn take_clean(&mut self, wanted: Wanted) -> Option<FileRange> {
        let range = self.clean.find(wanted).or_else(|| self.clean.find(wanted.unaligned()))?;
        self.clean.take(range);
        self.used.add(range);
        Some(range)
    }

    /// Gives dirty pages their first reference.
    pub(crate) fn take_dirty(&mut self, wanted: Wanted) -> Option<FileRange> {
        let range = self.dirty.find_by_size(wanted.unaligned())?;
        self.dirty.take(range);
        self.used.add(range);
        Some(range)
    }

    /// Gives exactly these pages their first reference, if they are free.
    pub(crate) fn take_exactly(&mut self, from: Kind, range: FileRange) -> bool {
        let runs = match from {
            Kind::Clean => &mut self.clean,
            Kind::Dirty => &mut self.dirty,
        };
        let is_free = runs.contains(range);
        if is_free {
            runs.take(range);
            self.used.add(range);
        }
        is_free
    }
}

/// What pages without a reference hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Nothing: they read as zero.
    Clean,
    /// Memory, and what their last owner left in it.
    Dirty,
}

/// Shards by offset, made when they are first opened and never removed.
#[derive(Debug)]
pub(crate) struct ShardTable {
    shard_bytes: u64,
    leaves: Box<[OnceLock<Box<Leaf>>]>,
    /// No shard below the first and none from the second on was ever opened.
    bounds: (AtomicUsize, AtomicUsize),
}

type Leaf = [OnceLock<Box<Shard>>; LEAF];

impl ShardTable {
    /// Creates the table of a file of `capacity` bytes, cut into parts of `shard_bytes`, a power
    /// of two.
    pub(crate) fn new(capacity: u64, shard_bytes: u64) -> Self {
        let num_leaves = capacity.div_ceil(shard_bytes).div_ceil(LEAF as u64);
        Self {
            shard_bytes,
            leaves: (0..num_leaves).map(|_| OnceLock::new()).collect(),
            bounds: (AtomicUsize::new(usize::MAX), AtomicUsize::new(0)),
        }
    }

    /// Returns the bytes of a shard.
    pub(crate) fn shard_bytes(&self) -> u64 {
        self.shard_bytes
    }

    /// Returns the part of the file around an offset that one shard covers.
    pub(crate) fn range_of(&self, offset: u64) -> FileRange {
        let start = offset & !(self.shard_bytes - 1);
        FileRange::new(start, start.saturating_add(self.shard_bytes))
    }

    /// Returns the shard around an offset, when the pages are there.
    pub(crate) fn open_at(&self, offset: u64) -> Option<&Shard> {
        self.get(self.index(offset)).filter(|shard| shard.is_open())
    }

    /// Opens the shard of a range, whose pages are clean and the caller's.
    pub(crate) fn open(&self, range: FileRange) -> &Shard {
        let index = self.index(range.start);
        let leaf =
            self.leaves[index / LEAF].get_or_init(|| Box::new([const { OnceLock::new() }; LEAF]));
        let shard = leaf[index % LEAF].get_or_init(|| Box::new(Shard::new(range)));
        shard.open();
        self.bounds.0.fetch_min(index, Ordering::Relaxed);
        self.bounds.1.fetch_max(index + 1, Ordering::Relaxed);
        shard
    }

    /// Returns all open shards, the one around `from` first, then away from it in a direction, then
    /// the others from the end that the direction prefers. Without a start all from there.
    pub(crate) fn in_order(
        &self,
        direction: Direction,
        from: Option<u64>,
    ) -> impl Iterator<Item = &Shard> {
        let (low, high) = (&self.bounds.0, &self.bounds.1);
        let (low, high) = (low.load(Ordering::Relaxed), high.load(Ordering::Relaxed));
        let low = low.min(high);
        let count = high - low;
        let first = match (direction, from) {
            (Direction::BottomUp, None) => low,
            (Direction::TopDown, None) => high.saturating_sub(1),
            (_, Some(from)) => self.index(from).clamp(low, high.saturating_sub(1).max(low)),
        };
        (0..count)
            .map(move |step| match direction {
                Direction::BottomUp => low + (first - low + step) % count,
                Direction::TopDown => low + (first - low + count - step) % count,
            })
            .filter_map(|index| self.get(index))
            .filter(|shard| shard.is_open())
    }

    /// Returns the bytes of the table while no shard was opened.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.leaves)
    }

    fn get(&self, index: usize) -> Option<&Shard> {
        let leaf = self.leaves.get(index / LEAF)?.get()?;
        leaf[index % LEAF].get().map(|shard| &**shard)
    }

    fn index(&self, offset: u64) -> usize {
        // A file that does not fit in the address space has no such offsets.
        usize::try_from(offset >> self.shard_bytes.trailing_zeros()).unwrap_or(usize::MAX)
    }
}
