//! Address spaces and sequences as `std::io` streams.

use std::fmt;
use std::io;

use usermem_types::{Addr, Partial, Transfer};

use crate::{Io, IoCause, IoOpts, IoSequence};

/// A place in an address space that moves on by what is read and written there.
///
/// There is no end of file. As a `std::io` stream, a transfer that stopped early is short first,
/// and the call after it fails with the [`Fault`](usermem_types::Fault) as its inner error: no count is lost.
#[derive(Clone, Copy)]
pub struct IoReadWriter<'a> {
    io: &'a dyn Io,
    addr: Addr,
    opts: IoOpts,
}

impl<'a> IoReadWriter<'a> {
    /// Creates a cursor at `addr`.
    #[must_use]
    pub fn new(io: &'a dyn Io, addr: Addr, opts: IoOpts) -> Self {
        Self { io, addr, opts }
    }

    /// Returns where the next transfer begins.
    #[must_use]
    pub fn addr(&self) -> Addr {
        self.addr
    }

    /// Copies from the application into `dst`, and moves on by what was copied.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    pub fn copy_in(&mut self, dst: &mut [u8]) -> Transfer {
        let copied = self.io.copy_in(self.addr, dst, self.opts);
        self.advance(copied)
    }

    /// Copies `src` to the application, and moves on by what was copied.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    pub fn copy_out(&mut self, src: &[u8]) -> Transfer {
        let copied = self.io.copy_out(self.addr, src, self.opts);
        self.advance(copied)
    }

    fn advance(&mut self, copied: Transfer) -> Transfer {
        let (Ok(done) | Err(Partial { done, .. })) = copied;
        self.addr = self.addr.saturating_add(done as u64);
        copied
    }
}

impl io::Read for IoReadWriter<'_> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        short_first(self.copy_in(dst))
    }
}

impl io::Write for IoReadWriter<'_> {
    fn write(&mut self, src: &[u8]) -> io::Result<usize> {
        short_first(self.copy_out(src))
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl fmt::Debug for IoReadWriter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("IoReadWriter").field("addr", &self.addr).finish_non_exhaustive()
    }
}

/// What is left of an [`IoSequence`], as a `std::io` stream.
///
/// Reading returns zero bytes once the sequence is drained; writing takes zero bytes then, which
/// [`io::Write::write_all`] reports as [`io::ErrorKind::WriteZero`]. Faults are reported as by
/// [`IoReadWriter`], with the [`IoCause`] as inner error.
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

    fn advance(&mut self, copied: Transfer<IoCause>) -> io::Result<usize> {
        let (Ok(done) | Err(Partial { done, .. })) = copied;
        self.seq = self.seq.drop_first(done as u64);
        short_first(copied)
    }
}

impl io::Read for IoSequenceReadWriter<'_> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        let copied = self.seq.copy_in(dst);
        self.advance(copied)
    }
}

impl io::Write for IoSequenceReadWriter<'_> {
    fn write(&mut self, src: &[u8]) -> io::Result<usize> {
        let copied = self.seq.copy_out(src);
        self.advance(copied)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Returns the count where there is one, and the cause where there is none.
fn short_first<C>(copied: Transfer<C>) -> io::Result<usize>
where
    C: std::error::Error + Send + Sync + 'static,
{
    match copied {
        Ok(done) => Ok(done),
        Err(Partial { done: 0, cause }) => Err(io::Error::other(cause)),
        Err(Partial { done, .. }) => Ok(done),
    }
}
