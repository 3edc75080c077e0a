//! Every length before an edge, for every way in which memory can be missing behind it.

use safecopy::{DstBlock, HostFault, SrcBlock, copy, zero};
use usermem_types::{FaultKind, Partial, Transfer};

use crate::memory::{Beyond, Edge, pattern};

/// Bytes before the edge: all small numbers, then in uneven steps to more than a page.
fn befores() -> impl Iterator<Item = usize> {
    (0..=600).chain((601..6000).step_by(271)).chain([4095, 4096, 4097, 8191, 8192])
}

/// Bytes of a request beyond the edge, so that every size class ends there.
const OVERS: [usize; 6] = [1, 3, 8, 33, 200, 4096];

#[track_caller]
fn check(result: Transfer<HostFault>, done: usize, kind: FaultKind, addr: usize) {
    assert_eq!(result, Err(Partial::new(done, HostFault { kind, addr })));
}

#[test]
fn pitfall_11_the_count_of_a_copy_from_memory_with_an_edge_is_exact() {
    for beyond in Beyond::UNREADABLE {
        let edge = Edge::new(beyond);
        edge.fill(7);
        let all = pattern(Edge::GOOD, 7);
        for (at, before) in befores().enumerate() {
            for over in OVERS {
                let len = before + over;
                let shift = [0, 1, 3, 16, 29][at % 5];
                let mut buffer = vec![0xee; shift + len + 8];
                let dst = DstBlock::from_slice(&mut buffer[shift..shift + len]);
                let result = copy(dst, edge.src(before, len));
                check(result, before, beyond.kind(), edge.addr());
                assert_eq!(buffer[shift..shift + before], all[Edge::GOOD - before..]);
                // Beyond the count anything may have been written, beyond the block nothing.
                assert!(buffer[..shift].iter().all(|&byte| byte == 0xee));
                assert!(buffer[shift + len..].iter().all(|&byte| byte == 0xee));
            }
        }
    }
}

#[test]
fn pitfall_11_the_count_of_a_copy_to_memory_with_an_edge_is_exact() {
    for beyond in Beyond::UNWRITABLE {
        let edge = Edge::new(beyond);
        for (at, before) in befores().enumerate() {
            let around = (before + 32).min(Edge::GOOD);
            for (seed, over) in OVERS.into_iter().enumerate() {
                edge.fill(99);
                let len = before + over;
                let shift = [0, 1, 3, 16, 29][at % 5];
                let bytes = pattern(shift + len, seed as u8);
                let result = copy(edge.dst(before, len), SrcBlock::from_slice(&bytes[shift..]));
                check(result, before, beyond.kind(), edge.addr());
                let after = edge.read(around);
                let untouched = &pattern(Edge::GOOD, 99)[Edge::GOOD - around..][..around - before];
                assert_eq!(after[..around - before], *untouched);
                assert_eq!(after[around - before..], bytes[shift..shift + before]);
            }
        }
    }
}

#[test]
fn the_count_of_zeroing_memory_with_an_edge_is_exact() {
    for beyond in Beyond::UNWRITABLE {
        let edge = Edge::new(beyond);
        for before in befores() {
            for over in OVERS {
                edge.fill(99);
                let result = zero(edge.dst(before, before + over));
                check(result, before, beyond.kind(), edge.addr());
                let around = (before + 32).min(Edge::GOOD);
                let after = edge.read(around);
                let untouched = &pattern(Edge::GOOD, 99)[Edge::GOOD - around..][..around - before];
                assert_eq!(after[..around - before], *untouched);
                assert!(after[around - before..].iter().all(|&byte| byte == 0));
            }
        }
    }
}

#[test]
fn when_both_sides_have_an_edge_the_first_one_in_copy_order_counts() {
    for beyond_src in Beyond::UNREADABLE {
        for beyond_dst in Beyond::UNWRITABLE {
            let (src, dst) = (Edge::new(beyond_src), Edge::new(beyond_dst));
            src.fill(3);
            let all = pattern(Edge::GOOD, 3);
            for (before_src, before_dst) in
                befores().step_by(7).flat_map(|a| [(a, a), (a, a + 1), (a + 1, a), (a, a / 2)])
            {
                if before_src.max(before_dst) > Edge::GOOD {
                    continue;
                }
                let len = before_src.max(before_dst) + 5;
                let result = copy(dst.dst(before_dst, len), src.src(before_src, len));
                // A byte is read before it is written.
                let (done, kind, addr) = if before_src <= before_dst {
                    (before_src, beyond_src.kind(), src.addr())
                } else {
                    (before_dst, beyond_dst.kind(), dst.addr())
                };
                check(result, done, kind, addr);
                let start = Edge::GOOD - before_src;
                assert_eq!(dst.read(before_dst)[..done], all[start..start + done]);
            }
        }
    }
}

