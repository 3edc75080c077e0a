//! What can be asked of an address space.

use usermem_types::{Addr, AddrRange};

#[cfg(doc)]
use usermem_io::{Io, IoExt, IoReadWriter, IoSequence, IoSequenceReadWriter};

/// One operation on an address space: every method of [`Io`] and [`IoExt`] is one.
///
/// ```
/// use testkit::{ModelMemory, Op, run};
/// use usermem_io::IoOpts;
/// use usermem_types::Addr;
///
/// let memory = ModelMemory::of_bytes(b"abc\0");
/// let op = Op::CopyInString { addr: Addr::new(1), max_len: 9 };
/// let outcome = run(&memory, &op, IoOpts::CHECKED).unwrap();
/// assert_eq!((outcome.data, outcome.stop), (b"bc".to_vec(), None));
/// ```
#[expect(missing_docs, reason = "the fields are the arguments of the operation")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// [`Io::copy_out`].
    CopyOut { addr: Addr, data: Vec<u8> },
    /// [`Io::copy_in`].
    CopyIn { addr: Addr, len: usize },
    /// [`Io::zero_out`].
    ZeroOut { addr: Addr, len: usize },
    /// [`Io::copy_out_from`], with a reader that has only `data`.
    CopyOutFrom { ranges: Vec<AddrRange>, data: Vec<u8>, fails: bool },
    /// [`Io::copy_in_to`], with a writer that has only `room`.
    CopyInTo { ranges: Vec<AddrRange>, room: usize, fails: bool },
    /// [`Io::swap_u32`], where the address is aligned.
    Swap { addr: Addr, new: u32 },
    /// [`Io::compare_exchange_u32`], where the address is aligned.
    CompareExchange { addr: Addr, old: u32, new: u32 },
    /// [`Io::load_u32`], where the address is aligned.
    Load { addr: Addr },
    /// [`IoExt::copy_out_vec`].
    CopyOutVec { ranges: Vec<AddrRange>, data: Vec<u8> },
    /// [`IoExt::copy_in_vec`].
    CopyInVec { ranges: Vec<AddrRange>, len: usize },
    /// [`IoExt::zero_out_vec`].
    ZeroOutVec { ranges: Vec<AddrRange>, len: usize },
    /// [`IoExt::copy_in_string`].
    CopyInString { addr: Addr, max_len: usize },
    /// [`IoExt::copy_in_string_into`] a buffer of `len` bytes.
    CopyInStringInto { addr: Addr, len: usize },
    /// [`IoExt::copy_in_object`].
    CopyInObject { addr: Addr, size: Size },
    /// [`IoExt::copy_out_object`].
    CopyOutObject { addr: Addr, data: Vec<u8> },
    /// [`IoExt::copy_in_array`] of `u32`.
    CopyInArray { addr: Addr, count: usize },
    /// [`IoExt::copy_in_bytes`].
    CopyInBytes { addr: Addr, len: usize },
    /// [`IoExt::copy_in_struct`] where ours has 8 bytes.
    CopyInStruct { addr: Addr, len: u64 },
    /// [`IoExt::copy_out_struct`] where ours has 8 bytes.
    CopyOutStruct { addr: Addr, len: usize, value: u64 },
    /// [`IoExt::copy_in_int32_strings`].
    CopyInInts { ranges: Vec<AddrRange>, count: usize },
    /// An [`IoReadWriter`] that takes steps.
    Cursor { addr: Addr, steps: Vec<Step> },
    /// An [`IoSequenceReadWriter`] that takes steps.
    SeqCursor { ranges: Vec<AddrRange>, steps: Vec<Step> },
    /// An [`IoSequence`] that is cut and worked on.
    Seq { ranges: Vec<AddrRange>, steps: Vec<SeqStep> },
}

/// The size of a value.
///
/// ```
/// assert_eq!(testkit::Size::Eight.bytes(), 8);
/// ```
#[expect(missing_docs, reason = "the names are the numbers of bytes")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    Zero,
    One,
    Two,
    Four,
    Eight,
    Sixteen,
}

impl Size {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Zero, Self::One, Self::Two, Self::Four, Self::Eight, Self::Sixteen];

    /// Returns the number of bytes.
    #[must_use]
    pub fn bytes(self) -> usize {
        match self {
            Self::Zero => 0,
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
            Self::Sixteen => 16,
        }
    }
}

/// One step of a cursor.
///
/// ```
/// use testkit::{ModelMemory, Op, Step, run};
/// use usermem_io::IoOpts;
/// use usermem_types::Addr;
///
/// let memory = ModelMemory::of_bytes(b"abcd");
/// let steps = vec![Step::CopyOut(b"xy".to_vec()), Step::Read(5)];
/// let outcome = run(&memory, &Op::Cursor { addr: Addr::ZERO, steps }, IoOpts::CHECKED).unwrap();
/// assert_eq!(outcome.steps[1].data, b"cd");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// `copy_in` of so many bytes.
    CopyIn(usize),
    /// `copy_out`.
    CopyOut(Vec<u8>),
    /// [`std::io::Read::read`] of so many bytes.
    Read(usize),
    /// [`std::io::Write::write`].
    Write(Vec<u8>),
}

/// One step of work on an [`IoSequence`].
///
/// ```
/// use testkit::{ModelMemory, Op, SeqStep, run};
/// use usermem_io::IoOpts;
/// use usermem_types::Addr;
///
/// let memory = ModelMemory::of_bytes(b"abcd");
/// let ranges = vec![Addr::ZERO.to_range(4).unwrap()];
/// let steps = vec![SeqStep::DropFirst(1), SeqStep::TakeFirst(2), SeqStep::CopyIn(9)];
/// let outcome = run(&memory, &Op::Seq { ranges, steps }, IoOpts::CHECKED).unwrap();
/// assert_eq!(outcome.steps[2].data, b"bc");
/// ```
#[expect(missing_docs, reason = "the fields are the arguments of the step")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SeqStep {
    /// [`IoSequence::drop_first`].
    DropFirst(u64),
    /// [`IoSequence::take_first`].
    TakeFirst(u64),
    /// [`IoSequence::copy_in`].
    CopyIn(usize),
    /// [`IoSequence::copy_out`].
    CopyOut(Vec<u8>),
    /// [`IoSequence::zero_out`].
    ZeroOut(usize),
    /// [`IoSequence::copy_out_from`].
    CopyOutFrom { data: Vec<u8>, fails: bool },
    /// [`IoSequence::copy_in_to`].
    CopyInTo { room: usize, fails: bool },
}
