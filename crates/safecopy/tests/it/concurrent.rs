//! Memory whose protection changes in the middle of a copy.

use std::sync::atomic::{AtomicBool, Ordering};

use safecopy::{DstBlock, SrcBlock, copy, zero};
use usermem_types::FaultKind;

use crate::memory::{Beyond, Edge, PAGE, pattern};

const ROUNDS: usize = 4000;

#[test]
fn under_concurrent_mprotect_the_address_is_always_base_plus_count() {
    let edge = Edge::new(Beyond::NoAccess);
    let edge_addr = edge.addr();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            // SAFETY of what the address names: the edge outlives the scope.
            while !stop.load(Ordering::Relaxed) {
                for protection in [libc::PROT_READ | libc::PROT_WRITE, libc::PROT_NONE] {
                    let page = std::ptr::with_exposed_provenance_mut(edge_addr);
                    // SAFETY: the page holds no Rust object.
                    let result = unsafe { libc::mprotect(page, PAGE, protection) };
                    assert_eq!(result, 0);
                }
            }
        });
        let bytes = pattern(PAGE + 600, 9);
        let mut buffer = vec![0; PAGE + 600];
        for round in 0..ROUNDS {
            let before = round % 600;
            let len = before + [8, 40, 200, 1000, PAGE][round % 5];
            let results = [
                copy(edge.dst(before, len), SrcBlock::from_slice(&bytes)),
                copy(DstBlock::from_slice(&mut buffer), edge.src(before, len)),
                zero(edge.dst(before, len)),
            ];
            for result in results {
                match result {
                    Ok(done) => assert_eq!(done, len),
                    Err(partial) => {
                        assert!(partial.done >= before && partial.done < len, "{partial:?}");
                        assert_eq!(partial.cause.addr, edge.addr() - before + partial.done);
                        assert_eq!(partial.cause.kind, FaultKind::Protection);
                    }
                }
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
}

#[test]
fn what_arrived_is_right_while_the_page_comes_and_goes() {
    let edge = Edge::new(Beyond::NoAccess);
    edge.protect_beyond(libc::PROT_READ | libc::PROT_WRITE);
    let bytes = pattern(PAGE, 77);
    assert_eq!(copy(edge.dst(0, PAGE), SrcBlock::from_slice(&bytes)), Ok(PAGE));
    let edge_addr = edge.addr();
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for protection in [libc::PROT_NONE, libc::PROT_READ] {
                    let page = std::ptr::with_exposed_provenance_mut(edge_addr);
                    // SAFETY: the page holds no Rust object.
                    let result = unsafe { libc::mprotect(page, PAGE, protection) };
                    assert_eq!(result, 0);
                }
            }
        });
        let mut buffer = vec![0; PAGE];
        for round in 0..ROUNDS {
            buffer.fill(0xee);
            let len = 1 + round * 7 % PAGE;
            let src = edge.src(0, len);
            let done =
                copy(DstBlock::from_slice(&mut buffer), src).unwrap_or_else(|partial| partial.done);
            assert_eq!(buffer[..done], bytes[..done]);
        }
        stop.store(true, Ordering::Relaxed);
    });
}
