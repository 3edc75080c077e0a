//! The one place of this crate where faults become error numbers.

use usermem_io::IoCause;
use usermem_types::{Errno, Fault, FaultKind, Partial};

/// Returns the error number of a fault: `EFAULT`, except that memory which ran out is `ENOMEM`.
#[must_use]
pub fn errno_of_fault(fault: Fault) -> Errno {
    match fault.kind {
        FaultKind::NoMemory => Errno::ENOMEM,
        FaultKind::Unmapped
        | FaultKind::Protection
        | FaultKind::Bus
        | FaultKind::Misaligned
        | FaultKind::OutOfRange => Errno::EFAULT,
    }
}

/// Returns the error number of what stopped a streaming transfer; the error of the file that was
/// read or written is passed on as it is.
#[must_use]
pub fn errno_of_cause(cause: IoCause) -> Errno {
    match cause {
        IoCause::Fault(fault) => errno_of_fault(fault),
        IoCause::Stream(errno) => errno,
        IoCause::EndOfSequence | IoCause::NoProgress => Errno::EIO,
    }
}

/// Returns the error number of a transfer that must be complete to be of use.
#[must_use]
pub fn errno_of_partial(partial: Partial<Fault>) -> Errno {
    errno_of_fault(partial.cause)
}
