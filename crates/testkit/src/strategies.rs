//! Generators of ranges, layouts and operations.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRange, FaultKind};

use crate::{Area, Layout, Op, SeqStep, Size, Step};

/// What is done to a sequence of ranges.
///
/// ```
/// use proptest::strategy::{Strategy, ValueTree};
/// use proptest::test_runner::TestRunner;
/// use testkit::strategies::seq_ops;
///
/// let ops = seq_ops(64, 3).new_tree(&mut TestRunner::default()).unwrap().current();
/// assert!(ops.len() <= 3);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SeqOp {
    /// [`usermem_types::AddrRangeSeq::drop_first`].
    DropFirst(u64),
    /// [`usermem_types::AddrRangeSeq::take_first`].
    TakeFirst(u64),
    /// [`usermem_types::AddrRangeSeq::tail`].
    Tail,
}

/// Generates addresses: most below `end` and a little above, many of them near the boundary of a
/// page; some at the ends of everything.
pub fn addrs(end: u64) -> impl Strategy<Value = Addr> {
    let near = (0..=end / 4096, 0..140u64)
        .prop_map(move |(page, at)| (page * 4096 + at).saturating_sub(70).min(end + 8));
    prop_oneof![
        8 => 0..=end + 8,
        8 => near,
        1 => Just(u64::MAX),
        1 => u64::MAX - 16..=u64::MAX,
        1 => Just(1 << 63),
        1 => Just(0x8000_0000_0000),
    ]
    .prop_map(Addr::new)
}

/// Generates lists of ranges, many of them empty, that begin at [`addrs`].
pub fn ranges(end: u64, max_len: u64, max_count: usize) -> impl Strategy<Value = Vec<AddrRange>> {
    let len = prop_oneof![1 => Just(0), 3 => 0..=max_len];
    let range = (addrs(end), len).prop_map(|(start, len)| {
        AddrRange::new(start, start.saturating_add(len)).unwrap_or_default()
    });
    vec(range, 0..=max_count)
}

/// Generates operations on a sequence.
pub fn seq_ops(max_bytes: u64, max_count: usize) -> impl Strategy<Value = Vec<SeqOp>> {
    let op = prop_oneof![
        4 => (0..=max_bytes).prop_map(SeqOp::DropFirst),
        1 => Just(SeqOp::DropFirst(0)),
        2 => (0..=max_bytes).prop_map(SeqOp::TakeFirst),
        1 => Just(SeqOp::Tail),
    ];
    vec(op, 0..=max_count)
}

/// Generates layouts of up to `max_count` areas below `end` whose ends are multiples of `granule`.
pub fn layouts(end: u64, granule: u64, max_count: usize) -> impl Strategy<Value = Layout> {
    let granules = end / granule;
    let access = || (0u32..8).prop_map(AccessType::from_prot);
    let fault = prop_oneof![6 => Just(None), 1 => Just(Some(FaultKind::Bus))];
    let area = (0..granules, 1..=granules, access(), access(), fault).prop_map(
        move |(first, count, access, max_access, fault)| {
            let start = Addr::new(first * granule);
            let end = Addr::new((first + count).min(granules) * granule);
            Area {
                range: AddrRange::new(start, end).unwrap_or_default(),
                access,
                max_access: max_access.union(access),
                fault,
            }
        },
    );
    vec(area, 0..=max_count).prop_map(Layout::new)
}

/// Generates operations on memory below `end`, of up to `max_len` bytes each.
pub fn ops(end: u64, max_len: usize, max_count: usize) -> impl Strategy<Value = Vec<(Op, IoOpts)>> {
    let opts = any::<bool>().prop_map(|ignore_permissions| IoOpts { ignore_permissions });
    let op = prop_oneof![io_ops(end, max_len), ext_ops(end, max_len), chains(end, max_len)];
    vec((op, opts), 0..=max_count)
}

