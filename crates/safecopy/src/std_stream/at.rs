//! Positional calls, as [`FileExt`](std::os::unix::fs::FileExt) has them, as readers and writers.

use std::{fmt, io};

use usermem_types::{Errno, Partial, Transfer};

use super::bounce::{drain, fill, piecewise};
use crate::stream::moved;
use crate::{BlockSeq, DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};

/// A [`Reader`] of what a closure reads at a position.
///
/// Reads once per block, or per 64 KiB of a longer one, and stops after a read that came short.
/// The position advances by what arrived in the blocks, from piece to piece and from call to call:
/// when a block faults, what could not be stored is read again next time.
///
/// A transfer that would take the position beyond `u64::MAX` is EINVAL, before anything moves.
///
/// ```
/// # fn main() -> std::io::Result<()> {
/// use std::fs::File;
/// use std::os::unix::fs::FileExt;
/// use safecopy::{BlockSeq, DstBlock, FromReadAt, Reader};
///
/// let program = File::open("/proc/self/exe")?;
/// let mut own = [0; 3];
/// let mut reader = FromReadAt::new(1, |bytes, at| program.read_at(bytes, at));
/// assert_eq!(reader.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut own))), Ok(3));
/// assert_eq!(&own, b"ELF");
/// assert_eq!(reader.position(), 4);
/// # Ok(()) }
/// ```
pub struct FromReadAt<F> {
    read_at: F,
    position: u64,
}

impl<F: FnMut(&mut [u8], u64) -> io::Result<usize>> FromReadAt<F> {
    /// Creates a reader that begins at a position.
    pub fn new(position: u64, read_at: F) -> Self {
        Self { read_at, position }
    }

    /// Returns where the next read begins.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl<F: FnMut(&mut [u8], u64) -> io::Result<usize>> Reader for FromReadAt<F> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        check(self.position, dsts.num_bytes())?;
        piecewise(dsts, |buffer, piece| {
            let result =
                fill(BlockSeq::of(piece), buffer, |buffer| (self.read_at)(buffer, self.position));
            self.position += moved(result) as u64;
            result
        })
    }
}

impl<F> fmt::Debug for FromReadAt<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromReadAt").field("position", &self.position).finish_non_exhaustive()
    }
}

/// A [`Writer`] to what a closure writes at a position.
///
/// Writes once per block, or per 64 KiB of a longer one, and stops after a write that came short.
/// The position advances by what was written, from piece to piece and from call to call. When a
/// block faults, the bytes before the fault are still written, and an error of the sink comes
/// before the fault.
///
/// A transfer that would take the position beyond `u64::MAX` is EINVAL, before anything moves.
///
/// ```
/// use safecopy::{BlockSeq, FromWriteAt, SrcBlock, Writer};
///
/// let mut file = *b"......";
/// let mut writer = FromWriteAt::new(1, |bytes, at| {
///     file[at as usize..][..bytes.len()].copy_from_slice(bytes);
///     Ok(bytes.len())
/// });
/// let blocks = [SrcBlock::from_slice(b"ab"), SrcBlock::from_slice(b"cd")];
/// assert_eq!(writer.write_from_blocks(BlockSeq::from_slice(&blocks)), Ok(4));
/// assert_eq!(writer.position(), 5);
/// assert_eq!(&file, b".abcd.");
/// ```
pub struct FromWriteAt<F> {
    write_at: F,
    position: u64,
}

impl<F: FnMut(&[u8], u64) -> io::Result<usize>> FromWriteAt<F> {
    /// Creates a writer that begins at a position.
    pub fn new(position: u64, write_at: F) -> Self {
        Self { write_at, position }
    }

    /// Returns where the next write begins.
    pub fn position(&self) -> u64 {
        self.position
    }
}

impl<F: FnMut(&[u8], u64) -> io::Result<usize>> Writer for FromWriteAt<F> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        check(self.position, srcs.num_bytes())?;
        piecewise(srcs, |buffer, piece| {
            let result =
                drain(BlockSeq::of(piece), buffer, |bytes| (self.write_at)(bytes, self.position));
            self.position += moved(result) as u64;
            result
        })
    }
}

impl<F> fmt::Debug for FromWriteAt<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FromWriteAt").field("position", &self.position).finish_non_exhaustive()
    }
}

/// Checks that the position can advance by as many bytes.
fn check(position: u64, bytes: usize) -> Result<(), Partial<StreamError>> {
    match position.checked_add(bytes as u64) {
        Some(_) => Ok(()),
        None => Err(Partial::new(0, StreamError::Errno(Errno::EINVAL))),
    }
}
