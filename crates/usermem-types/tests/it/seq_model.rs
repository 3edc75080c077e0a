//! Sequences of ranges against a list of them, and the laws that their operations keep.

use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, Strategy, any, prop_oneof, proptest};
use testkit::ModelSeq;
use testkit::strategies;
use usermem_types::{Addr, AddrRange, AddrRangeSeq, SeqTooLong};

use crate::seq::{seq, table};
use crate::{numbers, r};

/// What is done to a sequence. What depends on its length is stated from its end, so that long
/// chains of operations are not over at once.
#[derive(Clone, Copy, Debug)]
enum Op {
    Drop(u64),
    /// Drops all but so many bytes, or one more than there are for `None`.
    DropBut(Option<u64>),
    Take(u64),
    /// Takes all but so many bytes.
    TakeBut(u64),
    Tail,
}

/// Does the same to a sequence and to the model, and compares them after every step.
#[track_caller]
fn check(ranges: &[AddrRange], ops: &[Op]) {
    let mut model = ModelSeq::new(ranges);
    let mut left = seq(ranges);
    model.assert_same(left);
    for op in ops {
        let bytes = left.num_bytes();
        let mut drop_first = |by| {
            model.drop_first(by);
            left = left.drop_first(by);
        };
        match *op {
            Op::Drop(by) => drop_first(by),
            Op::DropBut(Some(rest)) => drop_first(bytes.saturating_sub(rest)),
            Op::DropBut(None) => drop_first(bytes + 1),
            Op::Take(most) => {
                model.take_first(most);
                left = left.take_first(most);
            }
            Op::TakeBut(rest) => {
                model.take_first(bytes.saturating_sub(rest));
                left = left.take_first(bytes.saturating_sub(rest));
            }
            Op::Tail => {
                model.tail();
                left = left.tail();
            }
        }
        model.assert_same(left);
        let listed = model.ranges();
        assert_eq!(left, seq(&listed));
        assert_eq!(left.tail(), seq(listed.get(1..).unwrap_or_default()));
    }
}

#[test]
fn three_operations_on_every_shape_agree_with_the_list() {
    // Nothing, within a range, at the ends of ranges, all bytes of the longest shape, and more.
    let amounts = [0, 1, 2, 3, 7, 14, 21, 22, 23];
    let ops: Vec<Op> =
        amounts.into_iter().flat_map(|by| [Op::Drop(by), Op::Take(by)]).chain([Op::Tail]).collect();
    for ranges in table() {
        for first in &ops {
            for second in &ops {
                for third in &ops {
                    check(&ranges, &[*first, *second, *third]);
                }
            }
        }
    }
}

#[test]
fn every_short_sequence_agrees_with_the_list() {
    // All sequences of up to four ranges of up to two bytes.
    let mut all: Vec<Vec<AddrRange>> = vec![vec![]];
    let mut last = all.clone();
    for index in 1..=4 {
        let longer = |ranges: &Vec<AddrRange>| {
            let ranges = ranges.clone();
            (0..=2).map(move |len| [&ranges[..], &[r(index * 0x10, index * 0x10 + len)]].concat())
        };
        last = last.iter().flat_map(longer).collect();
        all.extend(last.iter().cloned());
    }
    assert_eq!(all.len(), 1 + 3 + 9 + 27 + 81);
    let ops: Vec<Op> =
        (0..=9).flat_map(|by| [Op::Drop(by), Op::Take(by)]).chain([Op::Tail]).collect();
    for ranges in &all {
        for first in &ops {
            for second in &ops {
                check(ranges, &[*first, *second, Op::Drop(0)]);
            }
        }
    }
}

/// Generates operations that mostly leave something to go on with.
fn gentle_ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        6 => (0..4u64).prop_map(Op::Drop),
        3 => (0..4u64).prop_map(Op::TakeBut),
        2 => (0..=1u8).prop_map(|_| Op::Tail),
        1 => (100..1000u64).prop_map(Op::Take),
    ];
    vec(op, 0..120)
}

/// Generates operations of any size.
fn harsh_ops() -> impl Strategy<Value = Vec<Op>> {
    let op = prop_oneof![
        4 => numbers().prop_map(Op::Drop),
        4 => (0..3u64).prop_map(|rest| Op::DropBut(rest.checked_sub(1))),
        4 => numbers().prop_map(Op::Take),
        4 => (0..3u64).prop_map(Op::TakeBut),
        1 => (0..=1u8).prop_map(|_| Op::Tail),
    ];
    vec(op, 0..8)
}

/// Generates ranges anywhere, as long as can be.
fn wide_ranges() -> impl Strategy<Value = Vec<AddrRange>> {
    let range = (numbers(), numbers(), 0..3u32).prop_map(|(a, b, shift)| {
        let (start, end) = (a.min(b), a.max(b));
        r(start, start + ((end - start) >> shift))
    });
    vec(range, 0..6)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(4 * ProptestConfig::default().cases))]

    #[test]
    fn long_chains_agree_with_the_list(
        ranges in strategies::ranges(0x1000, 6, 60),
        ops in gentle_ops(),
    ) {
        check(&ranges, &ops);
    }

    #[test]
    fn any_ranges_and_operations_agree_with_the_list(ranges in wide_ranges(), ops in harsh_ops()) {
        // Only ranges that are short enough together make a sequence.
        let total: u128 = ranges.iter().map(|range| u128::from(range.len())).sum();
        let made = AddrRangeSeq::from_slice(&ranges);
        if total > i64::MAX as u128 {
            assert_eq!(made, Err(SeqTooLong));
        } else {
            assert_eq!(made.map(|seq| u128::from(seq.num_bytes())), Ok(total));
            check(&ranges, &ops);
        }
    }

    #[test]
    fn operations_keep_their_laws(
        ranges in strategies::ranges(0x1000, 6, 8),
        cut in 0..60u64,
        a in 0..20u64,
        b in 0..20u64,
    ) {
        let bytes = |seq: AddrRangeSeq<'_>| -> Vec<Addr> {
            let addrs = |range: AddrRange| (range.start().get()..range.end().get()).map(Addr::new);
            seq.iter().flat_map(addrs).collect()
        };
        let all = seq(&ranges).take_first(cut);
        // Taking and dropping divide the bytes; no byte is lost, doubled or moved.
        assert_eq!([bytes(all.take_first(a)), bytes(all.drop_first(a))].concat(), bytes(all));
        assert_eq!(bytes(all.drop_first(a).drop_first(b)), bytes(all.drop_first(a + b)));
        // Taking twice is taking the lesser, ranges included.
        assert_eq!(all.take_first(a).take_first(b), all.take_first(a.min(b)));
        // Dropping and taking change places while bytes are left: ranges without any, which taking
        // keeps, would be dropped.
        if b > 0 {
            assert_eq!(all.drop_first(a).take_first(b), all.take_first(a + b).drop_first(a));
        }
        // What is worked off ends after a step for each byte and each range.
        let mut left = all;
        let most = left.num_bytes() + left.num_ranges() as u64;
        let steps = std::iter::from_fn(|| {
            let head = left.head()?;
            left = left.drop_first(head.len().min(1));
            Some(())
        });
        assert!(steps.take(most as usize + 1).count() as u64 <= most);
    }

    #[test]
    fn equal_sequences_have_equal_ranges(
        a in strategies::ranges(8, 1, 3),
        b in strategies::ranges(8, 1, 3),
        limit in any::<u64>(),
    ) {
        assert_eq!(seq(&a) == seq(&b), a == b);
        assert_eq!(seq(&a).take_first(limit % 4), seq(&a.clone()).take_first(limit % 4));
    }
}
