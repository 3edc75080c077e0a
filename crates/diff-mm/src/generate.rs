//! Making scripts up.
//!
//! Addresses crowd in a few pages so that steps meet each other's mappings; now and then they are
//! far away, unaligned or absurd.

use proptest::prelude::*;
use proptest::sample::select;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::files::BYTES;
use crate::op::{Arg, Op};
use crate::script::{Script, Step};
use crate::window::{HEAP, PAGE, WINDOW};
use crate::words;

/// Lengths whose end lies beyond every address.
const OVERFLOWING: [u64; 3] = [u64::MAX, u64::MAX - 0xfff, 0xffff_ffff_f000_0000];

/// `MAP_FIXED`.
const FIXED: u64 = 0x10;
/// `MAP_ANONYMOUS`.
const ANONYMOUS: u64 = 0x20;

/// Makes scripts up, the same ones for the same seed.
#[derive(Debug)]
pub struct Generator {
    runner: TestRunner,
    steps: BoxedStrategy<Vec<Step>>,
}

impl Generator {
    /// Creates the generator of scripts of so many steps.
    #[must_use]
    pub fn new(seed: u64, steps: usize) -> Self {
        let mut bytes = [0; 32];
        bytes[..8].copy_from_slice(&seed.to_le_bytes());
        let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
        let runner = TestRunner::new_with_rng(Config::default(), rng);
        Self { runner, steps: prop::collection::vec(step(), steps).boxed() }
    }

    /// Makes up the next script.
    ///
    /// # Panics
    /// Never: nothing that is made up is rejected.
    pub fn script(&mut self) -> Script {
        let tree = self.steps.new_tree(&mut self.runner);
        Script(tree.expect("our own invariant: nothing is rejected").current())
    }
}

fn step() -> impl Strategy<Value = Step> {
    let weights = Op::ALL.iter().map(|op| (weight(*op), step_of(*op)));
    prop::strategy::Union::new_weighted(weights.collect())
}

fn weight(op: Op) -> u32 {
    match op {
        Op::Mmap => 30,
        Op::Store => 18,
        Op::Mprotect => 14,
        Op::Mremap | Op::Madvise => 12,
        Op::Munmap | Op::Load => 6,
        Op::Fetch | Op::Read | Op::Write | Op::Mlock => 4,
        Op::Mlock2 | Op::Munlock | Op::Msync | Op::Brk | Op::Pwrite | Op::Truncate => 3,
        Op::Mincore => 5,
        Op::Pread => 2,
        Op::Fork | Op::Exit | Op::Witness => 2,
        Op::Mlockall | Op::Munlockall | Op::Memlock | Op::Mseal => 1,
        Op::LimitAs | Op::LimitData | Op::LimitStack => 1,
    }
}

