//! Every length before an edge, for every way in which memory can be missing behind it.
//!
//! Contents are compared by the C library, with copies that this crate did not make.

use std::mem::MaybeUninit;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use safecopy::{DstBlock, HostFault, SrcBlock, copy, copy_to_uninit, zero};
use usermem_types::{FaultKind, Partial, Transfer};

use crate::memory::{Beyond, Edge, PAGE, pattern, with_each_back_end};

/// The longest length before an edge.
const LAST: usize = 6000;

/// How far the other side is from a 64-byte boundary, and how far the request goes beyond the edge,
/// so that every size class ends there.
#[cfg(target_arch = "x86_64")]
const SHAPES: [(usize, usize); 8] =
    [(0, 1), (1, 3), (3, 8), (8, 33), (31, 65), (63, 129), (0, 1000), (33, 4096)];
/// Emulated signals are slow.
#[cfg(not(target_arch = "x86_64"))]
const SHAPES: [(usize, usize); 2] = [(0, 4096), (3, 33)];

/// What each back end is put through: 6 primitives × 5 ways × 6001 lengths × the shapes. A number,
/// so that no part of the product can shrink unseen.
#[cfg(target_arch = "x86_64")]
const CASES: usize = 1_440_240;
#[cfg(not(target_arch = "x86_64"))]
const CASES: usize = 360_060;

/// What each back end is put through with an edge on both sides: 4 × 5 ways × 6001 × 3 lengths.
const CASES_OF_BOTH: usize = 360_060;

/// Room around the other side, which must stay as it is.
const MARGIN: usize = 64;

#[derive(Clone, Copy, Debug)]
enum Primitive {
    CopyIn,
    CopyToUninit,
    CopyFrom,
    CopyOut,
    CopyTo,
    Zero,
}

impl Primitive {
    const ALL: [Self; 6] =
        [Self::CopyIn, Self::CopyToUninit, Self::CopyFrom, Self::CopyOut, Self::CopyTo, Self::Zero];

    fn reads_the_edge(self) -> bool {
        matches!(self, Self::CopyIn | Self::CopyToUninit | Self::CopyFrom)
    }
}

#[track_caller]
fn check(result: Transfer<HostFault>, done: usize, kind: FaultKind, addr: usize) {
    assert_eq!(result, Err(Partial::new(done, HostFault { kind, addr })));
}

/// Compares memory with what is expected there; nothing else uses it now.
#[track_caller]
fn compare(actual: *const u8, expected: &[u8]) {
    // SAFETY: every caller passes memory that is mapped, as long as what is expected.
    let difference =
        unsafe { libc::memcmp(actual.cast(), expected.as_ptr().cast(), expected.len()) };
    assert_eq!(difference, 0, "contents differ");
}

/// Memory with an edge, and the other side of the copies.
struct Bench {
    edge: Edge,
    /// What is before the edge.
    model: Vec<u8>,
    /// Foreign memory without an edge near.
    foreign: Edge,
    /// Memory of our own, which only pointers refer to.
    own: *mut [u8; ROOM],
}

const ROOM: usize = LAST + PAGE + 5 * MARGIN;
const UNTOUCHED: [u8; MARGIN] = [0xee; MARGIN];

impl Bench {
    fn new(beyond: Beyond) -> Self {
        let edge = Edge::new(beyond);
        edge.fill(7);
        let foreign = Edge::new(Beyond::NoAccess);
        foreign.protect_beyond(libc::PROT_READ | libc::PROT_WRITE);
        Self {
            edge,
            model: pattern(Edge::GOOD, 7),
            foreign,
            own: Box::into_raw(Box::new([0; ROOM])),
        }
    }

