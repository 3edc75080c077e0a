//! Which pages of the file are free, and how many references the others have.

use std::sync::atomic::{AtomicU64, Ordering};

use memmap::FileRange;
use parking_lot::{Mutex, MutexGuard};
use smallvec::SmallVec;
use usermem_types::Errno;

use crate::Direction;
use crate::free_runs::{FreeRuns, Wanted};
use crate::page_counts::PageCounts;
use crate::region::Region;
use crate::shard::{Kind, Shard, ShardTable};

/// The longest run of freed pages that is kept with its memory.
pub(crate) const RECYCLED_RUN_MAX: u64 = 64 << 10;

/// Ranges whose memory is to be given back, and which are clean then.
pub(crate) type ToRelease = SmallVec<[FileRange; 2]>;

/// How a file is divided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Geometry {
    /// The unit in which the file grows. Growing commits nothing.
    pub(crate) chunk: u64,
    /// The part that has a lock of its own; a power of two.
    pub(crate) shard: u64,
}

impl Default for Geometry {
    fn default() -> Self {
        Self { chunk: 1 << 30, shard: 64 << 20 }
    }
}

/// The pages of a file.
///
/// Small allocations live in *shards*, parts of the file with a lock each; what is larger than half
/// a shard, and whatever no shard was made of yet, is *wide*, with one lock for all of it. Each page
/// is counted in exactly one of them. An operation on a range holds one of these locks at a time,
/// ascending; a shard may be locked while the wide pages are, and never the other way round.
#[derive(Debug)]
pub(crate) struct PageStore {
    shards: ShardTable,
    wide: Mutex<Wide>,
    chunk: u64,
    /// Bytes of dirty pages in all shards, and how many there may be.
    dirty: AtomicU64,
    budget: u64,
    /// How many of them stay when there are too many.
    kept: u64,
}

/// The pages that are in no shard.
#[derive(Debug, Default)]
struct Wide {
    /// The file's length.
    size: u64,
    used: PageCounts,
    clean: FreeRuns,
}

