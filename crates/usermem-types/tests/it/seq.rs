//! Sequences of ranges: what each operation does to shapes that are worth a look.

use testkit::ModelSeq;
use usermem_types::{AddrRange, AddrRangeSeq, SeqTooLong};

use crate::r;

/// Every shape a sequence can have.
pub(crate) fn table() -> Vec<Vec<AddrRange>> {
    vec![
        vec![],
        vec![r(0x10, 0x10)],
        vec![r(0x10, 0x11)],
        vec![r(0x10, 0x12)],
        vec![r(0x10, 0x11), r(0x20, 0x22)],
        vec![
            r(0x10, 0x10),
            r(0x20, 0x20),
            r(0x30, 0x33),
            r(0x40, 0x44),
            r(0x50, 0x50),
            r(0x60, 0x60),
            r(0x70, 0x77),
            r(0x80, 0x88),
            r(0x90, 0x90),
            r(0xa0, 0xa0),
        ],
    ]
}

/// Returns the sequence of some ranges.
#[track_caller]
pub(crate) fn seq(ranges: &[AddrRange]) -> AddrRangeSeq<'_> {
    AddrRangeSeq::from_slice(ranges).unwrap()
}

#[test]
fn the_tail_is_what_follows_the_head() {
    for ranges in table() {
        let mut seq = seq(&ranges);
        for (index, range) in ranges.iter().enumerate() {
            let left = &ranges[index..];
            assert_eq!(seq.num_bytes(), left.iter().map(|range| range.len()).sum::<u64>());
            assert_eq!(seq.num_ranges(), left.len());
            assert_eq!(seq.head(), Some(*range));
            assert!(!seq.is_empty());
            seq = seq.tail();
        }
        assert_eq!((seq.num_bytes(), seq.num_ranges(), seq.head()), (0, 0, None));
        assert!(seq.is_empty());
        assert_eq!(seq.tail(), AddrRangeSeq::default());
    }
}

#[test]
fn nothing_stays_nothing() {
    let empty = AddrRangeSeq::default();
    assert_eq!(empty.drop_first(1), empty);
    assert_eq!(empty.drop_first(0), empty);
    assert_eq!(empty.take_first(1), empty);
    assert_eq!(empty.to_string(), "[]");
}

#[test]
fn dropping_byte_by_byte_shows_every_byte_and_every_empty_range_once() {
    for ranges in table() {
        let mut expected = Vec::new();
        for range in &ranges {
            let (start, end) = (range.start().get(), range.end().get());
            if range.is_empty() {
                expected.push(*range);
            }
            expected.extend((start..end).map(|start| r(start, end)));
        }
        let mut seq = seq(&ranges);
        let mut heads = Vec::new();
        let mut bytes = seq.num_bytes();
        while let Some(head) = seq.head() {
            assert_eq!(seq.num_bytes(), bytes);
            heads.push(head);
            let step = u64::from(!head.is_empty());
            seq = seq.drop_first(step);
            bytes -= step;
        }
        assert_eq!(heads, expected);
        assert_eq!((bytes, seq.num_bytes()), (0, 0));
    }
}

#[test]
fn taking_shortens_ranges_and_removes_none() {
    let ranges = [
        r(0x10, 0x11),
        r(0x20, 0x22),
        r(0x30, 0x30),
        r(0x40, 0x44),
        r(0x50, 0x55),
        r(0x60, 0x60),
        r(0x70, 0x77),
    ];
    let taken = seq(&ranges).take_first(5);
    let expected = [
        r(0x10, 0x11),
        r(0x20, 0x22),
        r(0x30, 0x30),
        r(0x40, 0x42),
        r(0x50, 0x50),
        r(0x60, 0x60),
        r(0x70, 0x70),
    ];
    assert_eq!(taken, seq(&expected));
    ModelSeq::new(&expected).assert_same(taken);
    assert_eq!(seq(&ranges).take_first(u64::MAX), seq(&ranges));
}