/// Makes up a step of one kind.
fn step_of(op: Op) -> BoxedStrategy<Step> {
    match op {
        Op::Mmap => mmap().boxed(),
        Op::Mremap => mremap().boxed(),
        Op::Madvise => (page(), small_len(), advice())
            .prop_map(move |(addr, len, advice)| Step::new(op, &[addr, len, advice]))
            .boxed(),
        Op::Brk => {
            let near = (0..20u64, 0..3u64).prop_map(|(page, byte)| HEAP + page * PAGE + byte);
            let end = prop_oneof![12 => near, 1 => Just(0), 1 => Just(HEAP - 1)];
            end.prop_map(move |end| Step::new(op, &[end])).boxed()
        }
        Op::LimitAs | Op::LimitData => {
            let limit = select(vec![8 * PAGE, 20 * PAGE, 50 * PAGE, u64::MAX, u64::MAX]);
            limit.prop_map(move |limit| Step::new(op, &[limit])).boxed()
        }
        Op::LimitStack => select(vec![4 * PAGE, 40 * PAGE, 8 << 20, 8 << 20])
            .prop_map(move |limit| Step::new(op, &[limit]))
            .boxed(),
        Op::Memlock => select(vec![0, 8 * PAGE, 40 * PAGE, u64::MAX, u64::MAX])
            .prop_map(move |limit| Step::new(op, &[limit]))
            .boxed(),
        Op::Mseal => (page(), small_len(), prop_oneof![9 => Just(0u64), 1 => Just(1)])
            .prop_map(move |(addr, len, flags)| Step::new(op, &[addr, len, flags]))
            .boxed(),
        Op::Truncate | Op::Pwrite | Op::Pread => {
            let at = prop_oneof![0..6 * PAGE, (0..6u64).prop_map(|page| page * PAGE)];
            (prop_oneof![8 => 1..3u64, 1 => Just(3)], at, byte())
                .prop_map(move |(file, at, byte)| {
                    let args = [file, at, byte];
                    Step::new(op, &args[..op.args().len()])
                })
                .boxed()
        }
        Op::Load | Op::Store | Op::Fetch => {
            let odd = select(vec![0, 0, 0, 1, 100, 4000]);
            let place = (page(), odd).prop_map(|(page, odd)| page + odd);
            let far = select(vec![0, 8, 0x7fff_ffff_f000]);
            let addr = if op == Op::Store {
                place.boxed()
            } else {
                prop_oneof![40 => place, 1 => far].boxed()
            };
            (addr, byte())
                .prop_map(move |(addr, byte)| Step::new(op, &[addr, byte][..op.args().len()]))
                .boxed()
        }
        Op::Read | Op::Write => {
            let odd = select(vec![0, 0, 1, 100, 4000, 4095]);
            let len = prop_oneof![0..100u64, 0..9000u64, Just(PAGE), Just(0)];
            let far = select(vec![0, 0x7fff_ffff_f000, 0xffff_8000_0000_0000]);
            let addr = prop_oneof![
                30 => (page(), odd).prop_map(|(page, odd)| page + odd),
                1 => far,
            ];
            (addr, len).prop_map(move |(addr, len)| Step::new(op, &[addr, len])).boxed()
        }
        _ => op
            .args()
            .iter()
            .map(|arg| argument(*arg))
            .collect::<Vec<_>>()
            .prop_map(move |args| Step::new(op, &args))
            .boxed(),
    }
}

fn argument(arg: Arg) -> BoxedStrategy<u64> {
    match arg {
        Arg::Addr => addr().boxed(),
        Arg::Len => len().boxed(),
        Arg::Prot => prot().boxed(),
        Arg::File => (1..4u64).boxed(),
        Arg::Byte => byte().boxed(),
        Arg::Bits(words) | Arg::Number(words) => {
            let known = select(words.iter().map(|(_, bits)| *bits).collect::<Vec<_>>());
            let several = (known.clone(), known.clone()).prop_map(|(one, other)| one | other);
            prop_oneof![4 => known, 2 => several, 1 => Just(0), 1 => Just(0x80)].boxed()
        }
    }
}

fn page() -> impl Strategy<Value = u64> {
    let page = prop_oneof![
        24 => 0..16u64,
        3 => 300..308u64,
        2 => 600..604u64,
        1 => 700..706u64,
        // Where the kernel finds places.
        5 => 1008..1024u64,
    ];
    page.prop_map(|page| WINDOW + page * PAGE)
}

fn addr() -> impl Strategy<Value = u64> {
    let far = select(vec![1 << 47, 0x7fff_ffff_f000, 0xffff_8000_0000_0000, !0xfff]);
    prop_oneof![
        60 => page(),
        2 => page().prop_map(|addr| addr + 1),
        1 => far,
    ]
}

/// From zero on, an absurd length reaches the host's own image: for calls that look at one place.
fn addr_or_zero() -> impl Strategy<Value = u64> {
    prop_oneof![60 => addr(), 1 => Just(0)]
}

