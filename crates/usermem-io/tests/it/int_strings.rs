//! Numbers in text.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use testkit::{ModelMemory, Recorder};
use usermem_io::{BytesIo, IntStringsCause, IoCause, IoExt, IoOpts};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, Fault, FaultKind, Partial, Transfer};

use crate::r;

/// Reads numbers from ranges of a text.
fn read_ranges(
    text: &[u8],
    ranges: &[AddrRange],
    mut dsts: Vec<i32>,
) -> (Transfer<IntStringsCause>, Vec<i32>) {
    let mut text = text.to_vec();
    let seq = AddrRangeSeq::from_slice(ranges).unwrap();
    let read = BytesIo::new(&mut text).copy_in_int32_strings(seq, &mut dsts, IoOpts::CHECKED);
    (read, dsts)
}

/// Reads up to two numbers from a text; what was not read stays 1 and 2.
fn read(text: &[u8]) -> (Transfer<IntStringsCause>, Vec<i32>) {
    read_ranges(text, &[r(0, text.len() as u64)], vec![1, 2])
}

/// Reads up to two numbers from a text with a fault behind it.
fn read_to_fault(text: &[u8]) -> (Transfer<IntStringsCause>, Vec<i32>) {
    read_ranges(text, &[r(0, text.len() as u64 + 1)], vec![1, 2])
}

fn malformed(at: usize) -> Transfer<IntStringsCause> {
    Err(Partial::new(at, IntStringsCause::Malformed))
}

fn fault(done: usize, addr: u64) -> Transfer<IntStringsCause> {
    let fault = Fault::new(FaultKind::Unmapped, Addr::new(addr));
    Err(Partial::new(done, IntStringsCause::Io(IoCause::Fault(fault))))
}

#[test]
fn numbers_are_separated_by_white_space() {
    assert_eq!(read(b"100 200"), (Ok(7), vec![100, 200]));
    assert_eq!(read(b"100"), (Ok(3), vec![100, 2]));
    assert_eq!(read(b"100 200 300"), (Ok(8), vec![100, 200]));
    assert_eq!(read(b" 100\t200\n"), (Ok(9), vec![100, 200]));
    assert_eq!(read(b"1\x0b2\x0c"), (Ok(4), vec![1, 2]));
    assert_eq!(read(b"5\r6"), (Ok(3), vec![5, 6]));
}

#[test]
fn numbers_have_32_bits_and_maybe_a_sign() {
    assert_eq!(read(b"+5"), (Ok(2), vec![5, 2]));
    assert_eq!(read(b"00012"), (Ok(5), vec![12, 2]));
    assert_eq!(read(b"-2147483648 2147483647"), (Ok(22), vec![i32::MIN, i32::MAX]));
    for text in
        ["2147483648", "-2147483649", "99999999999999999999", "4294967297", "1_000", "0x10", "1,2"]
    {
        assert_eq!(read(text.as_bytes()), (malformed(0), vec![1, 2]), "{text}");
    }
    for text in ["--1", "-", "+", "+-1", "1\u{0}", "\u{661}", "a123", "1-"] {
        assert_eq!(read(text.as_bytes()), (malformed(0), vec![1, 2]), "{text}");
    }
}

#[test]
fn a_text_without_numbers_is_malformed() {
    assert_eq!(read(b""), (malformed(0), vec![1, 2]));
    assert_eq!(read(b" "), (malformed(1), vec![1, 2]));
    assert_eq!(read(b"\n"), (malformed(1), vec![1, 2]));
}

#[test]
fn numbers_before_a_malformed_one_are_stored() {
    assert_eq!(read(b"12 a3 4"), (malformed(3), vec![12, 2]));
}

