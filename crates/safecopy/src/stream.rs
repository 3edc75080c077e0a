//! Sources and sinks of bytes that work on blocks.

use std::fmt;

use usermem_types::{Errno, Partial, Transfer};

use crate::{BlockSeq, DstBlockSeq, HostFault, SrcBlockSeq};

/// Why a reader or a writer stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamError {
    /// The memory of a block faulted.
    Fault(HostFault),
    /// The source or the sink itself failed; never rewritten on the way up.
    Errno(Errno),
    /// A fixed-size source or sink has no more bytes or no more room.
    EndOfBlocks,
    /// A full transfer was asked for and a round moved nothing without an error.
    NoProgress,
}

impl fmt::Display for StreamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Fault(fault) => fault.fmt(f),
            Self::Errno(errno) => errno.fmt(f),
            Self::EndOfBlocks => f.write_str("end of blocks"),
            Self::NoProgress => f.write_str("no progress"),
        }
    }
}

impl std::error::Error for StreamError {}

/// A source of bytes.
pub trait Reader {
    /// Reads up to `dsts.num_bytes()` bytes into the blocks, in order. May be short without an
    /// error.
    ///
    /// # Errors
    /// Why it stopped, and how many bytes are in the blocks.
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError>;
}

/// A sink of bytes.
pub trait Writer {
    /// Writes up to `srcs.num_bytes()` bytes from the blocks, in order. May be short without an
    /// error.
    ///
    /// # Errors
    /// Why it stopped, and how many bytes were taken.
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError>;
}

impl<R: Reader + ?Sized> Reader for &mut R {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        (**self).read_to_blocks(dsts)
    }
}

impl<W: Writer + ?Sized> Writer for &mut W {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        (**self).write_from_blocks(srcs)
    }
}

/// Reads until the blocks are full, in as many rounds as it takes; none for no bytes.
///
/// # Errors
/// Why a round stopped, and how many bytes are in the blocks. A round that moves nothing without
/// an error, as at the end of a file, is [`StreamError::NoProgress`].
pub fn read_full<R>(reader: &mut R, dsts: DstBlockSeq<'_>) -> Transfer<StreamError>
where
    R: Reader + ?Sized,
{
    full(dsts, |dsts| reader.read_to_blocks(dsts))
}

/// Writes until all bytes are taken, in as many rounds as it takes; none for no bytes.
///
/// # Errors
/// Why a round stopped, and how many bytes were taken. A round that moves nothing without an
/// error is [`StreamError::NoProgress`].
pub fn write_full<W>(writer: &mut W, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError>
where
    W: Writer + ?Sized,
{
    full(srcs, |srcs| writer.write_from_blocks(srcs))
}

fn full<'a, M>(
    mut blocks: BlockSeq<'a, M>,
    mut round: impl FnMut(BlockSeq<'a, M>) -> Transfer<StreamError>,
) -> Transfer<StreamError> {
    let mut done = 0;
    while !blocks.is_empty() {
        let moved = round(blocks).map_err(|partial| partial.after(done))?;
        if moved == 0 {
            return Err(Partial::new(done, StreamError::NoProgress));
        }
        done += moved;
        blocks = blocks.drop_first(moved);
    }
    Ok(done)
}

#[cfg(test)]
#[path = "stream_tests.rs"]
mod tests;
