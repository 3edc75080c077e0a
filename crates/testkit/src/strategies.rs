//! Generators of ranges, layouts and operations.

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use usermem_io::IoOpts;
use usermem_types::{AccessType, Addr, AddrRange, FaultKind};

use crate::{Area, Layout, Op};

/// What is done to a sequence of ranges.
///
/// ```
/// use proptest::prelude::*;
/// use testkit::strategies::{SeqOp, seq_ops};
///
/// proptest!(|(ops in seq_ops(7, 4))| {
///     assert!(ops.iter().all(|op| !matches!(op, SeqOp::DropFirst(8..) | SeqOp::TakeFirst(8..))));
/// });
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

/// Generates addresses: most below `end` and a little above, some at the ends of everything.
pub fn addrs(end: u64) -> impl Strategy<Value = Addr> {
    prop_oneof![
        16 => 0..=end + 8,
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
    let addr = move || addrs(end);
    let word = move || addr().prop_map(|addr| Addr::new(addr.get() & !3));
    let data = move || vec(any::<u8>(), 0..=max_len);
    let len = move || 0..=max_len;
    let ranges = move || ranges(end, max_len as u64, 5);
    let small = || 0u32..3;
    let op = prop_oneof![
        (addr(), data()).prop_map(|(addr, data)| Op::CopyOut { addr, data }),
        (addr(), len()).prop_map(|(addr, len)| Op::CopyIn { addr, len }),
        (addr(), len()).prop_map(|(addr, len)| Op::ZeroOut { addr, len }),
        (ranges(), data(), any::<bool>()).prop_map(|(ranges, data, fails)| Op::CopyOutFrom {
            ranges,
            data,
            fails
        }),
        (ranges(), len(), any::<bool>()).prop_map(|(ranges, room, fails)| Op::CopyInTo {
            ranges,
            room,
            fails
        }),
        (ranges(), data()).prop_map(|(ranges, data)| Op::CopyOutVec { ranges, data }),
        (ranges(), len()).prop_map(|(ranges, len)| Op::CopyInVec { ranges, len }),
        (ranges(), len()).prop_map(|(ranges, len)| Op::ZeroOutVec { ranges, len }),
        (addr(), len()).prop_map(|(addr, max_len)| Op::CopyInString { addr, max_len }),
        (word(), small()).prop_map(|(addr, new)| Op::Swap { addr, new }),
        (word(), small(), small()).prop_map(|(addr, old, new)| Op::CompareExchange {
            addr,
            old,
            new
        }),
        word().prop_map(|addr| Op::Load { addr }),
    ];
    let opts = any::<bool>().prop_map(|ignore_permissions| IoOpts { ignore_permissions });
    vec((op, opts), 0..=max_count)
}
