//! Scripts of operations on an address space.

use usermem_io::{BytesIo, IoOpts};
use usermem_types::{Addr, AddrRange};

use super::input::Input;
use crate::{ModelMemory, Op, SeqStep, Size, Step, check};

/// The most bytes of memory, and of one operation.
const MAX_LEN: usize = 96;

/// What surrounds the buffer.
const CANARY: [u8; 8] = [0xee; 8];

/// Runs operations on a [`BytesIo`] and on a [`ModelMemory`], and compares what each tells its
/// caller, what memory holds at the end, and what lies around it.
///
/// # Panics
/// When something differs.
pub fn io_script(data: &[u8]) {
    let mut input = Input::new(data);
    let content = input.bytes(MAX_LEN);
    let ops: Vec<(Op, IoOpts)> = std::iter::from_fn(|| {
        (!input.is_empty()).then(|| (op(&mut input, content.len() as u64), input.opts()))
    })
    .take(64)
    .collect();

    let model = ModelMemory::of_bytes(&content);
    // The model knows no host alignment, which words need. The capacity keeps memory in its place.
    let mut memory: Vec<u8> = Vec::with_capacity(MAX_LEN + 4 * CANARY.len());
    let start = CANARY.len() + memory.as_ptr().align_offset(4);
    memory.resize(start, CANARY[0]);
    memory.extend_from_slice(&content);
    memory.extend_from_slice(&CANARY);
    let end = start + content.len();
    check(&BytesIo::new(&mut memory[start..end]), &model, &ops);
    assert_eq!(memory[start..end], model.content());
    assert!(memory[..start].iter().chain(&memory[end..]).all(|byte| *byte == CANARY[0]));
}

fn op(input: &mut Input<'_>, end: u64) -> Op {
    match input.number(0..=23) {
        0 => Op::CopyOut { addr: input.addr(0, end), data: input.bytes(MAX_LEN) },
        1 => Op::CopyIn { addr: input.addr(0, end), len: input.len(MAX_LEN) },
        2 => Op::ZeroOut { addr: input.addr(0, end), len: input.len(MAX_LEN) },
        3 => Op::CopyOutFrom {
            ranges: ranges(input, end),
            data: input.bytes(MAX_LEN),
            fails: input.flag(),
        },
        4 => Op::CopyInTo {
            ranges: ranges(input, end),
            room: input.len(MAX_LEN),
            fails: input.flag(),
        },
        5 => Op::CopyOutVec { ranges: ranges(input, end), data: input.bytes(MAX_LEN) },
        6 => Op::CopyInVec { ranges: ranges(input, end), len: input.len(MAX_LEN) },
        7 => Op::ZeroOutVec { ranges: ranges(input, end), len: input.len(MAX_LEN) },
        8 => Op::CopyInString { addr: input.addr(0, end), max_len: input.len(MAX_LEN) },
        9 => Op::Swap { addr: word(input, end), new: value(input) },
        10 => Op::CompareExchange { addr: word(input, end), old: value(input), new: value(input) },
        11 => Op::Load { addr: word(input, end) },
        12 => Op::CopyInStringInto { addr: input.addr(0, end), len: input.len(MAX_LEN) },
        13 => Op::CopyInObject { addr: input.addr(0, end), size: Size::ALL[input.len(5)] },
        14 => Op::CopyOutObject { addr: input.addr(0, end), data: input.bytes(MAX_LEN) },
        15 => Op::CopyInArray { addr: input.addr(0, end), count: input.len(MAX_LEN / 4) },
        16 => Op::CopyInBytes { addr: input.addr(0, end), len: input.len(MAX_LEN) },
        17 => Op::CopyInStruct { addr: input.addr(0, end), len: struct_len(input) },
        18 => Op::CopyOutStruct {
            addr: input.addr(0, end),
            len: input.len(20),
            value: input.number(0..=u64::MAX),
        },
        19 => Op::CopyInInts { ranges: ranges(input, end), count: input.len(4) },
        20..=21 => Op::Seq { ranges: ranges(input, end), steps: steps(input, seq_step) },
        22 => Op::Cursor { addr: input.addr(0, end), steps: steps(input, step) },
        _ => Op::SeqCursor { ranges: ranges(input, end), steps: steps(input, step) },
    }
}

fn steps<S>(input: &mut Input<'_>, step: fn(&mut Input<'_>) -> S) -> Vec<S> {
    (0..input.len(5)).map(|_| step(input)).collect()
}

fn step(input: &mut Input<'_>) -> Step {
    match input.number(0..=3) {
        0 => Step::CopyIn(input.len(MAX_LEN)),
        1 => Step::CopyOut(input.bytes(MAX_LEN)),
        2 => Step::Read(input.len(MAX_LEN)),
        _ => Step::Write(input.bytes(MAX_LEN)),
    }
}

fn seq_step(input: &mut Input<'_>) -> SeqStep {
    match input.number(0..=6) {
        0 => SeqStep::DropFirst(input.number(0..=MAX_LEN as u64)),
        1 => SeqStep::TakeFirst(input.number(0..=MAX_LEN as u64)),
        2 => SeqStep::CopyIn(input.len(MAX_LEN)),
        3 => SeqStep::CopyOut(input.bytes(MAX_LEN)),
        4 => SeqStep::ZeroOut(input.len(MAX_LEN)),
        5 => SeqStep::CopyOutFrom { data: input.bytes(MAX_LEN), fails: input.flag() },
        _ => SeqStep::CopyInTo { room: input.len(MAX_LEN), fails: input.flag() },
    }
}

/// Lengths around that of the structure, and around the longest that is taken.
fn struct_len(input: &mut Input<'_>) -> u64 {
    if input.flag() { input.number(4090..=4100) } else { input.number(0..=20) }
}

fn ranges(input: &mut Input<'_>, end: u64) -> Vec<AddrRange> {
    input.ranges(0, end, MAX_LEN as u64)
}

fn word(input: &mut Input<'_>, end: u64) -> Addr {
    Addr::new(input.addr(0, end).get() & !3)
}

/// Few values, so that comparisons find what was stored.
fn value(input: &mut Input<'_>) -> u32 {
    input.number(0..=3) as u32
}