    /// A place for the other side: `shift` bytes from a 64-byte boundary, with a margin before.
    fn other(&self, primitive: Primitive, shift: usize) -> *mut u8 {
        let base = match primitive {
            Primitive::CopyFrom | Primitive::CopyTo => self.foreign.dst(Edge::GOOD, 0).as_ptr(),
            _ => self.own.cast(),
        };
        let margin = base.wrapping_add(MARGIN);
        margin.wrapping_add(margin.align_offset(64) % 64 + shift)
    }

    /// Copies from the edge: `before` bytes can be had.
    fn read(&self, primitive: Primitive, beyond: Beyond, before: usize, shape: (usize, usize)) {
        let (shift, over) = shape;
        let len = before + over;
        let to = self.other(primitive, shift);
        let margins = to.wrapping_sub(MARGIN);
        // SAFETY: the room holds both margins and what is between them.
        unsafe { margins.write_bytes(UNTOUCHED[0], len + 2 * MARGIN) };
        let src = self.edge.src(before, len);
        // SAFETY: no reference to the place lives while the block does.
        let dst = unsafe { DstBlock::from_raw(to, len) };
        let result = if let Primitive::CopyToUninit = primitive {
            // SAFETY: as above; the bytes are our own.
            let own = unsafe { std::slice::from_raw_parts_mut(to.cast::<MaybeUninit<u8>>(), len) };
            copy_to_uninit(own, src).map(|filled| filled.len())
        } else {
            copy(dst, src)
        };
        if beyond == Beyond::ReadOnly {
            assert_eq!(result, Ok(len));
            compare(to.wrapping_add(before), &[0; PAGE][..over]);
        } else {
            check(result, before, beyond.kind(), self.edge.addr());
        }
        compare(to, &self.model[Edge::GOOD - before..]);
        // Between the count and the end anything may have been written, outside nothing.
        compare(margins, &UNTOUCHED);
        compare(to.wrapping_add(len), &UNTOUCHED);
    }

    /// Copies to the edge, or zeroes: `before` bytes can be written.
    fn write(
        &mut self,
        primitive: Primitive,
        beyond: Beyond,
        before: usize,
        shape: (usize, usize),
    ) {
        let (shift, over) = shape;
        let len = before + over;
        let dst = self.edge.dst(before, len);
        let start = Edge::GOOD - before;
        let result = if let Primitive::Zero = primitive {
            let base = self.edge.dst(Edge::GOOD, 0).as_ptr();
            self.model[start..].fill(shift as u8 | 0x80);
            // SAFETY: the pages before the edge are as long as the model.
            unsafe { base.copy_from_nonoverlapping(self.model.as_ptr(), Edge::GOOD) };
            self.model[start..].fill(0);
            zero(dst)
        } else {
            let from = self.other(primitive, shift);
            // What the last case left is nowhere what this one brings.
            let seed = self.model[Edge::GOOD - 1].wrapping_add(91);
            for at in 0..len.div_ceil(8) {
                let word = (at as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ u64::from(seed);
                // SAFETY: the room holds the words.
                unsafe { from.wrapping_add(8 * at).cast::<u64>().write_unaligned(word) };
            }
            // SAFETY: the words were just written, as long as the room before the edge.
            unsafe { from.copy_to_nonoverlapping(self.model[start..].as_mut_ptr(), before) };
            // SAFETY: no reference to the place lives while the block does.
            copy(dst, unsafe { SrcBlock::from_raw(from, len) })
        };
        check(result, before, beyond.kind(), self.edge.addr());
        compare(self.edge.dst(Edge::GOOD, 0).as_ptr(), &self.model);
    }

    /// Checks that nothing arrived beyond the edge.
    fn finish(&self, beyond: Beyond) {
        match beyond {
            Beyond::Nothing => return,
            Beyond::EndOfFile | Beyond::Truncated => self.edge.set_file_len(Edge::GOOD + 2 * PAGE),
            Beyond::NoAccess | Beyond::ReadOnly => self.edge.protect_beyond(libc::PROT_READ),
        }
        compare(self.edge.dst(0, 0).as_ptr(), &[0; 2 * PAGE]);
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        // SAFETY: it came out of a box, and nothing uses it any more.
        drop(unsafe { Box::from_raw(self.own) });
    }
}

/// Runs one primitive against one edge; returns the number of cases.
fn run(primitive: Primitive, beyond: Beyond) -> usize {
    let mut bench = Bench::new(beyond);
    let mut cases = 0;
    for before in 0..=LAST {
        for shape in SHAPES {
            if primitive.reads_the_edge() {
                bench.read(primitive, beyond, before, shape);
            } else {
                bench.write(primitive, beyond, before, shape);
            }
            cases += 1;
        }
    }
    bench.finish(beyond);
    cases
}

/// Runs all jobs, on all cores; returns the sum of the cases.
fn on_all_cores<J: Send>(jobs: Vec<J>, run: impl Fn(J) -> usize + Sync) -> usize {
    let cases = AtomicUsize::new(0);
    let jobs = Mutex::new(jobs);
    let next = || jobs.lock().expect("no job panics under the lock").pop();
    std::thread::scope(|scope| {
        for _ in 0..std::thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                while let Some(job) = next() {
                    cases.fetch_add(run(job), Ordering::Relaxed);
                }
            });
        }
    });
    cases.into_inner()
}

