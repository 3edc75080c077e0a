//! Running operations on anything that implements [`Io`].

use std::io::{Read, Write};

use safecopy::StreamError;
use usermem_io::{Io, IoExt, IoOpts, IoReadWriter, IoSequence, IoSequenceReadWriter};
use usermem_types::{Addr, AddrRangeSeq, Errno, Fault, Partial, Transfer};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{ModelMemory, Op, Outcome, ScriptedReader, ScriptedWriter, SeqStep, Size, Step};

/// The error of readers and writers that fail.
pub(crate) const STREAM_ERROR: StreamError = StreamError::Errno(Errno::EIO);

/// What is in buffers before anything is read into them.
const STALE: u8 = 0xa5;

/// What numbers are before they are read.
pub(crate) const NO_NUMBER: i32 = -77;

/// Runs an operation; `None` when its arguments cannot be expressed, as a misaligned word or
/// ranges that are too long together.
///
/// ```
/// use testkit::{Op, run};
/// use usermem_io::{BytesIo, IoOpts};
/// use usermem_types::Addr;
///
/// let mut memory = *b"abcd";
/// let op = Op::ZeroOut { addr: Addr::new(1), len: 2 };
/// let outcome = run(&BytesIo::new(&mut memory), &op, IoOpts::CHECKED).unwrap();
/// assert_eq!((outcome.done, &memory), (2, b"a\0\0d"));
/// let misaligned = Op::Load { addr: Addr::new(2) };
/// assert_eq!(run(&BytesIo::new(&mut memory), &misaligned, IoOpts::CHECKED), None);
/// ```
#[must_use]
pub fn run(io: &dyn Io, op: &Op, opts: IoOpts) -> Option<Outcome> {
    let seq = |ranges| AddrRangeSeq::from_slice(ranges).ok();
    Some(match op {
        Op::CopyOut { addr, data } => Outcome::transfer(io.copy_out(*addr, data, opts), &[]),
        Op::CopyIn { addr, len } => reading(*len, |dst| io.copy_in(*addr, dst, opts)),
        Op::ZeroOut { addr, len } => Outcome::transfer(io.zero_out(*addr, *len, opts), &[]),
        Op::CopyOutFrom { ranges, data, fails } => {
            let seq = IoSequence::new(io, seq(ranges)?, opts);
            seq_step(seq, &SeqStep::CopyOutFrom { data: data.clone(), fails: *fails })
        }
        Op::CopyInTo { ranges, room, fails } => {
            let seq = IoSequence::new(io, seq(ranges)?, opts);
            seq_step(seq, &SeqStep::CopyInTo { room: *room, fails: *fails })
        }
        Op::Swap { addr, new } => Outcome::word(io.swap_u32(addr.aligned()?, *new, opts)),
        Op::CompareExchange { addr, old, new } => {
            Outcome::word(io.compare_exchange_u32(addr.aligned()?, *old, *new, opts))
        }
        Op::Load { addr } => Outcome::word(io.load_u32(addr.aligned()?, opts)),
        Op::CopyOutVec { ranges, data } => {
            Outcome::transfer(io.copy_out_vec(seq(ranges)?, data, opts), &[])
        }
        Op::CopyInVec { ranges, len } => {
            let seq = seq(ranges)?;
            reading(*len, |dst| io.copy_in_vec(seq, dst, opts))
        }
        Op::ZeroOutVec { ranges, len } => {
            Outcome::transfer(io.zero_out_vec(seq(ranges)?, *len, opts), &[])
        }
        Op::CopyInString { addr, max_len } => {
            Outcome::string(io.copy_in_string(*addr, *max_len, opts))
        }
        Op::CopyInStringInto { addr, len } => {
            reading(*len, |dst| io.copy_in_string_into(*addr, dst, opts))
        }
        Op::CopyInObject { addr, size } => object(io, *addr, *size, opts),
        Op::CopyOutObject { addr, data } => {
            Outcome::transfer(io.copy_out_object(*addr, &data[..], opts), &[])
        }
        Op::CopyInArray { addr, count } => {
            let array = io.copy_in_array::<u32>(*addr, *count, opts);
            Outcome::whole(array.map(|array| array.as_bytes().to_vec()))
        }
        Op::CopyInBytes { addr, len } => Outcome::whole(io.copy_in_bytes(*addr, *len, opts)),
        Op::CopyInStruct { addr, len } => {
            let read = io.copy_in_struct::<u64>(*addr, *len, opts);
            let nothing = |error| Partial::new(0, error);
            Outcome::whole(read.map(|value| value.as_bytes().to_vec()).map_err(nothing))
        }
        Op::CopyOutStruct { addr, len, value } => {
            Outcome::transfer(io.copy_out_struct(*addr, *len, value, opts), &[])
        }
        Op::CopyInInts { ranges, count } => {
            let mut dsts = vec![NO_NUMBER; *count];
            let read = io.copy_in_int32_strings(seq(ranges)?, &mut dsts, opts);
            Outcome { data: dsts.as_bytes().to_vec(), ..Outcome::transfer(read, &[]) }
        }
        Op::Cursor { addr, steps } => {
            let mut cursor = IoReadWriter::new(io, *addr, opts);
            Outcome::steps(steps.iter().map(|step| cursor_step(&mut cursor, step)).collect())
        }
        Op::SeqCursor { ranges, steps } => {
            let mut cursor = IoSequence::new(io, seq(ranges)?, opts).read_writer();
            Outcome::steps(steps.iter().map(|step| seq_cursor_step(&mut cursor, step)).collect())
        }
        Op::Seq { ranges, steps } => {
            let mut seq = IoSequence::new(io, seq(ranges)?, opts);
            let step = |step: &SeqStep| match step {
                SeqStep::DropFirst(bytes) => {
                    seq = seq.drop_first(*bytes);
                    left(seq)
                }
                SeqStep::TakeFirst(bytes) => {
                    seq = seq.take_first(*bytes);
                    left(seq)
                }
                _ => seq_step(seq, step),
            };
            Outcome::steps(steps.iter().map(step).collect())
        }
    })
}

