//! Memory that changes in the middle of a copy.

use std::sync::atomic::{AtomicBool, Ordering};

use safecopy::{DstBlock, HostFault, SrcBlock, copy, zero};
use usermem_types::{FaultKind, Partial, Transfer};

use crate::memory::{Beyond, Edge, PAGE, pattern, with_each_back_end};

#[cfg(target_arch = "x86_64")]
const ROUNDS: usize = 4000;
/// Emulated signals are slow.
#[cfg(not(target_arch = "x86_64"))]
const ROUNDS: usize = 500;

/// What happens to the first page beyond the edge, again and again.
#[derive(Clone, Copy, Debug)]
enum Change {
    Protect,
    Unmap,
    Truncate,
}

impl Change {
    fn kind(self) -> FaultKind {
        match self {
            Self::Protect => FaultKind::Protection,
            Self::Unmap => FaultKind::Unmapped,
            Self::Truncate => FaultKind::Bus,
        }
    }

    /// Returns whether what is in the page outlives the change.
    fn keeps_contents(self) -> bool {
        !matches!(self, Self::Truncate)
    }

    fn apply(self, edge: &Edge, there: bool) {
        match self {
            Self::Protect if there => edge.protect_beyond(libc::PROT_READ | libc::PROT_WRITE),
            Self::Protect => edge.protect_beyond(libc::PROT_NONE),
            Self::Unmap => edge.map_beyond(there),
            Self::Truncate => edge.set_file_len(Edge::GOOD + if there { PAGE } else { 0 }),
        }
    }
}

/// How copies ended.
#[derive(Debug, Default)]
struct Tally {
    whole: usize,
    at_the_edge: usize,
    beyond_the_edge: usize,
}

impl Tally {
    /// Checks how a request of `len` bytes ended, of which `before` were always there.
    fn check(
        &mut self,
        result: Transfer<HostFault>,
        (edge, kind): (&Edge, FaultKind),
        (before, len): (usize, usize),
    ) -> usize {
        match result {
            Ok(done) => {
                assert_eq!(done, len);
                self.whole += 1;
                done
            }
            Err(partial) => {
                assert!(partial.done >= before && partial.done < len, "{partial:?} of {len}");
                assert_eq!(partial.cause.addr, edge.addr() - before + partial.done);
                assert_eq!(partial.cause.kind, kind);
                *if partial.done == before {
                    &mut self.at_the_edge
                } else {
                    &mut self.beyond_the_edge
                } += 1;
                partial.done
            }
        }
    }
}

/// Runs rounds while a thread makes changes to both edges; at least so many that copies ended in
/// both ways.
fn race(change: Change, edges: [&Edge; 2], mut round: impl FnMut(usize, &mut Tally)) -> Tally {
    let stop = AtomicBool::new(false);
    let mut tally = Tally::default();
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                for there in [true, false] {
                    edges.iter().for_each(|edge| change.apply(edge, there));
                }
            }
        });
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            for at in 0.. {
                let both = tally.whole > 0 && tally.at_the_edge + tally.beyond_the_edge > 0;
                if at >= ROUNDS && both {
                    break;
                }
                round(at, &mut tally);
            }
        }));
        // Also after a failure: the scope waits for the thread.
        stop.store(true, Ordering::Relaxed);
        outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
    });
    tally
}

/// Copies from one edge, to another, and zeroes, while the page beyond comes and goes.
fn check(change: Change) {
    with_each_back_end(|back_end| {
        let (src, dst) = (Edge::new(Beyond::EndOfFile), Edge::new(Beyond::EndOfFile));
        src.fill(77);
        let mut all = pattern(Edge::GOOD, 77);
        let beyond = if change.keeps_contents() { pattern(PAGE, 5) } else { vec![0; PAGE] };
        for edge in [&src, &dst] {
            edge.set_file_len(Edge::GOOD + PAGE);
            edge.store(Edge::GOOD, &beyond);
        }
        all.extend(beyond);
        let bytes = [pattern(2 * PAGE, 9), pattern(2 * PAGE, 200)];
        let mut buffer = vec![0; 2 * PAGE];
        let tally = race(change, [&src, &dst], |round, tally| {
            let before = round * 7 % 600;
            let len = before + [8, 40, 200, 1000, PAGE][round % 5];
            buffer.fill(0xee);
            let result = copy(DstBlock::from_slice(&mut buffer), src.src(before, len));
            let done = tally.check(result, (&src, change.kind()), (before, len));
            assert_eq!(buffer[..done], all[Edge::GOOD - before..][..done]);
            assert!(buffer[len..].iter().all(|&byte| byte == 0xee));

            let from = &bytes[round % 2];
            let result = copy(dst.dst(before, len), SrcBlock::from_slice(from));
            let done = tally.check(result, (&dst, change.kind()), (before, len));
            let kept = if change.keeps_contents() { done } else { before };
            assert_eq!(dst.load(Edge::GOOD - before, kept), from[..kept]);

            let result = zero(dst.dst(before, len));
            let done = tally.check(result, (&dst, change.kind()), (before, len));
            let kept = if change.keeps_contents() { done } else { before };
            assert!(dst.load(Edge::GOOD - before, kept).iter().all(|&byte| byte == 0));

            let result = copy(dst.dst(before, len), src.src(before, len));
            let is_in_src = |partial: Partial<HostFault>| {
                (src.addr()..src.addr() + PAGE).contains(&partial.cause.addr)
            };
            let faulted = if result.is_err_and(is_in_src) { &src } else { &dst };
            tally.check(result, (faulted, change.kind()), (before, len));
        });
        println!("{change:?}, {back_end}: {tally:?}");
    });
}

#[test]
fn under_concurrent_mprotect_the_address_is_always_base_plus_count() {
    check(Change::Protect);
}

#[test]
fn under_concurrent_munmap_the_address_is_always_base_plus_count() {
    check(Change::Unmap);
}

#[test]
fn pitfall_27_under_concurrent_truncation_the_address_is_always_base_plus_count() {
    check(Change::Truncate);
}
