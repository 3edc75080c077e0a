//! What is left of a sequence.

use std::io;

use usermem_types::{Partial, Transfer};

use crate::{IoCause, IoSequence, std_io};

/// What is left of an [`IoSequence`], which transfers use up, also where they end in a fault.
///
/// As a `std::io` stream, reading returns zero bytes once the sequence is drained; writing takes
/// zero bytes then, which [`io::Write::write_all`] reports as [`io::ErrorKind::WriteZero`]. Faults
/// are reported as by [`IoReadWriter`](crate::IoReadWriter), with the [`IoCause`] as inner error.
///
/// ```
/// use std::io::{Read, Write};
/// use usermem_io::{BytesIo, IoOpts, IoSequence};
/// use usermem_types::{Addr, AddrRangeSeq};
///
/// let mut memory = *b"abcdef";
/// let io = BytesIo::new(&mut memory);
/// let ranges = [Addr::new(4).to_range(2).unwrap(), Addr::new(0).to_range(2).unwrap()];
/// let ranges = AddrRangeSeq::from_slice(&ranges).unwrap();
/// let mut stream = IoSequence::new(&io, ranges, IoOpts::CHECKED).read_writer();
/// stream.write_all(b"XYZ").unwrap();
/// assert_eq!(stream.len(), 1);
/// let mut rest = Vec::new();
/// stream.read_to_end(&mut rest).unwrap();
/// assert_eq!(rest, b"b");
/// assert_eq!(&memory, b"ZbcdXY");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct IoSequenceReadWriter<'a> {
    seq: IoSequence<'a>,
}

impl<'a> IoSequenceReadWriter<'a> {
    /// Creates a stream over a sequence.
    #[must_use]
    pub fn new(seq: IoSequence<'a>) -> Self {
        Self { seq }
    }

    /// Returns how many bytes are left.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.seq.num_bytes()
    }

    /// Returns whether no bytes are left.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Returns what is left, for a transfer of another kind.
    #[must_use]
    pub fn sequence(&self) -> IoSequence<'a> {
        self.seq
    }

    /// Copies into `dst` and uses up what was copied; see [`IoSequence::copy_in`].
    ///
    /// # Errors
    /// As [`IoSequence::copy_in`].
    pub fn copy_in(&mut self, dst: &mut [u8]) -> Transfer<IoCause> {
        let copied = self.seq.copy_in(dst);
        self.advance(copied)
    }

    /// Copies `src` out and uses up the room for it; see [`IoSequence::copy_out`].
    ///
    /// # Errors
    /// As [`IoSequence::copy_out`].
    pub fn copy_out(&mut self, src: &[u8]) -> Transfer<IoCause> {
        let copied = self.seq.copy_out(src);
        self.advance(copied)
    }

    fn advance(&mut self, copied: Transfer<IoCause>) -> Transfer<IoCause> {
        let (Ok(done) | Err(Partial { done, .. })) = copied;
        self.seq = self.seq.drop_first(done as u64);
        copied
    }
}

impl io::Read for IoSequenceReadWriter<'_> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        std_io::short_first(self.copy_in(dst))
    }
}

impl io::Write for IoSequenceReadWriter<'_> {
    fn write(&mut self, src: &[u8]) -> io::Result<usize> {
        std_io::short_first(self.copy_out(src))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
