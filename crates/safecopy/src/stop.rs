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

/// The stop of an access that has not begun.
pub(crate) const NOT_BEGUN: Stop = Stop { info: 0, addr: 0 };

impl Stop {
    /// Returns what was wrong, if anything was.
    pub(crate) fn kind(self) -> FaultKind {
        Cause::from_info(self.info).kind()
    }
}

/// How an access that was made out of line ended.
///
/// Not a [`Transfer`]. Whoever makes the access out of line leaves its result in memory, this one too;
/// but were that the result of an inlined function as well, what is done without such a call would go
/// through the same memory. A `Transfer` that is put together from this one is a value of the
/// caller's, which may be in registers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// How many bytes arrived.
    done: usize,
    /// What was wrong with the next one, if anything was.
    kind: Option<FaultKind>,
    /// Whether that is a byte of the source.
    at_source: bool,
}

impl Ending {
    /// Takes a result apart. `src` is where the source begins, if there is one: a fault is at the
    /// first byte that did not arrive, of one side or of the other.
    pub(crate) fn new(result: Transfer<HostFault>, src: Option<usize>) -> Self {
        match result {
            Ok(done) => Self { done, kind: None, at_source: false },
            Err(Partial { done, cause }) => Self {
                done,
                kind: Some(cause.kind),
                at_source: src.is_some_and(|src| src.wrapping_add(done) == cause.addr),
            },
        }
    }

    /// Puts the result together again. `dst` and `src` are where the two sides begin.
    #[inline(always)]
    pub(crate) fn into_transfer(self, dst: usize, src: usize) -> Transfer<HostFault> {
        let Some(kind) = self.kind else { return Ok(self.done) };
        let addr = if self.at_source { src } else { dst }.wrapping_add(self.done);
        Err(Partial::new(self.done, HostFault { kind, addr }))
    }
}
