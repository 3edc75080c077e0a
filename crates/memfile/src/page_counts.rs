//! How many references each page has.

use memmap::FileRange;
use rangeset::{KeyRange, RangeMap, Segment};
use smallvec::{SmallVec, smallvec};

/// The ranges whose last reference went.
pub(crate) type Freed = SmallVec<[FileRange; 2]>;

/// The reference counts of the pages of a file, as runs of pages with equal counts: the cost of an
/// operation is that of the runs it touches, however long they are.
#[derive(Debug, Default)]
pub(crate) struct PageCounts {
    /// Pages without a reference are not in here.
    runs: RangeMap<Refs>,
}

/// The references to each page of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Refs(u64);

impl Segment for Refs {
    fn can_merge(&self, _: KeyRange, next: &Self, _: KeyRange) -> bool {
        self == next
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        *self
    }
}

impl PageCounts {
    /// Gives every page of a range, which has none, one reference.
    pub(crate) fn add(&mut self, range: FileRange) {
        self.runs.insert(key(range), Refs(1));
    }

    /// Adds a reference to every page of a range.
    ///
    /// # Panics
    /// When a page has none.
    pub(crate) fn inc(&mut self, range: FileRange) {
        let mut seen = 0;
        self.runs.edit(key(range), |run, refs| {
            seen += run.len();
            refs.0 += 1;
        });
        assert!(seen == range.len(), "our own invariant: references are to referenced pages");
    }

    /// Takes a reference from every page of a range, and returns where it was the last one.
    ///
    /// # Panics
    /// When a page has none.
    pub(crate) fn dec(&mut self, range: FileRange) -> Freed {
        if let Some((run, Refs(1))) = self.runs.get(range.start)
            && run.end >= range.end
        {
            // The usual end: nothing is counted down that goes at once.
            self.runs.remove_range(key(range), |_, _| {});
            return smallvec![range];
        }
        let mut freed = Freed::new();
        let mut seen = 0;
        self.runs.edit(key(range), |run, refs| {
            seen += run.len();
            refs.0 -= 1;
            if refs.0 == 0 {
                freed.push(FileRange::new(run.start, run.end));
            }
        });
        assert!(seen == range.len(), "our own invariant: references are to referenced pages");
        for gone in &freed {
            self.runs.remove_range(key(*gone), |_, _| {});
        }
        freed
    }

    /// Returns whether every page of a range has exactly one reference.
    pub(crate) fn is_unique(&self, range: FileRange) -> bool {
        let mut at = range.start;
        for (run, refs) in self.runs.iter_in(key(range)) {
            if run.start > at || refs.0 != 1 {
                return false;
            }
            at = run.end;
        }
        at >= range.end
    }

    /// Returns how much of the start of a range has references, whatever their number.
    pub(crate) fn referenced_end(&self, range: FileRange) -> u64 {
        let mut at = range.start;
        for (run, _) in self.runs.iter_in(key(range)) {
            if run.start > at {
                break;
            }
            at = run.end;
        }
        at.min(range.end)
    }

    /// Returns how many runs there are.
    #[cfg(test)]
    pub(crate) fn num_runs(&self) -> usize {
        self.runs.len()
    }

    /// Returns how many bytes have references.
    #[cfg(test)]
    pub(crate) fn bytes(&self) -> u64 {
        self.runs.span()
    }
}

fn key(range: FileRange) -> KeyRange {
    KeyRange::new(range.start, range.end)
}
