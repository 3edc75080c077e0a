//! What `MADV_PAGEOUT` leaves to the host.

use std::collections::BTreeSet;

use crate::op::Op;
use crate::outcome::Line;
use crate::script::Step;
use crate::window::{PAGE, PAGES, WINDOW};

/// `MADV_PAGEOUT`.
const PAGEOUT: u64 = 21;

/// Mask: pages that the host was advised to page out may be absent there, if it has where to put them
/// or they were never written. We do nothing.
#[derive(Default)]
pub(crate) struct PagedOut {
    pages: BTreeSet<u64>,
    /// Some of them may be elsewhere by now.
    moved: bool,
}

impl PagedOut {
    /// Notes what a step did.
    pub(crate) fn note(&mut self, step: &Step) {
        let [addr, len, advice, ..] = step.args;
        match step.op {
            Op::Madvise if advice == PAGEOUT => {
                let number = |addr: u64| addr.clamp(WINDOW, WINDOW + PAGES * PAGE) / PAGE;
                self.pages.extend(number(addr)..number(addr.saturating_add(len)));
            }
            Op::Mremap => self.moved |= !self.pages.is_empty(),
            _ => {}
        }
    }

    /// Returns whether a page may be absent on the host, where the mappings are `maps`.
    pub(crate) fn explains(&self, maps: &[Line], addr: u64, ours: bool) -> bool {
        let is_private = maps.iter().any(|line| line.is_anonymous_at(addr));
        let may_be_out = if is_private && !self.moved {
            self.pages.contains(&(addr / PAGE))
        } else {
            !self.pages.is_empty()
        };
        ours && may_be_out
    }
}
