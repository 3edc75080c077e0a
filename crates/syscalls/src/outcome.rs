//! What a system call comes to.

use kernel_task::errno_of_cause;
use usermem_io::IoCause;
use usermem_types::{Errno, Transfer};

/// The value that a system call returns, or its error number.
pub type SysResult = Result<u64, Errno>;

/// What Linux returns for a read or write that stopped early: the bytes that moved, when any did,
/// otherwise the cause.
pub(crate) fn short_or_errno(transfer: Transfer<IoCause>) -> Result<usize, Errno> {
    match transfer {
        Ok(done) => Ok(done),
        Err(partial) if partial.done > 0 => Ok(partial.done),
        Err(partial) => Err(errno_of_cause(partial.cause)),
    }
}
