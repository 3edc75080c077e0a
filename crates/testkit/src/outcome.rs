//! What operations answer.

use std::io;

use usermem_io::{IntStringsCause, IoCause, StringCause, StringError, StructError};
use usermem_types::{Fault, Partial, Transfer};

/// Why an operation stopped early.
///
/// ```
/// use testkit::{ModelMemory, Op, Stop, run};
/// use usermem_io::IoOpts;
/// use usermem_types::Addr;
///
/// let op = Op::CopyInString { addr: Addr::ZERO, max_len: 0 };
/// let outcome = run(&ModelMemory::default(), &op, IoOpts::CHECKED).unwrap();
/// assert_eq!(outcome.stop, Some(Stop::TooLong));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Memory, or a stream.
    Io(IoCause),
    /// A string has no end where it may have one.
    TooLong,
    /// A structure holds what nobody knows.
    TooBig,
    /// A number is none.
    Malformed,
}

impl From<IoCause> for Stop {
    fn from(cause: IoCause) -> Self {
        Self::Io(cause)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Io(fault.into())
    }
}

/// What an operation answered.
///
/// ```
/// use testkit::{ModelMemory, Op, run};
/// use usermem_io::{IoCause, IoOpts};
/// use usermem_types::{Addr, Fault, FaultKind};
///
/// let op = Op::CopyIn { addr: Addr::new(1), len: 9 };
/// let outcome = run(&ModelMemory::of_bytes(b"abc"), &op, IoOpts::CHECKED).unwrap();
/// let fault = IoCause::Fault(Fault::new(FaultKind::Unmapped, Addr::new(3)));
/// assert_eq!((outcome.done, outcome.stop), (2, Some(fault.into())));
/// assert_eq!(outcome.data, b"bc");
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Outcome {
    /// How many bytes moved.
    pub done: usize,
    /// Why no more did.
    pub stop: Option<Stop>,
    /// What was read: as much of it as the caller may look at.
    pub data: Vec<u8>,
    /// How many bytes each call of a reader or writer was offered.
    pub calls: Vec<usize>,
    /// Where a step left a cursor, or how many bytes it left of a sequence.
    pub position: Option<u64>,
    /// The outcomes of the steps of an operation that has steps.
    pub steps: Vec<Self>,
}

impl Outcome {
    /// A transfer whose bytes are the first of `data`.
    pub(crate) fn transfer<C: Into<Stop>>(transfer: Transfer<C>, data: &[u8]) -> Self {
        let (done, stop) = match transfer {
            Ok(done) => (done, None),
            Err(Partial { done, cause }) => (done, Some(cause.into())),
        };
        Self { done, stop, data: data[..done.min(data.len())].to_vec(), ..Self::default() }
    }

    /// A value that is there whole or not at all.
    pub(crate) fn whole<C: Into<Stop>>(value: Result<Vec<u8>, Partial<C>>) -> Self {
        match value {
            Ok(data) => Self { done: data.len(), data, ..Self::default() },
            Err(partial) => Self::transfer(Err(partial), &[]),
        }
    }

    pub(crate) fn word(word: Result<u32, Fault>) -> Self {
        let bytes = word.map(|word| word.to_le_bytes().to_vec());
        Self::whole(bytes.map_err(|fault| Partial::new(0, fault)))
    }

    pub(crate) fn string(string: Result<Vec<u8>, StringError>) -> Self {
        match string {
            Ok(data) => Self { done: data.len(), data, ..Self::default() },
            Err(StringError { partial, cause }) => {
                Self::transfer(Err(Partial::new(partial.len(), cause)), &partial)
            }
        }
    }

    /// The `read` or `write` of a `std::io` stream.
    pub(crate) fn std<C>(result: io::Result<usize>, data: &[u8]) -> Self
    where
        C: std::error::Error + Into<Stop> + Send + Sync + 'static,
    {
        let cause = |error: io::Error| error.downcast::<C>().expect("the error of a transfer");
        Self::transfer(result.map_err(|error| Partial::new(0, cause(error))), data)
    }

    pub(crate) fn steps(steps: Vec<Self>) -> Self {
        Self { steps, ..Self::default() }
    }
}

impl From<StringCause> for Stop {
    fn from(cause: StringCause) -> Self {
        match cause {
            StringCause::Fault(fault) => Self::Io(fault.into()),
            StringCause::TooLong => Self::TooLong,
        }
    }
}

impl From<StructError> for Stop {
    fn from(error: StructError) -> Self {
        match error {
            StructError::Fault(fault) => Self::Io(fault.into()),
            StructError::TooBig => Self::TooBig,
        }
    }
}

impl From<IntStringsCause> for Stop {
    fn from(cause: IntStringsCause) -> Self {
        match cause {
            IntStringsCause::Io(cause) => Self::Io(cause),
            IntStringsCause::Malformed => Self::Malformed,
        }
    }
}