/// Reads into a buffer of `len` bytes.
fn reading<C: Into<crate::Stop>>(
    len: usize,
    read: impl FnOnce(&mut [u8]) -> Transfer<C>,
) -> Outcome {
    let mut dst = vec![STALE; len];
    let read = read(&mut dst);
    Outcome::transfer(read, &dst)
}

fn object(io: &dyn Io, addr: Addr, size: Size, opts: IoOpts) -> Outcome {
    fn read<T>(io: &dyn Io, addr: Addr, opts: IoOpts) -> Result<Vec<u8>, Partial<Fault>>
    where
        T: FromBytes + IntoBytes + Immutable,
    {
        Ok(io.copy_in_object::<T>(addr, opts)?.as_bytes().to_vec())
    }
    Outcome::whole(match size {
        Size::Zero => read::<[u64; 0]>(io, addr, opts),
        Size::One => read::<i8>(io, addr, opts),
        Size::Two => read::<u16>(io, addr, opts),
        Size::Four => read::<f32>(io, addr, opts),
        Size::Eight => read::<u64>(io, addr, opts),
        Size::Sixteen => read::<[i64; 2]>(io, addr, opts),
    })
}

fn cursor_step(cursor: &mut IoReadWriter<'_>, step: &Step) -> Outcome {
    let outcome = match step {
        Step::CopyIn(len) => reading(*len, |dst| cursor.copy_in(dst)),
        Step::CopyOut(src) => Outcome::transfer(cursor.copy_out(src), &[]),
        Step::Read(len) => {
            let mut dst = vec![STALE; *len];
            Outcome::std::<Fault>(cursor.read(&mut dst), &dst)
        }
        Step::Write(src) => Outcome::std::<Fault>(cursor.write(src), &[]),
    };
    Outcome { position: Some(cursor.addr().get()), ..outcome }
}

fn seq_cursor_step(cursor: &mut IoSequenceReadWriter<'_>, step: &Step) -> Outcome {
    let outcome = match step {
        Step::CopyIn(len) => reading(*len, |dst| cursor.copy_in(dst)),
        Step::CopyOut(src) => Outcome::transfer(cursor.copy_out(src), &[]),
        Step::Read(len) => {
            let mut dst = vec![STALE; *len];
            Outcome::std::<usermem_io::IoCause>(cursor.read(&mut dst), &dst)
        }
        Step::Write(src) => Outcome::std::<usermem_io::IoCause>(cursor.write(src), &[]),
    };
    Outcome { position: Some(cursor.len()), ..outcome }
}

fn left(seq: IoSequence<'_>) -> Outcome {
    Outcome { position: Some(seq.num_bytes()), ..Outcome::default() }
}

fn seq_step(seq: IoSequence<'_>, step: &SeqStep) -> Outcome {
    match step {
        SeqStep::DropFirst(_) | SeqStep::TakeFirst(_) => unreachable!("these make a sequence"),
        SeqStep::CopyIn(len) => reading(*len, |dst| seq.copy_in(dst)),
        SeqStep::CopyOut(src) => Outcome::transfer(seq.copy_out(src), &[]),
        SeqStep::ZeroOut(len) => Outcome::transfer(seq.zero_out(*len), &[]),
        SeqStep::CopyOutFrom { data, fails } => {
            let mut reader = ScriptedReader::new(data, fails.then_some(STREAM_ERROR));
            let outcome = Outcome::transfer(seq.copy_out_from(&mut reader), &[]);
            Outcome { calls: reader.calls, ..outcome }
        }
        SeqStep::CopyInTo { room, fails } => {
            let mut writer = ScriptedWriter::new(*room, fails.then_some(STREAM_ERROR));
            let transfer = seq.copy_in_to(&mut writer);
            let outcome = Outcome::transfer(transfer, &writer.data);
            Outcome { calls: writer.calls, ..outcome }
        }
    }
}

/// Runs operations on an address space, one by one, and compares what they answer with what the
/// model says that they should.
///
/// ```
/// use testkit::{ModelMemory, Op, check};
/// use usermem_io::{BytesIo, IoOpts};
/// use usermem_types::Addr;
///
/// let mut memory = *b"abcd";
/// let model = ModelMemory::of_bytes(&memory);
/// let op = Op::CopyOut { addr: Addr::new(2), data: b"xyz".to_vec() };
/// check(&BytesIo::new(&mut memory), &model, &[(op, IoOpts::CHECKED)]);
/// assert_eq!(memory.to_vec(), model.content());
/// ```
///
/// # Panics
/// When an outcome differs.
#[track_caller]
pub fn check(io: &dyn Io, model: &ModelMemory, ops: &[(Op, IoOpts)]) {
    for (index, (op, opts)) in ops.iter().enumerate() {
        let expected = model.expect(op, *opts);
        assert_eq!(run(io, op, *opts), expected, "operation {index}: {op:?} {opts:?}");
    }
}