/// Generates what [`usermem_io::Io`] itself does.
fn io_ops(end: u64, max_len: usize) -> impl Strategy<Value = Op> {
    let word = move || addrs(end).prop_map(|addr| Addr::new(addr.get() & !3));
    let ranges = move || ranges(end, max_len as u64, 5);
    let small = || 0u32..3;
    prop_oneof![
        (addrs(end), data(max_len)).prop_map(|(addr, data)| Op::CopyOut { addr, data }),
        (addrs(end), 0..=max_len).prop_map(|(addr, len)| Op::CopyIn { addr, len }),
        (addrs(end), 0..=max_len).prop_map(|(addr, len)| Op::ZeroOut { addr, len }),
        (ranges(), data(max_len), any::<bool>())
            .prop_map(|(ranges, data, fails)| { Op::CopyOutFrom { ranges, data, fails } }),
        (ranges(), 0..=max_len, any::<bool>()).prop_map(|(ranges, room, fails)| Op::CopyInTo {
            ranges,
            room,
            fails
        }),
        (word(), small()).prop_map(|(addr, new)| Op::Swap { addr, new }),
        (word(), small(), small()).prop_map(|(addr, old, new)| Op::CompareExchange {
            addr,
            old,
            new
        }),
        word().prop_map(|addr| Op::Load { addr }),
    ]
}

/// Generates what [`usermem_io::IoExt`] does.
fn ext_ops(end: u64, max_len: usize) -> impl Strategy<Value = Op> {
    let ranges = move || ranges(end, max_len as u64, 5);
    prop_oneof![
        (ranges(), data(max_len)).prop_map(|(ranges, data)| Op::CopyOutVec { ranges, data }),
        (ranges(), 0..=max_len).prop_map(|(ranges, len)| Op::CopyInVec { ranges, len }),
        (ranges(), 0..=max_len).prop_map(|(ranges, len)| Op::ZeroOutVec { ranges, len }),
        (addrs(end), 0..=max_len).prop_map(|(addr, max_len)| Op::CopyInString { addr, max_len }),
        (addrs(end), 0..=max_len).prop_map(|(addr, len)| Op::CopyInStringInto { addr, len }),
        (addrs(end), select(&Size::ALL[..]))
            .prop_map(|(addr, size)| Op::CopyInObject { addr, size }),
        (addrs(end), data(max_len)).prop_map(|(addr, data)| Op::CopyOutObject { addr, data }),
        (addrs(end), 0..=max_len / 4).prop_map(|(addr, count)| Op::CopyInArray { addr, count }),
        (addrs(end), 0..=max_len).prop_map(|(addr, len)| Op::CopyInBytes { addr, len }),
        (addrs(end), prop_oneof![0..20u64, 4090..4100u64])
            .prop_map(|(addr, len)| Op::CopyInStruct { addr, len }),
        (addrs(end), 0..20usize, any::<u64>()).prop_map(|(addr, len, value)| Op::CopyOutStruct {
            addr,
            len,
            value
        }),
        (ranges(), 0..4usize).prop_map(|(ranges, count)| Op::CopyInInts { ranges, count }),
    ]
}

/// Generates cursors and sequences that are worked on in steps.
fn chains(end: u64, max_len: usize) -> impl Strategy<Value = Op> {
    let ranges = move || ranges(end, max_len as u64, 5);
    prop_oneof![
        (addrs(end), vec(steps(max_len), 0..4))
            .prop_map(|(addr, steps)| Op::Cursor { addr, steps }),
        (ranges(), vec(steps(max_len), 0..4))
            .prop_map(|(ranges, steps)| Op::SeqCursor { ranges, steps }),
        (ranges(), vec(seq_steps(max_len), 0..5))
            .prop_map(|(ranges, steps)| Op::Seq { ranges, steps }),
    ]
}

fn steps(max_len: usize) -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..=max_len).prop_map(Step::CopyIn),
        data(max_len).prop_map(Step::CopyOut),
        (0..=max_len).prop_map(Step::Read),
        data(max_len).prop_map(Step::Write),
    ]
}

fn seq_steps(max_len: usize) -> impl Strategy<Value = SeqStep> {
    prop_oneof![
        2 => (0..=max_len as u64).prop_map(SeqStep::DropFirst),
        2 => (0..=2 * max_len as u64).prop_map(SeqStep::TakeFirst),
        1 => (0..=max_len).prop_map(SeqStep::CopyIn),
        1 => data(max_len).prop_map(SeqStep::CopyOut),
        1 => (0..=max_len).prop_map(SeqStep::ZeroOut),
        1 => (data(max_len), any::<bool>())
            .prop_map(|(data, fails)| SeqStep::CopyOutFrom { data, fails }),
        1 => (0..=max_len, any::<bool>())
            .prop_map(|(room, fails)| SeqStep::CopyInTo { room, fails }),
    ]
}

/// Generates bytes of all kinds: any, text with numbers in it, and runs without a NUL.
fn data(max_len: usize) -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..=max_len),
        vec(select(&b"0123456789 \t\n+-x"[..]), 0..=max_len),
        vec(1..=255u8, 0..=max_len),
    ]
}
