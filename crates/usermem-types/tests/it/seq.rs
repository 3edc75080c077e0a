//! Sequences of ranges: spec 2, 15.1 and 15.11 A.

use proptest::prelude::proptest;
use testkit::ModelSeq;
use testkit::strategies::{self, SeqOp};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, SeqTooLong};

use crate::r;

/// Every shape a sequence can have.
fn table() -> Vec<Vec<AddrRange>> {
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

fn seq(ranges: &[AddrRange]) -> AddrRangeSeq<'_> {
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

#[test]
fn dropping_more_than_there_is_removes_empty_ranges_as_well() {
    let ranges = [r(0, 3), r(5, 5), r(7, 8), r(9, 9), r(11, 11)];
    let all = seq(&ranges);
    assert_eq!(all.drop_first(4).to_string(), "[[0x9, 0x9) [0xb, 0xb)]");
    assert!(all.drop_first(5).is_empty());
    assert_eq!(all.drop_first(0), all);
    assert_eq!(seq(&[r(0, 1), r(4, 4)]).drop_first(1).to_string(), "[[0x4, 0x4)]");
}

#[test]
fn one_empty_head_is_removed_by_dropping_nothing() {
    let ranges = [r(1, 1), r(2, 2), r(3, 6)];
    assert_eq!(seq(&ranges).drop_first(0).to_string(), "[[0x2, 0x2) [0x3, 0x6)]");
    assert_eq!(seq(&ranges).drop_first(1).to_string(), "[[0x4, 0x6)]");
}

#[test]
fn pitfall_01_a_shortened_sequence_is_drained_by_dropping_what_was_done() {
    let ranges = [r(0x10, 0x14), r(0x20, 0x25)];
    let left = seq(&ranges).take_first(2).drop_first(2);
    assert_eq!(left.to_string(), "[[0x20, 0x20)]");
    assert!(left.drop_first(0).is_empty());
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
    let longest = r(0, i64::MAX as u64);
    assert_eq!(AddrRangeSeq::of(longest).map(AddrRangeSeq::num_bytes), Ok(i64::MAX as u64));
    assert_eq!(AddrRangeSeq::of(r(0, i64::MAX as u64 + 1)), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[longest, r(0, 1)]), Err(SeqTooLong));
    assert_eq!(AddrRangeSeq::from_slice(&[r(0, u64::MAX), r(0, u64::MAX)]), Err(SeqTooLong));
    assert!(AddrRangeSeq::from_slice(&[longest, r(9, 9)]).is_ok());
}

#[test]
fn sequences_are_shown_with_spaces_between_their_ranges() {
    assert_eq!(seq(&[r(0x10, 0x20), r(0, 0)]).to_string(), "[[0x10, 0x20) [0x0, 0x0)]");
    assert_eq!(format!("{:?}", seq(&[r(1, 2)])), "[[0x1, 0x2)]");
}

/// Does the same to a sequence and to the model, and compares them after every step.
fn check(ranges: &[AddrRange], ops: &[SeqOp]) {
    let mut model = ModelSeq::new(ranges);
    let mut seq = seq(ranges);
    model.assert_same(seq);
    for op in ops {
        match *op {
            SeqOp::DropFirst(bytes) => {
                model.drop_first(bytes);
                seq = seq.drop_first(bytes);
            }
            SeqOp::TakeFirst(bytes) => {
                model.take_first(bytes);
                seq = seq.take_first(bytes);
            }
            SeqOp::Tail => {
                model.tail();
                seq = seq.tail();
            }
        }
        model.assert_same(seq);
        assert_eq!(seq, AddrRangeSeq::from_slice(&model.ranges()).unwrap());
    }
}

#[test]
fn two_operations_on_every_shape_agree_with_the_model() {
    let op = |index: u64| match index % 3 {
        0 => SeqOp::DropFirst(index / 3),
        1 => SeqOp::TakeFirst(index / 3),
        _ => SeqOp::Tail,
    };
    for ranges in table() {
        for first in 0..72 {
            for second in 0..72 {
                check(&ranges, &[op(first), op(second)]);
            }
        }
    }
}

proptest! {
    #[test]
    fn agrees_with_a_list(
        ranges in strategies::ranges(0x1000, 6, 8),
        ops in strategies::seq_ops(12, 12),
    ) {
        check(&ranges, &ops);
    }

    #[test]
    fn dropping_in_two_steps_leaves_the_same_bytes(
        ranges in strategies::ranges(0x1000, 6, 8),
        first in 0..20u64,
        second in 0..20u64,
    ) {
        let all = seq(&ranges);
        let bytes = |seq: AddrRangeSeq<'_>| -> Vec<Addr> {
            seq.iter()
                .flat_map(|range| range.start().get()..range.end().get())
                .map(Addr::new)
                .collect()
        };
        assert_eq!(bytes(all.drop_first(first).drop_first(second)), bytes(all.drop_first(first + second)));
        assert_eq!(bytes(all.take_first(first)).len() as u64, first.min(all.num_bytes()));
    }
}