/// Checks what is left of some ranges after taking and then dropping bytes.
#[track_caller]
fn check(ranges: &[AddrRange], take: u64, drop: u64, expected: &str) {
    assert_eq!(seq(ranges).take_first(take).drop_first(drop).to_string(), expected);
}

/// Taking this much takes everything.
const ALL: u64 = u64::MAX;

#[test]
fn dropping_removes_bytes_and_the_ranges_that_are_used_up() {
    let ranges = [r(0, 3), r(5, 5), r(7, 8), r(9, 9), r(11, 11)];
    check(&ranges, ALL, 0, "[[0x0, 0x3) [0x5, 0x5) [0x7, 0x8) [0x9, 0x9) [0xb, 0xb)]");
    check(&ranges, ALL, 1, "[[0x1, 0x3) [0x5, 0x5) [0x7, 0x8) [0x9, 0x9) [0xb, 0xb)]");
    check(&ranges, ALL, 3, "[[0x5, 0x5) [0x7, 0x8) [0x9, 0x9) [0xb, 0xb)]");
    // Exactly all bytes: the empty ranges that follow stay.
    check(&ranges, ALL, 4, "[[0x9, 0x9) [0xb, 0xb)]");
    check(&[r(0, 1), r(4, 4)], ALL, 1, "[[0x4, 0x4)]");
    // More than that: they do not.
    check(&ranges, ALL, 5, "[]");
    check(&ranges, ALL, u64::MAX, "[]");
    check(&[r(1, 1), r(2, 2)], ALL, 1, "[]");
    check(&[r(1, 1)], ALL, 1, "[]");
}

#[test]
fn one_empty_head_is_removed_by_dropping_nothing() {
    let ranges = [r(1, 1), r(2, 2), r(3, 6)];
    check(&ranges, ALL, 0, "[[0x2, 0x2) [0x3, 0x6)]");
    check(&ranges, ALL, 1, "[[0x4, 0x6)]");
    check(&[r(1, 1)], ALL, 0, "[]");
    check(&[r(1, 1), r(2, 2)], ALL, 0, "[[0x2, 0x2)]");
    // A head that is not empty stays.
    check(&[r(3, 6)], ALL, 0, "[[0x3, 0x6)]");
}

#[test]
fn heads_that_a_limit_emptied_are_empty_heads() {
    let ranges = [r(0x10, 0x14), r(0x20, 0x25)];
    check(&ranges, 2, 0, "[[0x10, 0x12) [0x20, 0x20)]");
    check(&ranges, 2, 1, "[[0x11, 0x12) [0x20, 0x20)]");
    check(&ranges, 2, 2, "[[0x20, 0x20)]");
    check(&ranges, 2, 3, "[]");
    check(&ranges, 4, 4, "[[0x20, 0x20)]");
    check(&ranges, 6, 5, "[[0x21, 0x22)]");
    check(&ranges, 0, 0, "[[0x20, 0x20)]");
    check(&ranges, 0, 1, "[]");
    // One range of a limited sequence, which is kept in the value.
    check(&ranges[..1], 2, 0, "[[0x10, 0x12)]");
    check(&ranges[..1], 2, 2, "[]");
    check(&ranges[..1], 0, 0, "[]");
    // Limits at the end of the next-to-last range, and before it.
    check(&[r(0, 1), r(4, 6)], 1, 1, "[[0x4, 0x4)]");
    check(&[r(0, 1), r(4, 6), r(8, 13)], 1, 1, "[[0x4, 0x4) [0x8, 0x8)]");
    check(&[r(0, 1), r(4, 6), r(8, 13)], 3, 3, "[[0x8, 0x8)]");
}

#[test]
fn a_tail_past_the_limit_keeps_its_ranges() {
    let ranges = [r(0x10, 0x14), r(0x20, 0x25), r(0x30, 0x31)];
    let tail = seq(&ranges).take_first(3).tail();
    assert_eq!(tail.to_string(), "[[0x20, 0x20) [0x30, 0x30)]");
    assert_eq!((tail.num_bytes(), tail.num_ranges(), tail.is_empty()), (0, 2, false));
    assert_eq!(tail.tail().to_string(), "[[0x30, 0x30)]");
    assert!(tail.tail().tail().is_empty());
}

