//! Copies that arrive, and sequences of blocks.

use safecopy::{DstBlock, HostFault, SrcBlock, copy, zero};
use usermem_types::{FaultKind, Partial, Transfer};

use crate::memory::{Beyond, Edge, PAGE, pattern, with_each_back_end};

#[track_caller]
fn check(result: Transfer<HostFault>, done: usize, kind: FaultKind, addr: usize) {
    assert_eq!(result, Err(Partial::new(done, HostFault { kind, addr })));
}

#[test]
fn copies_that_end_at_the_edge_do_not_touch_what_is_beyond() {
    with_each_back_end(|_| {
        for beyond in Beyond::UNREADABLE {
            let (src, dst) = (Edge::new(beyond), Edge::new(beyond));
            src.fill(3);
            let all = pattern(Edge::GOOD, 3);
            dst.fill(4);
            let before = pattern(Edge::GOOD, 4);
            for len in (0..=600).chain((601..=6000).step_by(101)) {
                assert_eq!(copy(dst.dst(len, len), src.src(len, len)), Ok(len));
                assert_eq!(dst.read(len), all[Edge::GOOD - len..]);
                assert_eq!(zero(dst.dst(len, len)), Ok(len));
                let after = dst.read(Edge::GOOD);
                assert!(after[Edge::GOOD - len..].iter().all(|&byte| byte == 0));
                assert_eq!(after[..Edge::GOOD - len], before[..Edge::GOOD - len]);
            }
        }
    });
}

/// As where a kernel copies to a program: what lies behind the first byte that cannot be written is
/// as it was, also when it could have been written.
#[test]
fn nothing_is_written_behind_a_fault() {
    const PAGES: usize = 4;
    let edge = Edge::new(Beyond::NoAccess);
    edge.protect_beyond(libc::PROT_READ | libc::PROT_WRITE);
    let [old, new] = [1, 2].map(|seed| pattern(PAGES * PAGE, seed));
    let mut checked = 0;
    let back_ends = with_each_back_end(|back_end| {
        for bad in 0..PAGES - 1 {
            edge.protect_page(bad, libc::PROT_READ);
            let bad_start = bad * PAGE;
            // Beginning before the page, or in it; ending in it, in the next one, or near its end.
            for start in (bad_start.saturating_sub(70)..bad_start + 70)
                .chain([1, 31, 33, 63, 65, 127, 255, 511, 600].map(|room| bad_start + PAGE - room))
            {
                for len in [1, 2, 5, 8, 9, 16, 17, 33, 65, 130, 257, 513, 1000, 2000, 4096, 8000] {
                    if start + len > PAGES * PAGE {
                        continue;
                    }
                    let done = bad_start.saturating_sub(start).min(len);
                    edge.store(0, &old);
                    let all = edge.dst(Edge::GOOD, PAGES * PAGE);
                    let dst = all.drop_first(start).take_first(len);
                    let result = copy(dst, SrcBlock::from_slice(&new[..len]));
                    assert_eq!(result.map_err(|partial| partial.done).unwrap_or_else(|d| d), done);
                    let mut expected = old.clone();
                    expected[start..start + done].copy_from_slice(&new[..done]);
                    let what = format!("{back_end}: page {bad}, {len} bytes at {start}");
                    assert!(edge.load(0, PAGES * PAGE) == expected, "copy, {what}");
                    let result = zero(dst);
                    assert_eq!(result.map_err(|partial| partial.done).unwrap_or_else(|d| d), done);
                    expected[start..start + done].fill(0);
                    assert!(edge.load(0, PAGES * PAGE) == expected, "zero, {what}");
                    checked += 2;
                }
            }
            edge.protect_page(bad, libc::PROT_READ | libc::PROT_WRITE);
        }
    });
    println!("{checked} accesses with {back_ends} back ends");
}

/// Every length that is ever copied inline, with every place of a fault, on either side of the copy.
#[test]
fn a_short_copy_is_exact_wherever_it_faults_and_changes_nothing_else() {
    const LONGEST: usize = 72;
    let edge = Edge::new(Beyond::NoAccess);
    edge.protect_beyond(libc::PROT_READ | libc::PROT_WRITE);
    let [old, new] = [1, 2].map(|seed| pattern(PAGE + 2 * LONGEST, seed));
    // A page that is bad, between the last bytes before it and the first behind it.
    const BAD: usize = 1;
    const BEFORE: usize = PAGE - LONGEST;
    let window = edge.dst(Edge::GOOD, 4 * PAGE).drop_first(BEFORE).take_first(old.len());
    let mut checked = 0;
    let back_ends = with_each_back_end(|back_end| {
        for len in 1..=LONGEST {
            // Into the bad page, and out of it.
            for start in (0..=LONGEST).chain(PAGE..=PAGE + LONGEST) {
                let done = match start {
                    ..LONGEST => len.min(LONGEST - start),
                    _ if start < LONGEST + PAGE => 0,
                    _ => len,
                };
                let expected = if done == len { Ok(len) } else { Err(done) };
                let what = format!("{back_end}: {done} of {len} bytes at {start}");
                edge.store(BEFORE, &old);
                edge.protect_page(BAD, libc::PROT_READ);
                let block = window.drop_first(start).take_first(len);
                let result = copy(block, SrcBlock::from_slice(&new[..len]));
                assert_eq!(result.map_err(|partial| partial.done), expected, "to {what}");
                let mut after = old.clone();
                after[start..start + done].copy_from_slice(&new[..done]);
                assert!(edge.load(BEFORE, old.len()) == after, "to {what}");

                edge.protect_page(BAD, libc::PROT_NONE);
                let mut own = [0xee; 2 * LONGEST];
                let result = copy(DstBlock::from_slice(&mut own[1..=len]), block.as_source());
                assert_eq!(result.map_err(|partial| partial.done), expected, "of {what}");
                assert_eq!(own[1..=done], after[start..start + done], "of {what}");
                let around = own[..1].iter().chain(&own[1 + done..]);
                assert!(around.into_iter().all(|byte| *byte == 0xee), "of {what}");
                checked += 2;
            }
        }
        edge.protect_page(BAD, libc::PROT_READ | libc::PROT_WRITE);
    });
    println!("{checked} copies with {back_ends} back ends");
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
