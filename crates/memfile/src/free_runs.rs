//! Pages that nobody references.

use std::collections::{BTreeMap, BTreeSet};

use memmap::FileRange;

use crate::Direction;

/// How many runs a search by position looks at before it searches by size.
const SCAN: usize = 32;

/// Ranges of a file, joined where they touch, to be found by position and by size.
#[derive(Debug, Default)]
pub(crate) struct FreeRuns {
    /// Start to end.
    by_start: BTreeMap<u64, u64>,
    /// Length and start.
    by_len: BTreeSet<(u64, u64)>,
    bytes: u64,
}

impl FreeRuns {
    /// Returns how many bytes are free.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Adds a range, none of which is here.
    pub(crate) fn insert(&mut self, range: FileRange) {
        let mut joined = range;
        if let Some((&start, &end)) = self.by_start.range(..range.start).next_back() {
            assert!(end <= range.start, "our own invariant: no page is freed twice");
            if end == range.start {
                self.remove_run(start, end);
                joined.start = start;
            }
        }
        if let Some((&start, &end)) = self.by_start.range(range.start..).next() {
            assert!(start >= range.end, "our own invariant: no page is freed twice");
            if start == range.end {
                self.remove_run(start, end);
                joined.end = end;
            }
        }
        self.insert_run(joined.start, joined.end);
    }

    /// Removes a range that is a part of one run.
    pub(crate) fn take(&mut self, range: FileRange) {
        let (&start, &end) = self
            .by_start
            .range(..=range.start)
            .next_back()
            .expect("our own invariant: what is taken is free");
        assert!(range.end <= end, "our own invariant: what is taken is free");
        self.remove_run(start, end);
        if start < range.start {
            self.insert_run(start, range.start);
        }
        if range.end < end {
            self.insert_run(range.end, end);
        }
    }

    /// Removes every range and returns them.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = FileRange> + use<> {
        std::mem::take(self).by_start.into_iter().map(|(start, end)| FileRange::new(start, end))
    }

    /// Returns the `len` bytes that begin at `near`, or end there when searching top-down, if they
    /// are free.
    pub(crate) fn find_at(&self, len: u64, direction: Direction, near: u64) -> Option<FileRange> {
        let start = match direction {
            Direction::BottomUp => near,
            Direction::TopDown => near.checked_sub(len)?,
        };
        let end = start.checked_add(len)?;
        let (_, &run_end) = self.by_start.range(..=start).next_back()?;
        (end <= run_end).then(|| FileRange::new(start, end))
    }

    /// Returns `len` free bytes: near `near`, else at the end that the direction prefers, else in
    /// the smallest run that holds them.
    pub(crate) fn find(
        &self,
        len: u64,
        direction: Direction,
        near: Option<u64>,
    ) -> Option<FileRange> {
        let from = |runs: &mut dyn Iterator<Item = (&u64, &u64)>| {
            runs.take(SCAN).find_map(|(&start, &end)| cut(start, end, len, direction))
        };
        let near = near.and_then(|near| {
            self.find_at(len, direction, near).or_else(|| match direction {
                Direction::BottomUp => from(&mut self.by_start.range(near..)),
                Direction::TopDown => from(&mut self.by_start.range(..near).rev()),
            })
        });
        near.or_else(|| match direction {
            Direction::BottomUp => from(&mut self.by_start.iter()),
            Direction::TopDown => from(&mut self.by_start.iter().rev()),
        })
        .or_else(|| self.find_by_size(len, direction))
    }

    /// Returns `len` bytes of the smallest run that holds them.
    pub(crate) fn find_by_size(&self, len: u64, direction: Direction) -> Option<FileRange> {
        let &(run_len, start) = self.by_len.range((len, 0)..).next()?;
        cut(start, start + run_len, len, direction)
    }

    fn insert_run(&mut self, start: u64, end: u64) {
        self.by_start.insert(start, end);
        self.by_len.insert((end - start, start));
        self.bytes += end - start;
    }

    fn remove_run(&mut self, start: u64, end: u64) {
        self.by_start.remove(&start);
        self.by_len.remove(&(end - start, start));
        self.bytes -= end - start;
    }
}

/// Returns `len` bytes at the preferred end of a run that is long enough.
fn cut(start: u64, end: u64, len: u64, direction: Direction) -> Option<FileRange> {
    if end - start < len {
        return None;
    }
    Some(match direction {
        Direction::BottomUp => FileRange::new(start, start + len),
        Direction::TopDown => FileRange::new(end - len, end),
    })
}
