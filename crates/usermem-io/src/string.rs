//! Strings that end with a NUL.

use std::fmt;

use usermem_types::{Addr, Fault, FaultKind, PageSize, Partial};

use crate::{Io, IoOpts, count};

/// The most bytes that are read at one time.
const PIECE: usize = 64;

/// The smallest page there is: a piece that stays inside of it stays inside of larger ones.
const PAGE: PageSize = PageSize::K4;

/// Why a string was not read to its end.
///
/// ```
/// use usermem_io::{BytesIo, IoExt, IoOpts, StringCause};
/// use usermem_types::{Addr, Fault, FaultKind};
///
/// let mut memory = *b"abc";
/// let io = BytesIo::new(&mut memory);
/// let cause = |max| io.copy_in_string(Addr::ZERO, max, IoOpts::CHECKED).unwrap_err().cause;
/// assert_eq!(cause(3), StringCause::TooLong);
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(3));
/// assert_eq!(cause(4), StringCause::Fault(fault));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StringCause {
    /// The application's memory could not be read before a NUL was found.
    Fault(Fault),
    /// The bytes that a string may have held no NUL.
    TooLong,
}

impl fmt::Display for StringCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::TooLong => f.write_str("string too long"),
        }
    }
}

impl std::error::Error for StringCause {}

/// A string that was not read to its end.
///
/// ```
/// use usermem_io::{BytesIo, IoExt, IoOpts};
/// use usermem_types::Addr;
///
/// let mut memory = *b"abc";
/// let io = BytesIo::new(&mut memory);
/// let error = io.copy_in_string(Addr::ZERO, 2, IoOpts::CHECKED).unwrap_err();
/// assert_eq!(error.partial, b"ab");
/// assert_eq!(error.to_string(), "string too long after 2 bytes");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StringError {
    /// The bytes that were read; none of them is NUL.
    pub partial: Vec<u8>,
    /// Why no more were.
    pub cause: StringCause,
}

impl fmt::Display for StringError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes", self.cause, self.partial.len())
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
    let fetched = fetch(io, addr, max_len, opts, &mut string);
    let (Ok(len) | Err(Partial { done: len, .. })) = fetched;
    string.truncate(len);
    match fetched {
        Ok(_) => Ok(string),
        Err(Partial { cause, .. }) => Err(StringError { partial: string, cause }),
    }
}

/// See [`IoExt::copy_in_string_into`](crate::IoExt::copy_in_string_into).
pub(crate) fn copy_in_string_into<I: Io + ?Sized>(
    io: &I,
    addr: Addr,
    dst: &mut [u8],
    opts: IoOpts,
) -> Result<usize, Partial<StringCause>> {
    fetch(io, addr, dst.len(), opts, dst)
}

/// Where a string goes.
trait Buffer {
    /// Returns the room for the bytes from `start` to `end`, where `start` is the last `end`.
    fn room(&mut self, start: usize, end: usize) -> &mut [u8];
}

impl Buffer for [u8] {
    fn room(&mut self, start: usize, end: usize) -> &mut [u8] {
        &mut self[start..end]
    }
}

impl Buffer for Vec<u8> {
    /// Grows by doubling, and only when what was there is used up.
    fn room(&mut self, start: usize, end: usize) -> &mut [u8] {
        self.resize(end, 0);
        &mut self[start..end]
    }
}

/// Reads a string piece by piece and returns its length.
fn fetch<I: Io + ?Sized, B: Buffer + ?Sized>(
    io: &I,
    addr: Addr,
    max_len: usize,
    opts: IoOpts,
    buffer: &mut B,
) -> Result<usize, Partial<StringCause>> {
    let mut len = 0;
    let mut at = addr;
    while len < max_len {
        let stop = |len| move |fault| Partial::new(len, StringCause::Fault(fault));
        let piece = piece(at, max_len - len).map_err(stop(len))?;
        let room = buffer.room(len, len + piece);
        let copied = count::all_or_fault(io.copy_in(at, room, opts), at, piece);
        let (Ok(read) | Err(Partial { done: read, .. })) = copied;
        // Before the fault is looked at: what lies behind the NUL is nobody's concern.
        if let Some(nul) = room[..read].iter().position(|byte| *byte == 0) {
            return Ok(len + nul);
        }
        len += read;
        copied.map_err(|partial| stop(len)(partial.cause))?;
        at = at.saturating_add(piece as u64);
    }
    Err(Partial::new(len, StringCause::TooLong))
}

/// Returns how many bytes to read at `at` when at most `left` may be: never beyond a page.
fn piece(at: Addr, left: usize) -> Result<usize, Fault> {
    let wanted = PIECE.min(left) as u64;
    if at.checked_add(wanted).is_none() {
        return Err(Fault::new(FaultKind::OutOfRange, at));
    }
    let rest_of_page = PAGE.bytes() - at.offset_in(PAGE);
    Ok(wanted.min(rest_of_page) as usize)
}
