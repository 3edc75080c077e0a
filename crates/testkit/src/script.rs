//! Operations that can be run on anything that implements [`Io`].

use safecopy::StreamError;
use usermem_io::{Io, IoCause, IoExt, IoOpts, StringCause, StringError};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, Errno, Fault, Partial, Transfer};

use crate::{ModelMemory, ScriptedReader, ScriptedWriter};

/// The error of readers and writers that fail.
const STREAM_ERROR: StreamError = StreamError::Errno(Errno::EIO);

/// One operation on an address space.
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
    /// [`IoExt::copy_out_vec`].
    CopyOutVec { ranges: Vec<AddrRange>, data: Vec<u8> },
    /// [`IoExt::copy_in_vec`].
    CopyInVec { ranges: Vec<AddrRange>, len: usize },
    /// [`IoExt::zero_out_vec`].
    ZeroOutVec { ranges: Vec<AddrRange>, len: usize },
    /// [`IoExt::copy_in_string`].
    CopyInString { addr: Addr, max_len: usize },
    /// [`Io::swap_u32`], where the address is aligned.
    Swap { addr: Addr, new: u32 },
    /// [`Io::compare_exchange_u32`], where the address is aligned.
    CompareExchange { addr: Addr, old: u32, new: u32 },
    /// [`Io::load_u32`], where the address is aligned.
    Load { addr: Addr },
}

/// Everything that an operation told its caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How many bytes moved.
    pub done: usize,
    /// Why no more did.
    pub cause: Option<IoCause>,
    /// The bytes that were read, as far as the count says; or the word.
    pub data: Vec<u8>,
    /// What each call of a reader or a writer was offered.
    pub calls: Vec<usize>,
}

impl Outcome {
    fn new<C: Into<IoCause> + Copy>(transfer: Transfer<C>, data: &[u8]) -> Self {
        let (done, cause) = match transfer {
            Ok(done) => (done, None),
            Err(Partial { done, cause }) => (done, Some(cause.into())),
        };
        Self { done, cause, data: data[..done.min(data.len())].to_vec(), calls: Vec::new() }
    }

    fn of_word(word: Result<u32, Fault>) -> Self {
        let transfer = word.map(|_| 4).map_err(|fault| Partial::new(0, fault));
        Self::new(transfer, &word.unwrap_or(0).to_le_bytes())
    }

    fn of_string(string: Result<Vec<u8>, StringError>) -> Self {
        let (data, cause) = match string {
            Ok(data) => (data, None),
            Err(StringError { partial, cause: StringCause::Fault(fault) }) => {
                (partial, Some(IoCause::Fault(fault)))
            }
            Err(StringError { partial, cause: StringCause::TooLong }) => {
                (partial, Some(IoCause::EndOfSequence))
            }
        };
        Self { done: data.len(), cause, data, calls: Vec::new() }
    }
}

/// Runs an operation; `None` when its arguments cannot be expressed, as a misaligned word or
/// ranges that are too long together.
#[must_use]
pub fn run<I: Io + ?Sized>(io: &I, op: &Op, opts: IoOpts) -> Option<Outcome> {
    let seq = |ranges| AddrRangeSeq::from_slice(ranges).ok();
    Some(match op {
        Op::CopyOut { addr, data } => Outcome::new(io.copy_out(*addr, data, opts), &[]),
        Op::CopyIn { addr, len } => {
            let mut data = vec![0xa5; *len];
            Outcome::new(io.copy_in(*addr, &mut data, opts), &data)
        }
        Op::ZeroOut { addr, len } => Outcome::new(io.zero_out(*addr, *len, opts), &[]),
        Op::CopyOutFrom { ranges, data, fails } => {
            let mut reader = ScriptedReader::new(data, fails.then_some(STREAM_ERROR));
            let transfer = io.copy_out_from(seq(ranges)?, &mut reader, opts);
            Outcome { calls: reader.calls, ..Outcome::new(transfer, &[]) }
        }
        Op::CopyInTo { ranges, room, fails } => {
            let mut writer = ScriptedWriter::new(*room, fails.then_some(STREAM_ERROR));
            let transfer = io.copy_in_to(seq(ranges)?, &mut writer, opts);
            Outcome { calls: writer.calls, ..Outcome::new(transfer, &writer.data) }
        }
        Op::CopyOutVec { ranges, data } => {
            Outcome::new(io.copy_out_vec(seq(ranges)?, data, opts), &[])
        }
        Op::CopyInVec { ranges, len } => {
            let mut data = vec![0xa5; *len];
            Outcome::new(io.copy_in_vec(seq(ranges)?, &mut data, opts), &data)
        }
        Op::ZeroOutVec { ranges, len } => {
            Outcome::new(io.zero_out_vec(seq(ranges)?, *len, opts), &[])
        }
        Op::CopyInString { addr, max_len } => {
            Outcome::of_string(io.copy_in_string(*addr, *max_len, opts))
        }
        Op::Swap { addr, new } => Outcome::of_word(io.swap_u32(addr.aligned()?, *new, opts)),
        Op::CompareExchange { addr, old, new } => {
            Outcome::of_word(io.compare_exchange_u32(addr.aligned()?, *old, *new, opts))
        }
        Op::Load { addr } => Outcome::of_word(io.load_u32(addr.aligned()?, opts)),
    })
}

/// Runs operations on an address space and on the model, one by one, and compares what they tell.
///
/// # Panics
/// When an outcome differs.
#[track_caller]
pub fn check<I: Io + ?Sized>(io: &I, model: &ModelMemory, ops: &[(Op, IoOpts)]) {
    for (index, (op, opts)) in ops.iter().enumerate() {
        assert_eq!(run(io, op, *opts), run(model, op, *opts), "operation {index}: {op:?} {opts:?}");
    }
}
