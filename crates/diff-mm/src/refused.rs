//! Stores that were refused.

use std::collections::BTreeSet;

use crate::op::Op;
use crate::outcome::{Line, Outcome};
use crate::script::Step;
use crate::window::PAGE;

/// Mask: a fault does not tell what the program was doing. A store to memory that can only be read
/// is shown zeros before it is refused, and these are present then.
#[derive(Debug, Default)]
pub(crate) struct RefusedStores {
    pages: BTreeSet<u64>,
    /// Something moved since, so that it may be any page.
    may_have_moved: bool,
}

impl RefusedStores {
    pub(crate) fn note(&mut self, step: &Step, theirs: Outcome) {
        match (step.op, theirs) {
            (Op::Store, Outcome::Signal { code: 2, addr, .. }) => {
                self.pages.insert(addr / PAGE);
            }
            (Op::Mremap, Outcome::Value(0..)) => self.may_have_moved |= !self.pages.is_empty(),
            _ => {}
        }
    }

    /// Returns whether a page may be present here for such a store.
    pub(crate) fn explains(&self, maps: &[Line], addr: u64, ours: bool) -> bool {
        let concerns = self.may_have_moved || self.pages.contains(&(addr / PAGE));
        ours && concerns && maps.iter().any(|line| line.is_anonymous_at(addr))
    }
}
