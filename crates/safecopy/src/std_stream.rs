//! Bridges between [`Reader`]/[`Writer`] and [`std::io`].
//!
//! Code of the standard library's traits works on slices, and there is no slice to foreign memory.
//! The bytes therefore pass through a buffer of our own.

use std::io;

use usermem_types::{Errno, Partial, Transfer};

use crate::{
    Block, BlockSeq, DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer,
    copy,
};

/// The most that passes through the buffer at a time.
const BUFFER: usize = 64 << 10;

/// A [`Reader`] of what an [`io::Read`] yields.
///
/// Reads once per block, or per 64 KiB of a longer one, and stops after a read that came short.
/// When a block faults, what was read and not stored is lost.
#[derive(Debug)]
pub struct FromStdRead<R> {
    inner: R,
}

impl<R: io::Read> FromStdRead<R> {
    /// Creates a reader of what `inner` yields.
    pub fn new(inner: R) -> Self {
        Self { inner }
    }
}

impl<R: io::Read> Reader for FromStdRead<R> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let mut buffer = buffer_for(dsts);
        let mut done = 0;
        for piece in pieces(dsts) {
            let room = &mut buffer[..piece.len()];
            let read = self.inner.read(room).map_err(|error| Partial::new(done, cause(&error)))?;
            // A reader that claims more than it was given room for is wrong; its bytes are ours.
            let got = &room[..read.min(piece.len())];
            done += copy(piece, SrcBlock::from_slice(got))
                .map_err(|partial| partial.after(done).map_cause(StreamError::Fault))?;
            if got.len() < piece.len() {
                break;
            }
        }
        Ok(done)
    }
}

/// A [`Writer`] to an [`io::Write`].
///
/// Writes once per block, or per 64 KiB of a longer one, and stops after a write that came short.
/// When a block faults, the bytes before the fault are still written, and an error of the sink
/// comes before the fault.
#[derive(Debug)]
pub struct FromStdWrite<W> {
    inner: W,
}

impl<W: io::Write> FromStdWrite<W> {
    /// Creates a writer to `inner`.
    pub fn new(inner: W) -> Self {
        Self { inner }
    }
}

impl<W: io::Write> Writer for FromStdWrite<W> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let mut buffer = buffer_for(srcs);
        let mut done = 0;
        for piece in pieces(srcs) {
            let (loaded, fault) = match copy(DstBlock::from_slice(&mut buffer), piece) {
                Ok(loaded) => (loaded, None),
                Err(partial) => (partial.done, Some(partial.cause)),
            };
            if loaded > 0 {
                let written = self
                    .inner
                    .write(&buffer[..loaded])
                    .map_err(|error| Partial::new(done, cause(&error)))?;
                done += written.min(loaded);
                if written < loaded {
                    break;
                }
            }
            if let Some(fault) = fault {
                return Err(Partial::new(done, StreamError::Fault(fault)));
            }
        }
        Ok(done)
    }
}

/// An [`io::Read`] of what a [`Reader`] yields.
///
/// A call that moved bytes before an error reports the bytes, and the next call the error.
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
}

impl<R: Reader> io::Read for ToStdRead<R> {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        let block = DstBlock::from_slice(buf);
        reported(&mut self.pending, || inner.read_to_blocks(BlockSeq::of(block)))
    }
}

/// An [`io::Write`] to a [`Writer`], which may not come short without an error.
///
/// A call that moved bytes before an error reports the bytes, and the next call the error.
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
}

impl<W: Writer> io::Write for ToStdWrite<W> {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let inner = &mut self.inner;
        let block = SrcBlock::from_slice(buf);
        reported(&mut self.pending, || crate::write_full(inner, BlockSeq::of(block)))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.pending.take().map_or(Ok(()), |cause| Err(io_error(cause)))
    }
}

/// Returns the error left from the last call, or what this one moved.
fn reported(
    pending: &mut Option<StreamError>,
    call: impl FnOnce() -> Transfer<StreamError>,
) -> io::Result<usize> {
    if let Some(cause) = pending.take() {
        return Err(io_error(cause));
    }
    match call() {
        Ok(done) => Ok(done),
        Err(Partial { done: 0, cause }) => Err(io_error(cause)),
        Err(Partial { done, cause }) => {
            *pending = Some(cause);
            Ok(done)
        }
    }
}

/// Returns a buffer that holds every piece of a sequence.
fn buffer_for<M>(blocks: BlockSeq<'_, M>) -> Vec<u8> {
    vec![0; blocks.num_bytes().min(BUFFER)]
}

/// Returns the blocks of a sequence, cut to what the buffer holds.
fn pieces<'a, M: 'a>(blocks: BlockSeq<'a, M>) -> impl Iterator<Item = Block<'a, M>> {
    blocks.iter().flat_map(|block| {
        (0..block.len()).step_by(BUFFER).map(move |at| block.drop_first(at).take_first(BUFFER))
    })
}

/// Returns the error number of a foreign error; EIO for one that has none.
fn cause(error: &io::Error) -> StreamError {
    StreamError::Errno(match (error.raw_os_error(), error.kind()) {
        (Some(raw), _) => Errno::from_raw(raw),
        (None, io::ErrorKind::Interrupted) => Errno::EINTR,
        (None, io::ErrorKind::WouldBlock) => Errno::EAGAIN,
        _ => Errno::EIO,
    })
}

fn io_error(cause: StreamError) -> io::Error {
    match cause {
        StreamError::Errno(errno) => io::Error::from_raw_os_error(errno.raw()),
        StreamError::EndOfBlocks | StreamError::NoProgress => {
            io::Error::new(io::ErrorKind::WriteZero, cause)
        }
        StreamError::Fault(_) => io::Error::other(cause),
    }
}