/// A length that reaches beyond the window only where no call goes on through holes.
fn small_len() -> impl Strategy<Value = u64> {
    let pages = select(vec![1, 1, 1, 1, 2, 2, 2, 2, 3, 3, 3, 4, 4, 5, 8, 16, 16, 300, 300, 512]);
    prop_oneof![
        30 => pages.prop_map(|pages| pages * PAGE),
        3 => (0..5u64, 1..PAGE).prop_map(|(pages, bytes)| pages * PAGE + bytes),
        1 => Just(0),
        1 => select(OVERFLOWING.to_vec()),
    ]
}

fn len() -> impl Strategy<Value = u64> {
    small_len()
}

fn long_len() -> impl Strategy<Value = u64> {
    prop_oneof![40 => small_len(), 1 => Just(1 << 47), 1 => Just(1 << 63)]
}

fn prot() -> impl Strategy<Value = u64> {
    prop_oneof![
        10 => Just(3u64),
        4 => Just(1),
        3 => Just(0),
        2 => Just(7),
        2 => Just(5),
        1 => Just(2),
        1 => Just(4),
        1 => select(vec![8, 0x10, 0x100_0003, 0x200_0003, 0x300_0003, 0x100_0001, 11]),
    ]
}

fn byte() -> impl Strategy<Value = u64> {
    select(BYTES.iter().map(|byte| u64::from(*byte)).collect::<Vec<_>>())
}

fn advice() -> impl Strategy<Value = u64> {
    let known = words::MADV.iter().map(|(_, advice)| *advice);
    // What is collapsed, is when the host can.
    let known: Vec<u64> = known.filter(|advice| *advice != 25).collect();
    prop_oneof![20 => select(known), 6 => Just(4u64), 2 => Just(8), 1 => Just(99)]
}

fn mmap() -> impl Strategy<Value = Step> {
    let place = prop_oneof![
        16 => Just(FIXED),
        3 => Just(0x10_0000u64),
        1 => Just(0x10_0010),
        5 => Just(0),
        1 => Just(0x40),
    ];
    let kind = prop_oneof![10 => Just(2u64), 5 => Just(1), 1 => Just(3), 1 => select(vec![0, 4])];
    let extra = prop_oneof![
        20 => Just(0u64),
        3 => Just(0x100),
        1 => Just(0x2000),
        2 => Just(0x4000),
        2 => Just(0x8000),
        2 => select(vec![0x800, 0x1000, 0x1_8000, 0x2_0000, 0x4_0000, 0x8_0000, 0x20_0000, 0x2_0100]),
    ];
    let file = prop_oneof![8 => Just(0u64), 3 => Just(1), 2 => Just(2), 2 => Just(3)];
    let offset = prop_oneof![
        6 => Just(0u64),
        6 => (0..5u64).prop_map(|page| page * PAGE),
        1 => select(vec![1, 1 << 63, !0xfff, (1 << 63) - PAGE]),
    ];
    let hint = prop_oneof![1 => addr(), 2 => Just(0)];
    let addrs = (addr_or_zero(), hint);
    (addrs, long_len(), prot(), place, kind, extra, file, offset).prop_map(
        |((addr, hint), len, prot, place, kind, extra, file, offset)| {
            let addr = if place & 0x10_0010 == 0 { hint } else { addr };
            let anonymous = if file == 0 { ANONYMOUS } else { 0 };
            let flags = place | kind | extra | anonymous;
            Step::new(Op::Mmap, &[addr, len, prot, flags, file, offset])
        },
    )
}

fn mremap() -> impl Strategy<Value = Step> {
    let flags = prop_oneof![
        4 => Just(3u64),
        3 => Just(1),
        2 => Just(0),
        2 => Just(7),
        1 => Just(5),
        1 => select(vec![2, 4, 6, 8]),
    ];
    let lens = prop_oneof![
        1 => small_len().prop_map(|len| (len, len)),
        2 => (long_len(), long_len()),
    ];
    (addr(), lens, flags, addr_or_zero()).prop_map(|(addr, (old, new), flags, to)| {
        Step::new(Op::Mremap, &[addr, old, new, flags, to])
    })
}
