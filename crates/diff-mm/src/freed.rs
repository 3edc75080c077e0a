//! What `MADV_FREE` leaves unspecified.

use std::collections::BTreeSet;

use crate::op::Op;
use crate::outcome::{Line, Outcome};
use crate::script::Step;
use crate::window::{PAGE, PAGES, WINDOW};

/// Mask: the contents of freed pages are unspecified until they are written: Linux takes such pages
/// when it needs memory, and we do at once, so that ours are zero.
///
/// Pages are named by their numbers. What is noted may be too much, where a call failed amid its
/// work, but never too little.
#[derive(Default)]
pub(crate) struct Freed {
    /// The freed pages of the process that runs.
    pages: BTreeSet<u64>,
    /// Those of the parent, while its child runs.
    parents: Option<BTreeSet<u64>>,
    /// All that have ever been freed, in any process.
    ever: BTreeSet<u64>,
}

impl Freed {
    /// Notes what a step did that came to `outcome`, where the mappings were `before`.
    pub(crate) fn note(&mut self, step: &Step, outcome: Outcome, before: &[Line]) {
        let [addr, len, advice, ..] = step.args;
        let result = match outcome {
            Outcome::Value(value) if !(-4095..0).contains(&value) => Some(value.cast_unsigned()),
            _ => None,
        };
        match (step.op, result) {
            (Op::Madvise, _) if advice == 8 => {
                let is_anonymous = |page: &u64| {
                    let addr = WINDOW + page * PAGE;
                    before.iter().any(|line| line.is_anonymous_at(addr))
                };
                self.add(pages(addr, len).filter(is_anonymous).collect());
            }
            (Op::Madvise, Some(_)) if matches!(advice, 4 | 24 | 102) => self.remove(addr, len),
            (Op::Munmap, Some(_)) => self.remove(addr, len),
            (Op::Mmap, Some(at)) => self.remove(at, len),
            (Op::Mremap, result) => self.note_move(step, result),
            (Op::Fork, Some(_)) => self.parents = Some(self.pages.clone()),
            (Op::Exit, Some(_)) => self.pages = self.parents.take().unwrap_or_default(),
            _ => {}
        }
    }

    fn note_move(&mut self, step: &Step, result: Option<u64>) {
        let [addr, old_len, new_len, _, new_addr, _] = step.args;
        let to = result.unwrap_or(new_addr);
        let held = pages(addr, old_len).filter(|page| self.pages.contains(page));
        let moved = held.filter_map(|page| {
            let offset = (WINDOW + page * PAGE).wrapping_sub(addr);
            let at = to.wrapping_add(offset).wrapping_sub(WINDOW);
            (offset < new_len && at < PAGES * PAGE).then_some(at / PAGE)
        });
        let moved = moved.collect();
        if result.is_some() {
            self.remove(addr, old_len);
            self.remove(to, new_len);
        }
        self.add(moved);
    }

    fn add(&mut self, pages: Vec<u64>) {
        self.ever.extend(&pages);
        self.pages.extend(pages);
    }

    fn remove(&mut self, addr: u64, len: u64) {
        self.pages.retain(|page| !pages(addr, len).contains(page));
    }

    /// Returns whether a byte may be another one here and on the host.
    pub(crate) fn hides(&self, addr: u64) -> bool {
        pages(addr, 1).any(|page| self.pages.contains(&page))
    }

    /// Returns whether a page has been freed in any process.
    pub(crate) fn was_ever(&self, page: u64) -> bool {
        self.ever.contains(&page)
    }

    /// Returns whether what a step came to may be different for what was freed.
    pub(crate) fn explains(&self, step: &Step, ours: Outcome, theirs: Outcome) -> bool {
        let [addr, len, ..] = step.args;
        match (step.op, ours, theirs) {
            (Op::Load, Outcome::Value(0), Outcome::Value(0..)) => self.hides(addr),
            // As many bytes, with another sum.
            (Op::Write, Outcome::Value(ours @ 0..), Outcome::Value(theirs @ 0..)) => {
                ours >> 32 == theirs >> 32
                    && pages(addr, len).any(|page| self.pages.contains(&page))
            }
            _ => false,
        }
    }

    /// Returns whether the first byte of a page may be another one when a process ends.
    pub(crate) fn explains_page(&self, page: u64, ours: Outcome, theirs: Outcome) -> bool {
        let values = matches!((ours, theirs), (Outcome::Value(0), Outcome::Value(0..)));
        values && self.ever.contains(&page)
    }
}

/// Returns the numbers of the pages that a range has in the window.
fn pages(addr: u64, len: u64) -> std::ops::Range<u64> {
    let end = addr.saturating_add(len).clamp(WINDOW, WINDOW + PAGES * PAGE);
    let start = addr.clamp(WINDOW, end);
    (start - WINDOW) / PAGE..(end - WINDOW).div_ceil(PAGE)
}
