//! Readers and writers as streams of the standard library.

use std::io::{self, ErrorKind};

use usermem_types::{Partial, Transfer};

use super::error::to_io;
use crate::stream::at_most;
use crate::{BlockSeq, DstBlock, Reader, SrcBlock, StreamError, Writer, write_full};

/// An [`io::Read`] of what a [`Reader`] yields.
///
/// A call that moved bytes before an error reports the bytes, and the next call the error, without
/// reading; the one after reads again.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::io::Read;
/// use safecopy::{SliceReader, ToStdRead};
///
/// let mut text = String::new();
/// ToStdRead::new(SliceReader::new(b"foobar")).read_to_string(&mut text)?;
/// assert_eq!(text, "foobar");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ToStdRead<R> {
    inner: R,
    pending: Option<StreamError>,
}

impl<R: Reader> ToStdRead<R> {
    /// Creates a stream of what `inner` yields.
    pub fn new(inner: R) -> Self {
        Self { inner, pending: None }
    }

    /// Returns the reader. An error that was not reported yet is lost.
    pub fn into_inner(self) -> R {
        self.inner
    }
}

impl<R: Reader> io::Read for ToStdRead<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let dsts = BlockSeq::of(DstBlock::from_slice(buf));
        report(&mut self.pending, ErrorKind::UnexpectedEof, || {
            at_most(dsts.num_bytes(), self.inner.read_to_blocks(dsts))
        })
    }
}

/// An [`io::Write`] to a [`Writer`], which is called until it has taken everything or fails.
///
/// A call that moved bytes before an error reports the bytes, and the next call, or a flush, the
/// error, without writing; the one after writes again.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::io::{ErrorKind, Write};
/// use safecopy::{SliceWriter, ToStdWrite};
///
/// let mut own = [0; 5];
/// let mut stream = ToStdWrite::new(SliceWriter::new(&mut own));
/// write!(stream, "{}", 123)?;
/// assert_eq!(stream.write_all(b"456").unwrap_err().kind(), ErrorKind::WriteZero);
/// assert_eq!(&own, b"12345");
/// # Ok(()) }
/// ```
#[derive(Debug)]
pub struct ToStdWrite<W> {
    inner: W,
    pending: Option<StreamError>,
}

impl<W: Writer> ToStdWrite<W> {
    /// Creates a stream to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner, pending: None }
    }

    /// Returns the writer. An error that was not reported yet is lost.
    pub fn into_inner(self) -> W {
        self.inner
    }
}

impl<W: Writer> io::Write for ToStdWrite<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let srcs = BlockSeq::of(SrcBlock::from_slice(buf));
        report(&mut self.pending, ErrorKind::WriteZero, || write_full(&mut self.inner, srcs))
    }

    fn flush(&mut self) -> io::Result<()> {
        report(&mut self.pending, ErrorKind::WriteZero, || Ok(0)).map(|_| ())
    }
}

/// Returns the error that the last call left, or what this one moved.
fn report(
    pending: &mut Option<StreamError>,
    end: ErrorKind,
    call: impl FnOnce() -> Transfer<StreamError>,
) -> io::Result<usize> {
    if let Some(cause) = pending.take() {
        return Err(to_io(cause, end));
    }
    call().or_else(|Partial { done, cause }| {
        if done == 0 {
            return Err(to_io(cause, end));
        }
        *pending = Some(cause);
        Ok(done)
    })
}
