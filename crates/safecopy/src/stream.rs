//! Sources and sinks of bytes that work on blocks.
//!
//! A transfer returns how many bytes moved, always from the front, and why it stopped when an
//! error stopped it. What a stream may do, and what becomes of it:
//!
//! | it moves | result |
//! |---|---|
//! | everything | the count |
//! | less, or nothing, without an error | the count; [`read_full`] and [`write_full`] go on, and a round that moves nothing ends them with [`StreamError::NoProgress`] |
//! | some, then fails | count and cause, once; an interruption (`EINTR`) is a cause as any other, and nobody tries again |
//! | more than it was offered, or so it says | as if it had moved everything |
//!
//! A stream that panics unwinds through every adapter of this crate. The bytes of its calls that
//! had returned are where they belong, the count is lost with the call, and the adapter may be
//! used again: it goes on after the last call that returned, and reports nothing that is left from
//! the one that panicked.

use std::fmt;

use static_assertions::const_assert_eq;
use usermem_types::{Errno, Partial, Transfer};

use crate::{BlockSeq, DstBlockSeq, HostFault, SrcBlockSeq};

/// Why a reader or a writer stopped.
///
/// ```
/// use safecopy::StreamError;
/// use usermem_types::Errno;
///
/// assert_eq!(StreamError::Errno(Errno::ENOSPC).to_string(), "ENOSPC");
/// ```
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

// A failed transfer is passed by value.
const_assert_eq!(size_of::<StreamError>(), 2 * size_of::<usize>());

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
///
/// ```
/// use safecopy::{BlockSeq, DstBlock, DstBlockSeq, Reader, SrcBlock, StreamError, copy};
/// use usermem_types::Transfer;
///
/// /// An endless source of one byte.
/// struct Repeat(u8);
///
/// impl Reader for Repeat {
///     fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
///         let mut done = 0;
///         for dst in dsts {
///             let bytes = vec![self.0; dst.len()];
///             done += copy(dst, SrcBlock::from_slice(&bytes))
///                 .map_err(|partial| partial.after(done).map_cause(StreamError::Fault))?;
///         }
///         Ok(done)
///     }
/// }
///
/// let mut own = [0; 3];
/// let dsts = BlockSeq::of(DstBlock::from_slice(&mut own));
/// assert_eq!(Repeat(7).read_to_blocks(dsts), Ok(3));
/// assert_eq!(own, [7; 3]);
/// ```
pub trait Reader {
    /// Reads up to `dsts.num_bytes()` bytes into the blocks, in order. May be short without an
    /// error; none at all, where there was room, is the end.
    ///
    /// # Errors
    /// Why it stopped, and how many bytes are in the blocks.
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError>;
}

/// A sink of bytes.
///
/// ```
/// use safecopy::{BlockSeq, SrcBlock, SrcBlockSeq, StreamError, Writer};
/// use usermem_types::Transfer;
///
/// /// A sink that only counts.
/// struct Count(usize);
///
/// impl Writer for Count {
///     fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
///         self.0 += srcs.num_bytes();
///         Ok(srcs.num_bytes())
///     }
/// }
///
/// let mut count = Count(0);
/// assert_eq!(count.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"abc"))), Ok(3));
/// assert_eq!(count.0, 3);
/// ```
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
        let result = at_most(blocks.num_bytes(), round(blocks));
        let moved = result.map_err(|partial| partial.after(done))?;
        if moved == 0 {
            return Err(Partial::new(done, StreamError::NoProgress));
        }
        done += moved;
        blocks = blocks.drop_first(moved);
    }
    Ok(done)
}

/// Limits the count of a stream that may claim more than the `offered` bytes.
pub(crate) fn at_most<C>(offered: usize, result: Transfer<C>) -> Transfer<C> {
    match result {
        Ok(done) => Ok(done.min(offered)),
        Err(Partial { done, cause }) => Err(Partial::new(done.min(offered), cause)),
    }
}

/// Returns how many bytes moved, whether or not an error stopped them.
pub(crate) fn moved<C>(result: Transfer<C>) -> usize {
    result.unwrap_or_else(|partial| partial.done)
}
