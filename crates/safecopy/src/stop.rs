//! How an access ended.

use usermem_types::{FaultKind, Partial, Transfer};

use crate::HostFault;
use crate::fault::Cause;

/// How an access ended, in the two registers that a landing finds it in.
#[doc(hidden)]
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Stop {
    /// Zero when nothing faulted; else signal number and code, see `fault::Cause`.
    pub(crate) info: u64,
    /// The address that the signal reported.
    pub(crate) addr: u64,
}

impl Stop {
    /// Returns what was wrong, if anything was.
    pub(crate) fn kind(self) -> FaultKind {
        Cause::from_info(self.info).kind()
    }
}

/// Returns the result of a transfer of `len` bytes that `slow` makes, out of line.
///
/// `slow` returns how many bytes it moved and, when they are fewer, leaves the cause. A function
/// that is not inlined would leave a whole [`Transfer`] in memory; were that the result of an
/// inlined function, too, its fast path would go through memory as well.
#[inline(always)]
pub(crate) fn by_parts(
    len: usize,
    slow: impl FnOnce(&mut HostFault) -> usize,
) -> Transfer<HostFault> {
    let mut cause = HostFault { kind: FaultKind::Unmapped, addr: 0 };
    let done = slow(&mut cause);
    if done == len { Ok(len) } else { Err(Partial::new(done, cause)) }
}

/// Takes a result apart for [`by_parts`].
pub(crate) fn into_parts(result: Transfer<HostFault>, cause: &mut HostFault) -> usize {
    result.unwrap_or_else(|partial| {
        *cause = partial.cause;
        partial.done
    })
}
