//! Errors across the border to the standard library.

use std::io::{self, ErrorKind};

use usermem_types::Errno;

use crate::StreamError;

/// The error numbers of errors that have none of their own.
const ERRNOS: [(ErrorKind, Errno); 10] = [
    (ErrorKind::Interrupted, Errno::EINTR),
    (ErrorKind::WouldBlock, Errno::EAGAIN),
    (ErrorKind::BrokenPipe, Errno::EPIPE),
    (ErrorKind::InvalidInput, Errno::EINVAL),
    (ErrorKind::NotFound, Errno::ENOENT),
    (ErrorKind::OutOfMemory, Errno::ENOMEM),
    (ErrorKind::PermissionDenied, Errno::EACCES),
    (ErrorKind::StorageFull, Errno::ENOSPC),
    (ErrorKind::TimedOut, Errno::ETIMEDOUT),
    (ErrorKind::Unsupported, Errno::EOPNOTSUPP),
];

/// Returns what an error of the standard library is to us; EIO when nothing else fits.
pub(super) fn from_io(error: &io::Error) -> StreamError {
    if let Some(raw) = error.raw_os_error() {
        return StreamError::Errno(Errno::from_raw(raw));
    }
    let ours = error.get_ref().and_then(|inner| inner.downcast_ref::<StreamError>());
    ours.copied().unwrap_or_else(|| {
        let known = ERRNOS.iter().find(|(kind, _)| *kind == error.kind());
        StreamError::Errno(known.map_or(Errno::EIO, |(_, errno)| *errno))
    })
}

/// Returns what our error is to the standard library, which has a kind of its own for the end of
/// a source and for that of a sink.
pub(super) fn to_io(cause: StreamError, end: ErrorKind) -> io::Error {
    match cause {
        StreamError::Errno(errno) => io::Error::from_raw_os_error(errno.raw()),
        StreamError::EndOfBlocks | StreamError::NoProgress => io::Error::new(end, cause),
        StreamError::Fault(_) => io::Error::other(cause),
    }
}
