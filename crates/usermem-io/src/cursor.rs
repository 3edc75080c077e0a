//! A place in an address space that moves on.

use std::fmt;
use std::io;

use usermem_types::{Addr, Partial, Transfer};

use crate::{Io, IoOpts, count, std_io};

/// A place in an address space that moves on by what is read and written there, also where that
/// ends in a fault.
///
/// There is no end of file, and no seeking: a cursor elsewhere is a new one. It stays at the
/// highest address rather than wrap around.
///
/// As a `std::io` stream, a transfer that stopped early is short first, and the call after it fails
/// with the [`Fault`](usermem_types::Fault) as its inner error: no count is lost.
///
/// ```
/// use std::io::Read;
/// use usermem_io::{BytesIo, IoOpts, IoReadWriter};
/// use usermem_types::{Addr, Fault, FaultKind};
///
/// let mut memory = *b"abcdef";
/// let io = BytesIo::new(&mut memory);
/// let mut cursor = IoReadWriter::new(&io, Addr::new(1), IoOpts::CHECKED);
/// assert_eq!(cursor.copy_out(b"BC"), Ok(2));
/// assert_eq!(cursor.addr(), Addr::new(3));
///
/// let mut rest = Vec::new();
/// let error = cursor.read_to_end(&mut rest).unwrap_err();
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(6));
/// assert_eq!((rest, error.downcast().ok()), (b"def".to_vec(), Some(fault)));
/// ```
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
        self.advance(copied, dst.len())
    }

    /// Copies `src` to the application, and moves on by what was copied.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    pub fn copy_out(&mut self, src: &[u8]) -> Transfer {
        let copied = self.io.copy_out(self.addr, src, self.opts);
        self.advance(copied, src.len())
    }

    /// Writes `len` zero bytes to the application, and moves on by what was written.
    ///
    /// # Errors
    /// The fault, and how many bytes had been zeroed.
    pub fn zero_out(&mut self, len: usize) -> Transfer {
        let zeroed = self.io.zero_out(self.addr, len, self.opts);
        self.advance(zeroed, len)
    }

    fn advance(&mut self, moved: Transfer, len: usize) -> Transfer {
        let moved = count::all_or_fault(moved, self.addr, len);
        let (Ok(done) | Err(Partial { done, .. })) = moved;
        self.addr = self.addr.saturating_add(done as u64);
        moved
    }
}

impl io::Read for IoReadWriter<'_> {
    fn read(&mut self, dst: &mut [u8]) -> io::Result<usize> {
        std_io::short_first(self.copy_in(dst))
    }
}

impl io::Write for IoReadWriter<'_> {
    fn write(&mut self, src: &[u8]) -> io::Result<usize> {
        std_io::short_first(self.copy_out(src))
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
