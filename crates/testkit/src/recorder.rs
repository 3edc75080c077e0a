//! What an address space was asked for.

use std::cell::RefCell;

use safecopy::{Reader, Writer};
use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Fault, Transfer};

/// Which method of [`Io`] was called.
///
/// ```
/// assert_ne!(testkit::CallKind::CopyIn, testkit::CallKind::CopyOut);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// [`Io::copy_out`].
    CopyOut,
    /// [`Io::copy_in`].
    CopyIn,
    /// [`Io::zero_out`].
    ZeroOut,
    /// [`Io::copy_out_from`].
    CopyOutFrom,
    /// [`Io::copy_in_to`].
    CopyInTo,
    /// [`Io::swap_u32`].
    Swap,
    /// [`Io::compare_exchange_u32`].
    CompareExchange,
    /// [`Io::load_u32`].
    Load,
}

/// One call of a method of [`Io`].
///
/// ```
/// use testkit::{Call, CallKind};
/// use usermem_types::Addr;
///
/// let call = Call::copy_in(0x1000, 64);
/// assert_eq!(call, Call { kind: CallKind::CopyIn, addr: Addr::new(0x1000), len: 64 });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// Which.
    pub kind: CallKind,
    /// Where; the start of the first range.
    pub addr: Addr,
    /// How many bytes; those of all ranges.
    pub len: usize,
}

impl Call {
    /// Returns a call of [`Io::copy_in`].
    #[must_use]
    pub fn copy_in(addr: u64, len: usize) -> Self {
        Self { kind: CallKind::CopyIn, addr: Addr::new(addr), len }
    }

    /// Returns a call of [`Io::copy_out`].
    #[must_use]
    pub fn copy_out(addr: u64, len: usize) -> Self {
        Self { kind: CallKind::CopyOut, addr: Addr::new(addr), len }
    }

    /// Returns a call of [`Io::zero_out`].
    #[must_use]
    pub fn zero_out(addr: u64, len: usize) -> Self {
        Self { kind: CallKind::ZeroOut, addr: Addr::new(addr), len }
    }
}

/// An address space that remembers what it was asked for.
///
/// ```
/// use testkit::{Call, Recorder};
/// use usermem_io::{BytesIo, IoExt, IoOpts};
/// use usermem_types::Addr;
///
/// let mut memory = [1; 8];
/// let io = BytesIo::new(&mut memory);
/// let recorder = Recorder::new(&io);
/// let _ = recorder.copy_in_object::<u64>(Addr::ZERO, IoOpts::CHECKED);
/// assert_eq!(recorder.take_calls(), [Call::copy_in(0, 8)]);
/// ```
pub struct Recorder<'a> {
    io: &'a dyn Io,
    calls: RefCell<Vec<Call>>,
}

impl<'a> Recorder<'a> {
    /// Creates a recorder of what `io` is asked for through it.
    #[must_use]
    pub fn new(io: &'a dyn Io) -> Self {
        Self { io, calls: RefCell::default() }
    }

    /// Returns the calls since the last time, in order.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.calls.take()
    }

    fn log(&self, kind: CallKind, addr: Addr, len: usize) {
        self.calls.borrow_mut().push(Call { kind, addr, len });
    }

    fn log_ranges(&self, kind: CallKind, ranges: AddrRangeSeq<'_>) {
        let head = ranges.head().unwrap_or_default();
        self.log(kind, head.start(), ranges.num_bytes() as usize);
    }
}

impl Io for Recorder<'_> {
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        self.log(CallKind::CopyOut, addr, src.len());
        self.io.copy_out(addr, src, opts)
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        self.log(CallKind::CopyIn, addr, dst.len());
        self.io.copy_in(addr, dst, opts)
    }

    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        self.log(CallKind::ZeroOut, addr, len);
        self.io.zero_out(addr, len, opts)
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        self.log_ranges(CallKind::CopyOutFrom, ranges);
        self.io.copy_out_from(ranges, reader, opts)
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        self.log_ranges(CallKind::CopyInTo, ranges);
        self.io.copy_in_to(ranges, writer, opts)
    }

    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, opts: IoOpts) -> Result<u32, Fault> {
        self.log(CallKind::Swap, addr.addr(), 4);
        self.io.swap_u32(addr, new, opts)
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault> {
        self.log(CallKind::CompareExchange, addr.addr(), 4);
        self.io.compare_exchange_u32(addr, old, new, opts)
    }

    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault> {
        self.log(CallKind::Load, addr.addr(), 4);
        self.io.load_u32(addr, opts)
    }
}

impl std::fmt::Debug for Recorder<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Recorder").field("calls", &self.calls).finish_non_exhaustive()
    }
}
