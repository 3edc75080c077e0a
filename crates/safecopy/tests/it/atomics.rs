//! Atomic accesses: values, alignment and faults.

use safecopy::{DstBlock, HostFault, SrcBlock, atomic};
use usermem_types::FaultKind;

use crate::memory::{Beyond, Edge};

#[repr(align(8))]
struct Words([u8; 8]);

#[test]
fn pitfall_21_a_swap_returns_the_old_value() {
    let mut words = Words(*b"\x01\x02\x03\x04rest");
    let block = DstBlock::from_slice(&mut words.0);
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(u32::from_ne_bytes([1, 2, 3, 4])));
    assert_eq!(atomic::swap::<u32>(block, 0x1111_2222), Ok(u32::from_ne_bytes([1, 2, 3, 4])));
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(0x1111_2222));
    assert_eq!(atomic::compare_exchange::<u32>(block, 5, 6), Ok(0x1111_2222));
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(0x1111_2222));
    assert_eq!(atomic::compare_exchange::<u32>(block, 0x1111_2222, u32::MAX), Ok(0x1111_2222));
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(u32::MAX));
    assert_eq!(words.0[4..], *b"rest");
}

#[test]
fn pitfall_04_misaligned_words_are_told_by_the_pointer() {
    let mut words = Words([7; 8]);
    for shift in 1..4 {
        let block = DstBlock::from_slice(&mut words.0[shift..]);
        let fault = Err(HostFault { kind: FaultKind::Misaligned, addr: block.addr() });
        assert_eq!(atomic::load::<u32>(block.as_source()), fault);
        assert_eq!(atomic::swap::<u32>(block, 1), fault);
        assert_eq!(atomic::compare_exchange::<u32>(block, 0x0707_0707, 1), fault);
    }
    assert_eq!(words.0, [7; 8]);
}

#[test]
fn misaligned_comes_before_unmapped() {
    let edge = Edge::new(Beyond::Nothing);
    let block = edge.dst(0, 16).drop_first(2);
    let fault = Err(HostFault { kind: FaultKind::Misaligned, addr: edge.addr() + 2 });
    assert_eq!(atomic::load::<u32>(block.as_source()), fault);
    assert_eq!(atomic::swap::<u32>(block, 1), fault);
    assert_eq!(atomic::compare_exchange::<u32>(block, 0, 1), fault);
}

#[test]
fn words_beyond_an_edge_fault_at_their_address() {
    for beyond in Beyond::UNWRITABLE {
        let edge = Edge::new(beyond);
        let fault = Err(HostFault { kind: beyond.kind(), addr: edge.addr() + 8 });
        let block = edge.dst(0, 16).drop_first(8);
        if beyond != Beyond::ReadOnly {
            assert_eq!(atomic::load::<u32>(block.as_source()), fault);
        }
        assert_eq!(atomic::swap::<u32>(block, 1), fault);
        assert_eq!(atomic::compare_exchange::<u32>(block, 0, 1), fault);
        assert_eq!(atomic::swap::<u32>(edge.dst(4, 4), 0), Ok(0));
    }
}

#[test]
fn pitfall_30_a_word_that_may_only_be_read() {
    let edge = Edge::new(Beyond::ReadOnly);
    let block = edge.dst(0, 4);
    let fault = Err(HostFault { kind: FaultKind::Protection, addr: edge.addr() });
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(0));
    // Faults although the comparison fails.
    assert_eq!(atomic::compare_exchange::<u32>(block, 1, 2), fault);
    assert_eq!(atomic::compare_exchange::<u32>(block, 0, 2), fault);
    assert_eq!(atomic::load::<u32>(block.as_source()), Ok(0));
}

#[test]
#[should_panic(expected = "the block holds a word")]
fn a_block_shorter_than_a_word_is_our_own_mistake() {
    let _ = atomic::load::<u32>(SrcBlock::from_slice(&[0; 3]));
}

#[test]
fn swaps_of_many_threads_lose_nothing() {
    let edge = Edge::new(Beyond::NoAccess);
    let addr = edge.dst(4, 4).addr();
    let sum: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (1..=4)
            .map(|_| {
                scope.spawn(move || {
                    // SAFETY: the word holds no Rust object, and the edge outlives the scope.
                    let block = unsafe {
                        DstBlock::from_raw(std::ptr::with_exposed_provenance_mut(addr), 4)
                    };
                    let mut added = 0;
                    while added < 2000 {
                        let old = atomic::load::<u32>(block.as_source()).unwrap();
                        added += u32::from(
                            atomic::compare_exchange::<u32>(block, old, old + 1) == Ok(old),
                        );
                    }
                    added
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    assert_eq!(sum, 8000);
    assert_eq!(atomic::load::<u32>(edge.src(4, 4)), Ok(8000));
}
