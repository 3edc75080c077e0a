//! Limits, as both sides keep them.

use crate::op::Op;
use crate::outcome::Outcome;
use crate::script::Step;

/// `MCL_CURRENT`.
const MCL_CURRENT: u64 = 1;

/// What a process of a script knows of the limit on locked memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    memlock: u64,
    image_is_locked: bool,
}

impl Limits {
    pub(crate) const fn new() -> Self {
        Self { memlock: u64::MAX, image_is_locked: false }
    }

    /// Mask: returns whether a step is passed over, because the host counts the whole image of
    /// its process: `mlockall(MCL_CURRENT)` under a limit, or a limit after it.
    pub(crate) fn skips(&mut self, step: &Step) -> bool {
        let is_limit = |bytes| bytes != u64::MAX && bytes != 0;
        match step.op {
            Op::Mlockall if step.args[0] & MCL_CURRENT != 0 && is_limit(self.memlock) => true,
            Op::Memlock if is_limit(step.args[0]) && self.image_is_locked => true,
            Op::Mlockall => {
                self.image_is_locked |= step.args[0] & MCL_CURRENT != 0;
                false
            }
            Op::Munlockall => {
                self.image_is_locked = false;
                false
            }
            Op::Memlock => {
                self.memlock = step.args[0];
                false
            }
            _ => false,
        }
    }
}

/// Returns the outcome of a copy of so many bytes with such a sum.
pub(crate) fn counted(count: u64, sum: u32) -> Outcome {
    Outcome::Value((count << 32 | u64::from(sum)).cast_signed())
}
