//! Why a transfer stopped.

use std::fmt;

use safecopy::{HostFault, StreamError};
use usermem_types::{Errno, Fault};

/// Why a transfer over ranges stopped: the application's memory, or the other end.
///
/// ```
/// use usermem_io::IoCause;
/// use usermem_types::{Addr, Errno, Fault, FaultKind};
///
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(0x1000));
/// assert_eq!(IoCause::from(fault).to_string(), "unmapped at 0x1000");
/// assert_eq!(IoCause::Stream(Errno::ENOSPC).to_string(), Errno::ENOSPC.to_string());
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum IoCause {
    /// The application's memory could not be accessed.
    Fault(Fault),
    /// The reader or writer failed with this error; never rewritten to `EFAULT`.
    Stream(Errno),
    /// The reader or writer had no more bytes or no more room.
    EndOfSequence,
    /// A full transfer was asked for and a round moved nothing without an error.
    NoProgress,
}

impl IoCause {
    /// Converts the error of a reader or writer whose memory faults are at `fault`.
    ///
    /// ```
    /// use safecopy::StreamError;
    /// use usermem_io::IoCause;
    /// use usermem_types::{Addr, Errno, Fault};
    ///
    /// let own_memory = |_| unreachable!("it does not fault");
    /// let cause = IoCause::from_stream(StreamError::Errno(Errno::EIO), own_memory);
    /// assert_eq!(cause, IoCause::Stream(Errno::EIO));
    /// ```
    #[must_use]
    pub fn from_stream(error: StreamError, fault: impl FnOnce(HostFault) -> Fault) -> Self {
        match error {
            StreamError::Fault(host) => Self::Fault(fault(host)),
            StreamError::Errno(errno) => Self::Stream(errno),
            StreamError::EndOfBlocks => Self::EndOfSequence,
            StreamError::NoProgress => Self::NoProgress,
        }
    }
}

impl From<Fault> for IoCause {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl fmt::Display for IoCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Stream(errno) => errno.fmt(f),
            Self::EndOfSequence => f.write_str("end of sequence"),
            Self::NoProgress => f.write_str("no progress"),
        }
    }
}

impl std::error::Error for IoCause {}