#[test]
fn pitfall_01_a_shortened_sequence_is_drained_by_dropping_what_was_done() {
    let ranges = [r(0x10, 0x14), r(0x20, 0x25)];
    let left = seq(&ranges).take_first(2).drop_first(2);
    assert_eq!(left.to_string(), "[[0x20, 0x20)]");
    assert!(left.drop_first(0).is_empty());
    assert!(left.drop_first(1).is_empty());
    for ranges in table() {
        for take in 0..=25 {
            let mut left = seq(&ranges).take_first(take);
            // Each step removes a range or a byte, so more than that many is one too many.
            let mut steps = left.num_bytes() as usize + left.num_ranges();
            while let Some(head) = left.head() {
                assert_ne!(steps, 0, "{left} does not end");
                steps -= 1;
                left = left.drop_first(head.len());
            }
        }
    }
}

#[test]
fn sequences_that_are_too_long_are_refused() {
    const MOST: u64 = i64::MAX as u64;
    let longest = r(0, MOST);
    assert_eq!(AddrRangeSeq::of(longest).map(AddrRangeSeq::num_bytes), Ok(MOST));
    assert_eq!(AddrRangeSeq::of(r(0, MOST + 1)), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::of(r(1, u64::MAX)), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[r(0, MOST + 1)]), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[longest, r(0, 1)]), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[r(0, 1), longest]), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[r(0, u64::MAX), r(0, u64::MAX)]), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[longest, longest, r(0, 2)]), Err(SeqTooLong));

    let top = [longest, r(u64::MAX, u64::MAX)];
    assert_eq!(seq(&top).num_bytes(), MOST);
    assert_eq!(
        seq(&top).drop_first(MOST).to_string(),
        "[[0xffffffffffffffff, 0xffffffffffffffff)]"
    );
    let halves = [r(u64::MAX - MOST / 2 - 1, u64::MAX), r(0, MOST / 2)];
    assert_eq!(seq(&halves).num_bytes(), MOST);
    assert_eq!(seq(&halves).drop_first(MOST - 1).head(), Some(r(MOST / 2 - 1, MOST / 2)));
}

#[test]
fn one_range_is_the_same_however_it_is_given() {
    for range in [r(1, 1), r(0, 5), r(u64::MAX, u64::MAX)] {
        let one = AddrRangeSeq::of(range).unwrap();
        assert_eq!(one, seq(&[range]));
        // The slice is not borrowed beyond its ranges: two, of which one is left.
        assert_eq!(one, seq(&[r(7, 9), range]).tail());
        ModelSeq::new(&[range]).assert_same(one);
    }
    assert_eq!(seq(&[]), AddrRangeSeq::default());
    assert_ne!(seq(&[r(1, 1)]), AddrRangeSeq::default());
    assert_ne!(seq(&[r(1, 2), r(2, 2)]), seq(&[r(1, 2)]));
}

#[test]
fn the_ranges_to_come_are_counted() {
    for ranges in table() {
        let mut iter = seq(&ranges).into_iter();
        for index in 0..ranges.len() {
            assert_eq!(iter.len(), ranges.len() - index);
            assert_eq!(iter.size_hint(), (iter.len(), Some(iter.len())));
            assert_eq!(iter.rest(), seq(&ranges[index..]));
            assert_eq!(iter.next(), Some(ranges[index]));
        }
        assert_eq!((iter.len(), iter.next(), iter.next()), (0, None, None));
    }
}

#[test]
fn sequences_are_shown_with_spaces_between_their_ranges() {
    assert_eq!(seq(&[r(0x10, 0x20), r(0, 0)]).to_string(), "[[0x10, 0x20) [0x0, 0x0)]");
    assert_eq!(format!("{:?}", seq(&[r(1, 2)])), "[[0x1, 0x2)]");
}