#[test]
fn pitfall_11_every_count_at_an_edge_is_exact() {
    let back_ends = with_each_back_end(|back_end| {
        let jobs = Primitive::ALL.into_iter().flat_map(|primitive| {
            Beyond::UNWRITABLE.into_iter().map(move |beyond| (primitive, beyond))
        });
        let cases = on_all_cores(jobs.collect(), |(primitive, beyond)| run(primitive, beyond));
        println!("{back_end}: {cases} cases");
        assert_eq!(cases, CASES);
    });
    println!("all back ends: {} cases", back_ends * CASES);
}

#[test]
fn when_both_sides_have_an_edge_the_first_one_in_copy_order_counts() {
    fn run((beyond_src, beyond_dst): (Beyond, Beyond)) -> usize {
        let (src, dst) = (Edge::new(beyond_src), Edge::new(beyond_dst));
        src.fill(3);
        let all = pattern(Edge::GOOD, 3);
        let other = pattern(Edge::GOOD, 0xc5);
        let base = dst.dst(Edge::GOOD, 0).as_ptr();
        let mut cases = 0;
        for a in 0..=LAST {
            for (before_src, before_dst) in [(a, a), (a, a + 1), (a + 1 + a % 70, a)] {
                // SAFETY: the pages before the edge are as long as the pattern.
                unsafe { base.copy_from_nonoverlapping(other.as_ptr(), Edge::GOOD) };
                let len = before_src.max(before_dst) + 5;
                let result = copy(dst.dst(before_dst, len), src.src(before_src, len));
                // A byte is read before it is written.
                let (done, kind, addr) = if before_src <= before_dst {
                    (before_src, beyond_src.kind(), src.addr())
                } else {
                    (before_dst, beyond_dst.kind(), dst.addr())
                };
                check(result, done, kind, addr);
                let start = base.wrapping_add(Edge::GOOD - before_dst);
                compare(base, &other[..Edge::GOOD - before_dst]);
                compare(start, &all[Edge::GOOD - before_src..][..done]);
                cases += 1;
            }
        }
        cases
    }
    let back_ends = with_each_back_end(|back_end| {
        let jobs = Beyond::UNREADABLE
            .into_iter()
            .flat_map(|src| Beyond::UNWRITABLE.into_iter().map(move |dst| (src, dst)));
        let cases = on_all_cores(jobs.collect(), run);
        println!("{back_end}: {cases} cases with an edge on both sides");
        assert_eq!(cases, CASES_OF_BOTH);
    });
    println!("all back ends: {} cases", back_ends * CASES_OF_BOTH);
}
