//! Strings that end with a NUL.

use std::fmt;

use usermem_types::{Addr, Fault, FaultKind, PageSize, Partial};

use crate::{Io, IoOpts};

/// The most bytes that are read at one time.
const CHUNK: usize = 64;

/// The smallest page there is: a piece that stays inside of it stays inside of larger ones.
const PAGE: PageSize = PageSize::K4;

/// Why a string was not read to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringCause {
    /// The application's memory could not be read before a NUL was found.
    Fault(Fault),
    /// The bytes that a string may have held no NUL.
    TooLong,
}

/// A string that was not read to its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringError {
    /// The bytes that were read; none of them is NUL.
    pub partial: Vec<u8>,
    /// Why no more were.
    pub cause: StringCause,
}

impl fmt::Display for StringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cause {
            StringCause::Fault(fault) => write!(f, "{fault}")?,
            StringCause::TooLong => f.write_str("string too long")?,
        }
        write!(f, " after {} bytes", self.partial.len())
    }
}

impl std::error::Error for StringError {}

/// See [`IoExt::copy_in_string`](crate::IoExt::copy_in_string).
pub(crate) fn copy_in_string<I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    max_len: usize,
    opts: IoOpts,
) -> Result<Vec<u8>, StringError> {
    let mut string = Vec::new();
    let mut at = addr;
    let mut chunk = [0u8; CHUNK];
    while string.len() < max_len {
        let wanted = CHUNK.min(max_len - string.len());
        let Some(next) = at.checked_add(wanted as u64) else {
            let fault = Fault::new(FaultKind::OutOfRange, at);
            return Err(StringError { partial: string, cause: StringCause::Fault(fault) });
        };
        let page_end = next.round_down(PAGE);
        let next = if page_end > at { page_end } else { next };
        let len = (next.get() - at.get()) as usize;
        let (read, fault) = match io.copy_in(at, &mut chunk[..len], opts) {
            Ok(_) => (len, None),
            Err(Partial { done, cause }) => (done.min(len), Some(cause)),
        };
        if let Some(nul) = chunk[..read].iter().position(|byte| *byte == 0) {
            string.extend_from_slice(&chunk[..nul]);
            return Ok(string);
        }
        string.extend_from_slice(&chunk[..read]);
        if let Some(fault) = fault {
            return Err(StringError { partial: string, cause: StringCause::Fault(fault) });
        }
        at = next;
    }
    Err(StringError { partial: string, cause: StringCause::TooLong })
}
