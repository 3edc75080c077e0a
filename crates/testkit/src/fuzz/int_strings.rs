//! Lists of numbers.

use usermem_io::{BytesIo, IntStringsCause, Io, IoCause, IoExt, IoOpts};
use usermem_types::{AddrRange, AddrRangeSeq, Fault, Partial, Transfer};

use super::input::Input;

/// Where memory begins.
const START: u64 = 0x100;

/// What numbers are written with, and what comes between them; and numbers that have too many
/// bits, or just not.
const ALPHABET: [&str; 24] = [
    "0",
    "1",
    "2",
    "3",
    "4",
    "5",
    "6",
    "7",
    "8",
    "9",
    " ",
    "  ",
    "\n",
    "\r\t",
    "+",
    "-",
    "x",
    "\u{b}",
    "2147483647 ",
    "2147483648",
    "-2147483648",
    "-2147483649 ",
    "4294967295 ",
    "4294967296 ",
];

/// Reads numbers from ranges of memory with faults at arbitrary places, and compares them with
/// what a parser makes of the whole text.
///
/// # Panics
/// When they differ.
pub fn int_strings(data: &[u8]) {
    let mut input = Input::new(data);
    let (opts, count) = (input.opts(), input.len(5));
    let ranges = input.ranges(START, START + 0x300, 0x280);
    let memory = input.memory(START, spell);
    check(&memory, &ranges, count, opts);
    let mut buffer = [vec![b' '; START as usize], memory.content()].concat();
    check(&BytesIo::new(&mut buffer), &ranges, count, opts);
}

fn spell(bytes: Vec<u8>) -> Vec<u8> {
    bytes.iter().flat_map(|byte| ALPHABET[usize::from(byte % 24)].bytes()).collect()
}

fn check(io: &dyn Io, ranges: &[AddrRange], count: usize, opts: IoOpts) {
    let Ok(seq) = AddrRangeSeq::from_slice(ranges) else { return };
    let (mut numbers, mut expected) = (vec![-7; count], vec![-7; count]);
    let (text, fault) = byte_by_byte(io, seq, opts);
    assert_eq!(
        io.copy_in_int32_strings(seq, &mut numbers, opts),
        parse(&text, fault, &mut expected),
        "{:?}",
        String::from_utf8_lossy(&text)
    );
    assert_eq!(numbers, expected);
}

/// Returns the bytes before the first fault, and it.
fn byte_by_byte(io: &dyn Io, seq: AddrRangeSeq<'_>, opts: IoOpts) -> (Vec<u8>, Option<Fault>) {
    let mut text = Vec::new();
    for range in seq {
        for offset in 0..range.len() {
            let mut byte = [0];
            match io.copy_in(range.start().saturating_add(offset), &mut byte, opts) {
                Ok(_) => text.push(byte[0]),
                Err(stop) => return (text, Some(stop.cause)),
            }
        }
    }
    (text, None)
}

/// Splits a text into words first, and then looks at each.
fn parse(text: &[u8], fault: Option<Fault>, dsts: &mut [i32]) -> Transfer<IntStringsCause> {
    if dsts.is_empty() {
        return Ok(0);
    }
    let faulted = |at| fault.map(|f| Partial::new(at, IntStringsCause::Io(IoCause::Fault(f))));
    let malformed = |at| Err(Partial::new(at, IntStringsCause::Malformed));
    let (mut at, mut stored) = (0, 0);
    loop {
        at += text[at..].iter().take_while(|byte| is_space(**byte)).count();
        if at == text.len() || stored == dsts.len() {
            break;
        }
        let end = at + text[at..].iter().take_while(|byte| !is_space(**byte)).count();
        if end == text.len() && fault.is_some() {
            // It may go on behind the fault.
            break;
        }
        let word = std::str::from_utf8(&text[at..end]).ok();
        let Some(number) = word.and_then(|word| word.parse().ok()) else { return malformed(at) };
        dsts[stored] = number;
        (at, stored) = (end, stored + 1);
    }
    match faulted(at) {
        Some(partial) => Err(partial),
        None if stored == 0 => malformed(at),
        None => Ok(at),
    }
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | 9..=13)
}
