//! What the compiler can be asked: sizes, and what the types are able to do and unable to do.

use std::iter::FusedIterator;
use std::ops::{Add, AddAssign, BitAnd, Deref, Sub, SubAssign};

use static_assertions::{
    assert_eq_align, assert_eq_size, assert_impl_all, assert_not_impl_any, const_assert,
};
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AddrRangeSeqIter, AlignedAddr, ByteOrder, Errno,
    Fault, FaultKind, Granule, MemoryType, PageSize, Partial, SeqTooLong, Transfer,
};

// Records of the program's memory and of mappings are made of these.
assert_eq_size!(Addr, u64);
assert_eq_align!(Addr, u64);
assert_eq_size!(AlignedAddr<4>, u64);
assert_eq_align!(AlignedAddr<4>, u64);
assert_eq_size!(AddrRange, [u64; 2]);
assert_eq_size!(AccessType, u8);
assert_eq_size!(MemoryType, u8);
assert_eq_size!(Errno, i32);

// These go through the registers and stacks of the hottest paths.
assert_eq_size!(Option<AlignedAddr<4>>, [u64; 2]);
assert_eq_size!(PageSize, u8);
assert_eq_size!(FaultKind, u8);
assert_eq_size!(Fault, [u64; 2]);
assert_eq_size!(Partial<Fault>, [u64; 3]);
assert_eq_size!(Transfer, [u64; 3]);
assert_eq_size!(AddrRangeSeq<'static>, [u64; 4]);
assert_eq_size!(AddrRangeSeqIter<'static>, AddrRangeSeq<'static>);

// The values that are stored.
const_assert!(MemoryType::WriteBack as u8 == 0);
const_assert!(MemoryType::WriteCombine as u8 == 1);
const_assert!(MemoryType::Uncached as u8 == 2);

// Everything is a plain value that any thread may have a copy of.
assert_impl_all!(Addr: Copy, Default, Ord, std::hash::Hash, Send, Sync, Unpin);
assert_impl_all!(AlignedAddr<8>: Copy, Ord, std::hash::Hash, Send, Sync);
assert_impl_all!(AddrRange: Copy, Default, Eq, std::hash::Hash, Send, Sync);
assert_impl_all!(AddrRangeSeq<'static>: Copy, Default, Eq, Send, Sync, IntoIterator);
assert_impl_all!(AddrRangeSeqIter<'static>: Copy, ExactSizeIterator, FusedIterator, Send, Sync);
assert_impl_all!(AccessType: Copy, Default, Eq, std::hash::Hash, Send, Sync);
assert_impl_all!(MemoryType: Copy, Default, Eq, std::hash::Hash, Send, Sync);
assert_impl_all!(ByteOrder: Copy, Eq, Send, Sync);
assert_impl_all!(PageSize: Copy, Ord, std::hash::Hash, Send, Sync, Into<Granule>);
assert_impl_all!(Granule: Copy, Ord, std::hash::Hash, Send, Sync);
assert_impl_all!(Errno: Copy, Eq, std::hash::Hash, Send, Sync, std::error::Error);
assert_impl_all!(Fault: Copy, Eq, std::hash::Hash, Send, Sync, std::error::Error);
assert_impl_all!(SeqTooLong: Copy, Eq, Send, Sync, std::error::Error);
assert_impl_all!(Partial<Fault>: Copy, Eq, Send, Sync, std::error::Error);

// An address takes part in no arithmetic that can overflow …
assert_not_impl_any!(Addr: Add<u64>, Add<usize>, Add<Addr>, AddAssign<u64>, AddAssign<Addr>);
assert_not_impl_any!(Addr: Sub<u64>, Sub<usize>, Sub<Addr>, SubAssign<u64>, BitAnd<u64>);
// … and is no pointer, nor a number that passes for one.
assert_not_impl_any!(Addr: Into<*const u8>, Into<*mut u8>, Into<usize>, Into<u64>);
assert_not_impl_any!(Addr: From<*const u8>, From<*mut u8>, From<usize>, From<u64>);
assert_not_impl_any!(Addr: Deref, AsRef<u8>, AsRef<[u8]>, std::fmt::Pointer);
assert_not_impl_any!(AlignedAddr<4>: Deref, Into<*const u32>, Into<*mut u32>, From<Addr>);
assert_not_impl_any!(AddrRange: AsRef<[u8]>, Into<std::ops::Range<*const u8>>, Iterator);
// `?` cannot turn a partial result into its cause.
assert_not_impl_any!(Partial<Fault>: Into<Fault>, Into<Errno>, Into<std::io::Error>);
assert_not_impl_any!(Fault: Into<Errno>);

#[test]
fn nothing_is_borrowed_longer_than_the_ranges() {
    fn shorter<'short>(
        seq: AddrRangeSeq<'static>,
        other: AddrRangeSeq<'short>,
    ) -> [AddrRangeSeq<'short>; 2] {
        [seq, other]
    }
    let ranges = [AddrRange::default(); 2];
    let [empty, two] = shorter(AddrRangeSeq::default(), AddrRangeSeq::from_slice(&ranges).unwrap());
    assert_eq!((empty.num_ranges(), two.num_ranges()), (0, 2));
}