#[test]
fn without_destinations_nothing_is_read() {
    let memory = ModelMemory::of_bytes(b"");
    let io = Recorder::new(&memory);
    let ranges = [r(5, 9)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    assert_eq!(io.copy_in_int32_strings(seq, &mut [], IoOpts::CHECKED), Ok(0));
    assert_eq!(io.take_calls(), []);
}

#[test]
fn pitfall_20_every_byte_of_a_text_is_fetched_once() {
    let memory = ModelMemory::of_bytes(&[b"1 2 3 ", &[b' '; 994][..]].concat());
    let io = Recorder::new(&memory);
    let ranges = [r(0, 100), r(500, 500), r(200, 1000), r(100, 110)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    let mut dsts = [0; 3];
    assert_eq!(io.copy_in_int32_strings(seq, &mut dsts, IoOpts::CHECKED), Ok(910));
    let calls: Vec<_> = io.take_calls().iter().map(|call| (call.addr.get(), call.len)).collect();
    let pieces = [(0, 100), (500, 0), (200, 156), (356, 256), (612, 256), (868, 132), (100, 10)];
    assert_eq!((calls, dsts), (pieces.to_vec(), [1, 2, 3]));
}

#[test]
fn a_fault_behind_all_numbers_is_reported() {
    let text = [b"1 2 ", &[b'x'; 1000][..]].concat();
    assert_eq!(read_to_fault(&text), (fault(4, 1004), vec![1, 2]));
}

#[test]
fn pitfall_06_a_number_that_a_fault_cuts_off_is_not_stored() {
    assert_eq!(read_to_fault(b"100 20"), (fault(4, 6), vec![100, 2]));
    assert_eq!(read_to_fault(b"1"), (fault(0, 1), vec![1, 2]));
    assert_eq!(read_to_fault(b"7 a"), (fault(2, 3), vec![7, 2]));
    assert_eq!(read_to_fault(b"100 200 "), (fault(8, 8), vec![100, 200]));
    assert_eq!(read_to_fault(b"100 200 3"), (fault(8, 9), vec![100, 200]));
    assert_eq!(read_to_fault(b"a "), (malformed(0), vec![1, 2]));
}

#[test]
fn numbers_may_lie_across_ranges_and_pieces() {
    let text = [&[b' '; 255][..], b"12", &[b' '; 253], b"34"].concat();
    let ranges = [r(0, 256), r(256, 256), r(256, 511), r(511, 512)];
    assert_eq!(read_ranges(&text, &ranges, vec![0, 0]), (Ok(512), vec![12, 34]));
    // What follows the last number is left, white space that comes after it included.
    let text = [b"1 2 ", &[b'x'; 400][..], &[b' '; 400]].concat();
    assert_eq!(read(&text), (Ok(4), vec![1, 2]));
    let zeros = [&[b'0'; 1000][..], b"7 "].concat();
    assert_eq!(read(&zeros), (Ok(1002), vec![7, 2]));
}

/// Splits the text into words first, and then looks at each.
fn oracle(text: &[u8], dsts: &mut [i32]) -> Transfer<IntStringsCause> {
    let is_space = |byte: &u8| matches!(byte, b' ' | 9..=13);
    let mut at = 0;
    let mut stored = 0;
    loop {
        at += text[at..].iter().take_while(|byte| is_space(byte)).count();
        if at == text.len() || stored == dsts.len() {
            return if stored == 0 { malformed(at) } else { Ok(at) };
        }
        let end = at + text[at..].iter().take_while(|byte| !is_space(byte)).count();
        let word = std::str::from_utf8(&text[at..end]).ok();
        let Some(value) = word.and_then(|word| word.parse().ok()) else { return malformed(at) };
        dsts[stored] = value;
        stored += 1;
        at = end;
    }
}

fn words() -> impl Strategy<Value = Vec<u8>> {
    let word = prop_oneof![
        6 => any::<i32>().prop_map(|number| number.to_string().into_bytes()),
        2 => (-3_000_000_000i64..3_000_000_000).prop_map(|number| number.to_string().into_bytes()),
        1 => vec(prop_oneof![Just(b'+'), Just(b'-'), b'0'..=b'9'], 1..4),
    ];
    let space = vec(prop_oneof![Just(b' '), 9u8..=13], 1..3);
    vec((word, space), 0..6).prop_map(|words| {
        words.into_iter().flat_map(|(word, space)| [word, space].concat()).collect()
    })
}

proptest! {
    #[test]
    fn agrees_with_a_parser_of_words(text in words(), count in 1usize..5) {
        let mut expected = vec![-1; count];
        let result = oracle(&text, &mut expected);
        let all = [r(0, text.len() as u64)];
        assert_eq!(read_ranges(&text, &all, vec![-1; count]), (result, expected));
    }
}
