//! Every back end does the same.

use usermem_types::{Partial, Transfer};

use super::BackEnd;
use crate::test_memory::{Beyond, Memory, lock_back_end, with_each_back_end};
use crate::{DstBlock, HostFault, SrcBlock, copy, zero};

/// Every length that a size class can begin or end at, then some of the string instructions'
/// and of the chunks'.
fn lengths() -> impl Iterator<Item = usize> {
    let long =
        [1000, 2047, 2048, 4095, 4096, 4097, 8191, 65535, 65536, 65537, 65600, 65601, 140_000];
    (0..=600).chain(long)
}

fn pattern(len: usize) -> Vec<u8> {
    (0..len).map(|at| (at as u8).wrapping_mul(167) ^ (at >> 8) as u8 | 1).collect()
}

#[test]
fn the_default_comes_first_and_names_are_unique() {
    let all: Vec<_> = BackEnd::available().collect();
    assert_eq!(all.first(), Some(&BackEnd::AUTOMATIC));
    for (at, back_end) in all.iter().enumerate() {
        assert_eq!(all.iter().filter(|other| other.name() == back_end.name()).count(), 1);
        assert_eq!(all.iter().position(|other| other == back_end), Some(at));
        assert_eq!(format!("{back_end:>15}"), format!("{:>15}", back_end.name()));
    }
}

#[test]
fn what_was_selected_is_current() {
    with_each_back_end(|back_end| {
        assert_eq!(BackEnd::current(), back_end);
        // A later `init` keeps it.
        crate::init().unwrap();
        assert_eq!(BackEnd::current(), back_end);
    });
}

#[test]
fn every_length_is_copied_and_nothing_around_it() {
    let bytes = pattern(140_100);
    with_each_back_end(|back_end| {
        for len in lengths() {
            for (from, to) in [(0, 0), (1, 0), (0, 3), (17, 17), (5, 40)] {
                let mut own = vec![0; to + len + 70];
                let dst = DstBlock::from_slice(&mut own[to..to + len]);
                assert_eq!(copy(dst, SrcBlock::from_slice(&bytes[from..])), Ok(len));
                assert_eq!(own[to..to + len], bytes[from..from + len], "{back_end} {len}");
                assert!(own[..to].iter().chain(&own[to + len..]).all(|&byte| byte == 0));
            }
        }
    });
}

#[test]
fn every_length_is_zeroed_and_nothing_around_it() {
    with_each_back_end(|back_end| {
        for len in lengths() {
            for at in [0, 1, 16, 33] {
                let mut own = vec![0xee; at + len + 70];
                assert_eq!(zero(DstBlock::from_slice(&mut own[at..at + len])), Ok(len));
                assert!(own[at..at + len].iter().all(|&byte| byte == 0), "{back_end} {len}");
                assert!(own[..at].iter().chain(&own[at + len..]).all(|&byte| byte == 0xee));
            }
        }
    });
}

/// Bytes before the end: all that size classes tell apart, then a few.
fn befores() -> impl Iterator<Item = usize> {
    (0..=300).chain([511, 512, 513, 600, 1023, 1024, 2049, 4095, 4096, 4097, 8192])
}

/// Bytes of a request behind the end, so that every size class ends there.
const OVERS: [usize; 6] = [1, 7, 40, 150, 300, 4096];

#[track_caller]
fn check(result: Transfer<HostFault>, done: usize, beyond: Beyond, memory: &Memory) {
    let fault = HostFault { kind: beyond.kind(), addr: memory.end() };
    assert_eq!(result, Err(Partial::new(done, fault)));
}

#[test]
fn pitfall_11_counts_are_exact_at_the_end_of_memory() {
    let bytes = pattern(Memory::GOOD + 4096);
    let mut own = bytes.clone();
    with_each_back_end(|back_end| {
        for beyond in Beyond::ALL {
            let memory = Memory::new(beyond);
            for before in befores() {
                for over in OVERS {
                    let len = before + over;
                    let block = memory.block(before, len);
                    check(copy(block, SrcBlock::from_slice(&bytes)), before, beyond, &memory);
                    own[..before].fill(0);
                    let good = memory.block(before, before).as_source();
                    assert_eq!(copy(DstBlock::from_slice(&mut own), good), Ok(before));
                    assert_eq!(own[..before], bytes[..before], "{back_end} {before}+{over}");
                    if beyond != Beyond::ReadOnly {
                        own[..before].fill(0);
                        let result = copy(DstBlock::from_slice(&mut own[..len]), block.as_source());
                        check(result, before, beyond, &memory);
                        assert_eq!(own[..before], bytes[..before], "{back_end} {before}+{over}");
                    }
                    check(zero(block), before, beyond, &memory);
                    assert_eq!(copy(DstBlock::from_slice(&mut own), good), Ok(before));
                    assert!(own[..before].iter().all(|&byte| byte == 0), "{back_end} {before}");
                }
            }
        }
    });
}

#[test]
fn a_choice_in_the_middle_of_transfers_changes_no_result() {
    let _guard = lock_back_end();
    let bytes = pattern(Memory::GOOD + 4096);
    let memory = Memory::new(Beyond::NoAccess);
    std::thread::scope(|scope| {
        let transfers = scope.spawn(|| {
            let mut own = vec![0; bytes.len()];
            for (before, over) in befores().flat_map(|before| OVERS.map(|over| (before, over))) {
                let block = memory.block(before, before + over);
                check(copy(block, SrcBlock::from_slice(&bytes)), before, Beyond::NoAccess, &memory);
                let dst = DstBlock::from_slice(&mut own);
                check(copy(dst, block.as_source()), before, Beyond::NoAccess, &memory);
                assert_eq!(own[..before], bytes[..before]);
                check(zero(block), before, Beyond::NoAccess, &memory);
            }
        });
        while !transfers.is_finished() {
            BackEnd::available().for_each(BackEnd::select);
        }
    });
    BackEnd::AUTOMATIC.select();
}
