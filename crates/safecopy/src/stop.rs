//! How an access ended.

use usermem_types::FaultKind;

use crate::fault::Cause;

/// How an access ended, in the two registers that a landing finds it in.
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