#[test]
fn copies_that_end_at_the_edge_do_not_touch_what_is_beyond() {
    for beyond in Beyond::UNREADABLE {
        let (src, dst) = (Edge::new(beyond), Edge::new(beyond));
        src.fill(3);
        let all = pattern(Edge::GOOD, 3);
        for len in befores() {
            dst.fill(4);
            assert_eq!(copy(dst.dst(len, len), src.src(len, len)), Ok(len));
            assert_eq!(dst.read(len), all[Edge::GOOD - len..]);
            assert_eq!(zero(dst.dst(len, len)), Ok(len));
            assert!(dst.read(len).iter().all(|&byte| byte == 0));
            let around = (len + 1).min(Edge::GOOD);
            assert_eq!(
                dst.read(around)[0],
                if around == len { 0 } else { pattern(Edge::GOOD, 4)[Edge::GOOD - around] }
            );
        }
    }
}

#[test]
fn copies_of_our_own_memory_at_every_alignment() {
    let bytes = pattern(5000, 1);
    for len in (0..=300).chain([511, 512, 513, 1000, 2047, 2049, 4095, 4096, 4500]) {
        for (from, to) in [(0, 0), (1, 0), (0, 1), (5, 5), (17, 31), (64, 33)] {
            let mut buffer = vec![0xee; to + len + 64];
            let dst = DstBlock::from_slice(&mut buffer[to..to + len]);
            assert_eq!(copy(dst, SrcBlock::from_slice(&bytes[from..from + len])), Ok(len));
            assert_eq!(buffer[to..to + len], bytes[from..from + len]);
            assert!(buffer[..to].iter().chain(&buffer[to + len..]).all(|&byte| byte == 0xee));
            assert_eq!(zero(DstBlock::from_slice(&mut buffer[to..to + len])), Ok(len));
            assert!(buffer[to..to + len].iter().all(|&byte| byte == 0));
            assert!(buffer[..to].iter().chain(&buffer[to + len..]).all(|&byte| byte == 0xee));
        }
    }
}

#[test]
fn the_shorter_block_decides_and_long_copies_arrive_whole() {
    safecopy::init().unwrap();
    let bytes = pattern((1 << 20) + 77, 5);
    let mut buffer = vec![0; (1 << 20) + 13];
    let len = buffer.len();
    let result = copy(DstBlock::from_slice(&mut buffer), SrcBlock::from_slice(&bytes));
    assert_eq!(result, Ok(len));
    assert_eq!(buffer, bytes[..len]);
    let mut short = [0; 3];
    assert_eq!(copy(DstBlock::from_slice(&mut short), SrcBlock::from_slice(&bytes)), Ok(3));
    assert_eq!(short, bytes[..3]);
}

#[test]
fn a_sequence_stops_at_the_first_fault_with_the_count_of_all_blocks() {
    let edge = Edge::new(Beyond::NoAccess);
    edge.fill(8);
    let all = pattern(Edge::GOOD, 8);
    let srcs = [edge.src(100, 10), edge.src(0, 0), edge.src(20, 30), edge.src(50, 10)];
    let mut buffer = [0; 60];
    let dst = safecopy::BlockSeq::of(DstBlock::from_slice(&mut buffer));
    let result = safecopy::copy_seq(dst, safecopy::BlockSeq::from_slice(&srcs));
    check(result, 30, FaultKind::Protection, edge.addr());
    assert_eq!(buffer[..10], all[Edge::GOOD - 100..Edge::GOOD - 90]);
    assert_eq!(buffer[10..30], all[Edge::GOOD - 20..]);
    let dsts = [edge.dst(7, 7), edge.dst(5, 9), edge.dst(100, 10)];
    check(
        safecopy::zero_seq(safecopy::BlockSeq::from_slice(&dsts)),
        12,
        FaultKind::Protection,
        edge.addr(),
    );
    assert_eq!(edge.read(100)[..10], all[Edge::GOOD - 100..Edge::GOOD - 90]);
}
