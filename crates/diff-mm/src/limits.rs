//! What both sides of the comparison agree on.

use crate::op::Op;
use crate::outcome::Outcome;
use crate::script::Step;

/// `RLIMIT_MEMLOCK` at the start of a script.
pub(crate) const MEMLOCK: u64 = u64::MAX;

/// Returns whether a step cannot be compared because the host counts the whole image of its
/// process: `mlockall(MCL_CURRENT)` under a limit.
pub(crate) fn hosts_image_counts(step: &Step, limit: u64) -> bool {
    step.op == Op::Mlockall && step.args[0] & 1 != 0 && limit != u64::MAX && limit != 0
}

/// Returns the outcome of a copy of so many bytes with such a sum.
pub(crate) fn counted(count: u64, sum: u32) -> Outcome {
    Outcome::Value((count << 32 | u64::from(sum)).cast_signed())
}
