//! Pages that nobody references.

use std::collections::{BTreeMap, BTreeSet};

use memmap::FileRange;

use crate::Direction;

/// How many runs a search looks at one by one, before it takes one that is sure to do.
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

/// What is looked for.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted {
    /// How many bytes; not none.
    pub(crate) len: u64,
    /// The end of a run to prefer, and the end of all runs.
    pub(crate) direction: Direction,
    /// Where it should start, or end when searching top-down.
    pub(crate) near: Option<u64>,
    /// A power of two, and the remainder that the start must leave.
    pub(crate) congruent: (u64, u64),
}

impl Wanted {
    /// Asks for `len` bytes anywhere.
    pub(crate) fn new(len: u64, direction: Direction) -> Self {
        Self { len, direction, near: None, congruent: (1, 0) }
    }

    /// Asks for the same anywhere but at a multiple of `unit`, a power of two.
    pub(crate) fn aligned(self, unit: u64) -> Self {
        Self { congruent: (unit, 0), ..self }
    }

    /// Asks for the same wherever its start leaves any remainder.
    pub(crate) fn unaligned(self) -> Self {
        Self { congruent: (1, 0), ..self }
    }

    /// Returns the range that begins at `near`, or ends there when searching top-down.
    pub(crate) fn place(self) -> Option<FileRange> {
        let start = match self.direction {
            Direction::BottomUp => self.near?,
            Direction::TopDown => self.near?.checked_sub(self.len)?,
        };
        Some(FileRange::new(start, start.checked_add(self.len)?))
    }

    /// Returns where it goes in a run, at the preferred end, if there is room.
    fn cut(self, start: u64, end: u64) -> Option<FileRange> {
        let (unit, remainder) = self.congruent;
        let start = match self.direction {
            Direction::BottomUp => start.checked_add(remainder.wrapping_sub(start) & (unit - 1))?,
            Direction::TopDown => {
                let last = end.checked_sub(self.len)?;
                let back = last.wrapping_sub(remainder) & (unit - 1);
                last.checked_sub(back).filter(|at| *at >= start)?
            }
        };
        let range = FileRange::new(start, start.checked_add(self.len)?);
        (range.end <= end).then_some(range)
    }
}

impl FreeRuns {
    /// Returns how many bytes are free.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Returns the length of the longest run.
    pub(crate) fn longest(&self) -> u64 {
        self.by_len.last().map_or(0, |(len, _)| *len)
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

    /// Removes the upper end of the longest run, or all of it: `max` bytes at most. Of equally
    /// long ones it is the highest.
    pub(crate) fn take_longest(&mut self, max: u64) -> Option<FileRange> {
        let &(len, start) = self.by_len.last()?;
        let range = FileRange::new(start + len - len.min(max), start + len);
        self.take(range);
        Some(range)
    }

    /// Removes everything and returns it, ascending.
    pub(crate) fn take_all(&mut self) -> impl Iterator<Item = FileRange> + use<> {
        std::mem::take(self).by_start.into_iter().map(|(start, end)| FileRange::new(start, end))
    }

    /// Returns whether all of a range, not empty, is free.
    pub(crate) fn contains(&self, range: FileRange) -> bool {
        let run = self.by_start.range(..=range.start).next_back();
        run.is_some_and(|(_, end)| range.end <= *end)
    }

    /// Returns free bytes: exactly at the place that `near` names, else near it, else at the end
    /// that the direction prefers, else in the smallest run that holds them.
    pub(crate) fn find(&self, wanted: Wanted) -> Option<FileRange> {
        let from = |runs: &mut dyn Iterator<Item = (&u64, &u64)>| {
            runs.take(SCAN).find_map(|(&start, &end)| wanted.cut(start, end))
        };
        let near = wanted.near.and_then(|near| {
            wanted.place().filter(|place| self.contains(*place)).or_else(|| {
                match wanted.direction {
                    Direction::BottomUp => from(&mut self.by_start.range(near..)),
                    Direction::TopDown => from(&mut self.by_start.range(..near).rev()),
                }
            })
        });
        near.or_else(|| match wanted.direction {
            Direction::BottomUp => from(&mut self.by_start.iter()),
            Direction::TopDown => from(&mut self.by_start.iter().rev()),
        })
        .or_else(|| self.find_by_size(wanted))
    }

    /// Returns free bytes of the smallest run that holds them; of a few of those, and of one that
    /// is sure to, where not every place will do.
    pub(crate) fn find_by_size(&self, wanted: Wanted) -> Option<FileRange> {
        let cut = |&(len, start): &(u64, u64)| wanted.cut(start, start + len);
        let large = self.by_len.range((wanted.len, 0)..).take(SCAN).find_map(cut);
        let sure = wanted.len.saturating_add(wanted.congruent.0 - 1);
        large.or_else(|| self.by_len.range((sure, 0)..).next().and_then(cut))
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