/// Where the pages at the start of a range are counted.
enum Home<'a> {
    Shard(&'a Shard),
    Wide(MutexGuard<'a, Wide>),
}

impl PageStore {
    /// Creates the pages of a file of `capacity` bytes at most, of which `budget` bytes may be
    /// dirty.
    pub(crate) fn new(capacity: u64, geometry: Geometry, budget: u64, page: u64) -> Self {
        Self {
            shards: ShardTable::new(capacity, geometry.shard),
            wide: Mutex::default(),
            chunk: geometry.chunk,
            dirty: AtomicU64::new(0),
            budget,
            kept: (budget - budget / 4) / page * page,
        }
    }

    /// Chooses free pages and gives each its first reference; says also what is in them. Dirty ones
    /// are chosen when the caller has use for their memory.
    pub(crate) fn take(
        &self,
        wanted: Wanted,
        recycles: bool,
        region: &Region,
    ) -> Result<(FileRange, Kind), Errno> {
        if self.is_small(wanted.len) {
            if let Some(taken) = self.take_place(wanted, recycles) {
                return Ok(taken);
            }
            if recycles && let Some(range) = self.take_dirty(wanted) {
                return Ok((range, Kind::Dirty));
            }
            let skip_busy = |shard: &Shard| shard.try_with(|pages| pages.take_clean(wanted))?;
            if let Some(range) = self.take_from_shards(wanted, skip_busy) {
                return Ok((range, Kind::Clean));
            }
        }
        self.take_wide(wanted, region).map(|range| (range, Kind::Clean))
    }

    /// Adds a reference to every page of a range.
    pub(crate) fn inc(&self, range: FileRange) {
        let mut rest = range;
        while !rest.is_empty() {
            let (home, piece) = self.home(rest);
            match home {
                Home::Shard(shard) => shard.with_counts(|used| used.inc(piece)),
                Home::Wide(mut wide) => wide.used.inc(piece),
            }
            assert!(!piece.is_empty(), "our own invariant: references are to referenced pages");
            rest.start = piece.end;
        }
    }

    /// Takes a reference from every page of a range; returns for how many bytes it was the last
    /// one, and what is to be released then.
    pub(crate) fn dec(&self, range: FileRange) -> (u64, ToRelease) {
        let mut freed_bytes = 0;
        let mut release = ToRelease::new();
        let mut rest = range;
        while !rest.is_empty() {
            let (home, piece) = self.home(rest);
            match home {
                Home::Shard(shard) => freed_bytes += self.dec_in_shard(shard, piece, &mut release),
                Home::Wide(mut wide) => {
                    let freed = wide.used.dec(piece);
                    freed_bytes += freed.iter().map(|run| run.len()).sum::<u64>();
                    release.extend(freed);
                }
            }
            assert!(!piece.is_empty(), "our own invariant: references are to referenced pages");
            rest.start = piece.end;
        }
        (freed_bytes, release)
    }

    /// Returns whether every page of a range has exactly one reference.
    pub(crate) fn is_unique(&self, range: FileRange) -> bool {
        let mut rest = range;
        while !rest.is_empty() {
            let (home, piece) = self.home(rest);
            let is_unique = match home {
                Home::Shard(shard) => shard.with_counts(|used| used.is_unique(piece)),
                Home::Wide(wide) => !piece.is_empty() && wide.used.is_unique(piece),
            };
            if !is_unique {
                return false;
            }
            rest.start = piece.end;
        }
        true
    }

    /// Adds pages that were released.
    pub(crate) fn add_clean(&self, range: FileRange) {
        match self.shards.open_at(range.start) {
            Some(shard) => shard.with(|pages| pages.clean.insert(range)),
            None => self.wide.lock().clean.insert(range),
        }
    }

    /// Returns how many bytes the file has, whatever is in them.
    #[cfg(test)]
    pub(crate) fn size(&self) -> u64 {
        self.wide.lock().size
    }

    /// Returns the bytes of the table that finds shards.
    #[cfg(test)]
    pub(crate) fn table_bytes(&self) -> usize {
        self.shards.bytes()
    }

    /// Checks every sum, and that no more is dirty than may be; returns how many runs of referenced
    /// pages there are.
    #[cfg(test)]
    pub(crate) fn check(&self) -> usize {
        let wide = self.wide.lock();
        let (mut runs, mut bytes) = (wide.used.num_runs(), wide.used.bytes() + wide.clean.bytes());
        let mut dirty = 0;
        for shard in self.shards.in_order(Direction::BottomUp, None) {
            shard.with(|pages| {
                let sum = pages.used.bytes() + pages.dirty.bytes() + pages.clean.bytes();
                assert_eq!(sum, shard.range().len(), "of {shard:?}");
                runs += pages.used.num_runs();
                bytes += sum;
                dirty += pages.dirty.bytes();
            });
        }
        assert_eq!(bytes, wide.size);
        assert_eq!(dirty, self.dirty.load(Ordering::Relaxed));
        assert!(dirty <= self.budget);
        runs
    }

    fn is_small(&self, len: u64) -> bool {
        len <= self.shards.shard_bytes() / 2
    }

    /// Returns where the start of a range is counted, and how much of it: nothing when it has no
    /// reference.
    fn home(&self, range: FileRange) -> (Home<'_>, FileRange) {
        match self.shards.open_at(range.start) {
            Some(shard) => {
                let end = range.end.min(shard.range().end);
                (Home::Shard(shard), FileRange::new(range.start, end))
            }
            None => {
                let wide = self.wide.lock();
                let end = wide.used.referenced_end(range);
                (Home::Wide(wide), FileRange::new(range.start, end))
            }
        }
    }

    fn dec_in_shard(&self, shard: &Shard, range: FileRange, release: &mut ToRelease) -> u64 {
        let (mut freed_bytes, mut dirty) = (0, 0);
        shard.with(|pages| {
            for run in pages.used.dec(range) {
                freed_bytes += run.len();
                if run.len() <= RECYCLED_RUN_MAX && self.budget > 0 {
                    dirty += run.len();
                    pages.dirty.insert(run);
                } else {
                    release.push(run);
                }
            }
            if dirty > 0 {
                // Counted before anyone else can take them.
                dirty += self.dirty.fetch_add(dirty, Ordering::Relaxed);
            }
        });
        if dirty > self.budget {
            self.evict(shard, dirty - self.kept, release);
        }
        freed_bytes
    }

    /// Gives up the memory of dirty pages, the longest runs of each shard first, since the host's
    /// answer takes its time for each run.
    fn evict(&self, first: &Shard, bytes: u64, release: &mut ToRelease) {
        let mut excess = bytes;
        let start = Some(first.range().start);
        for shard in self.shards.in_order(Direction::BottomUp, start) {
            while excess > 0 && shard.longest_dirty() > 0 {
                let taken = shard.with(|pages| {
                    let run = pages.dirty.take_longest(excess)?;
                    self.dirty.fetch_sub(run.len(), Ordering::Relaxed);
                    Some(run)
                });
                let Some(run) = taken else { break };
                excess -= run.len();
                release.push(run);
            }
        }
    }

    /// Takes exactly the place that is wanted, if it is free and in one shard.
    fn take_place(&self, wanted: Wanted, recycles: bool) -> Option<(FileRange, Kind)> {
        let place = wanted.place()?;
        let part = self.shards.range_of(place.start);
        if part.end < place.end {
            return None;
        }
        let shard = match self.shards.open_at(place.start) {
            Some(shard) => shard,
            None => self.open_part(&mut self.wide.lock(), part)?,
        };
        shard.with(|pages| {
            let kinds = [Kind::Dirty, Kind::Clean];
            let mut kinds = kinds.into_iter().filter(|kind| recycles || *kind == Kind::Clean);
            let kind = kinds.find(|kind| pages.take_exactly(*kind, place))?;
            self.note_taken(kind, place);
            Some((place, kind))
        })
    }

    fn take_dirty(&self, wanted: Wanted) -> Option<FileRange> {
        if self.dirty.load(Ordering::Relaxed) < wanted.len {
            return None;
        }
        self.shards
            .in_order(wanted.direction, wanted.near)
            .filter(|shard| shard.longest_dirty() >= wanted.len)
            .find_map(|shard| {
                shard.with(|pages| {
                    let range = pages.take_dirty(wanted)?;
                    self.note_taken(Kind::Dirty, range);
                    Some(range)
                })
            })
    }

    fn note_taken(&self, kind: Kind, range: FileRange) {
        if kind == Kind::Dirty {
            self.dirty.fetch_sub(range.len(), Ordering::Relaxed);
        }
    }

    /// Asks the shards that seem to have room; the others are not locked.
    fn take_from_shards(
        &self,
        wanted: Wanted,
        take: impl Fn(&Shard) -> Option<FileRange>,
    ) -> Option<FileRange> {
        // What is to end at `near` lies below it.
        let start = wanted.place().map(|place| place.start).or(wanted.near);
        self.shards
            .in_order(wanted.direction, start)
            .filter(|shard| shard.longest_clean() >= wanted.len)
            .find_map(take)
    }

    /// Takes what no shard has, or what is too large for one.
    fn take_wide(&self, wanted: Wanted, region: &Region) -> Result<FileRange, Errno> {
        let take_from = |shard: &Shard| shard.with(|pages| pages.take_clean(wanted));
        let mut wide = self.wide.lock();
        loop {
            if self.is_small(wanted.len) {
                let new = self.new_shard(&mut wide, wanted);
                let taken = new.and_then(take_from);
                if let Some(range) = taken.or_else(|| self.take_from_shards(wanted, take_from)) {
                    return Ok(range);
                }
            } else if let Some(range) = wide.take(wanted) {
                return Ok(range);
            }
            if self.close_idle(&mut wide, region) {
                continue;
            }
            if let Err(errno) = wide.grow(wanted.len, self.chunk, region) {
                if self.clean_all(region) {
                    continue;
                }
                // The rest, wherever it is.
                let rest = wide.take(wanted).or_else(|| self.take_from_shards(wanted, take_from));
                return rest.ok_or(errno);
            }
        }
    }

    /// Makes a shard of a part of the file that has none.
    fn new_shard(&self, wide: &mut Wide, wanted: Wanted) -> Option<&Shard> {
        let unit = self.shards.shard_bytes();
        let near = wanted.near.map(|near| self.shards.range_of(near).start);
        let part = Wanted { near, ..Wanted::new(unit, wanted.direction) };
        let part = wide.clean.find(part.aligned(unit))?;
        self.open_part(wide, part)
    }

    fn open_part(&self, wide: &mut Wide, part: FileRange) -> Option<&Shard> {
        if !wide.clean.contains(part) {
            return None;
        }
        wide.clean.take(part);
        Some(self.shards.open(part))
    }

    /// Gives back the memory of all dirty pages, which not everyone has use for; returns whether
    /// there were any.
    fn clean_all(&self, region: &Region) -> bool {
        let mut any = false;
        for shard in self.shards.in_order(Direction::BottomUp, None) {
            if shard.longest_dirty() == 0 {
                continue;
            }
            let mut dirty = shard.with(|pages| {
                self.dirty.fetch_sub(pages.dirty.bytes(), Ordering::Relaxed);
                std::mem::take(&mut pages.dirty)
            });
            for run in dirty.take_all() {
                if region.release(run).is_ok() {
                    any = true;
                    shard.with(|pages| pages.clean.insert(run));
                }
            }
        }
        any
    }

    /// Closes the shards of which nothing is in use; returns whether there were any.
    fn close_idle(&self, wide: &mut Wide, region: &Region) -> bool {
        let mut any = false;
        for shard in self.shards.in_order(Direction::BottomUp, None) {
            let Some(mut dirty) = shard.close() else { continue };
            any = true;
            self.dirty.fetch_sub(dirty.bytes(), Ordering::Relaxed);
            let mut at = shard.range().start;
            for run in dirty.take_all() {
                wide.add_clean(FileRange::new(at, run.start));
                at = run.end;
                // What cannot be cleared is never handed out again.
                if region.release(run).is_ok() {
                    wide.add_clean(run);
                }
            }
            wide.add_clean(FileRange::new(at, shard.range().end));
        }
        any
    }
}

impl Wide {
    fn take(&mut self, wanted: Wanted) -> Option<FileRange> {
        let range = self.clean.find(wanted).or_else(|| self.clean.find(wanted.unaligned()))?;
        self.clean.take(range);
        self.used.add(range);
        Some(range)
    }

    fn add_clean(&mut self, range: FileRange) {
        if !range.is_empty() {
            self.clean.insert(range);
        }
    }

    /// Grows the file by whole chunks so that `len` free bytes lie at its end.
    fn grow(&mut self, len: u64, chunk: u64, region: &Region) -> Result<(), Errno> {
        let chunks = len.div_ceil(chunk);
        let wanted = chunks.checked_mul(chunk).and_then(|by| self.size.checked_add(by));
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
