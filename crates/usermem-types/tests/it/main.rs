//! The words of application memory against models, and the layout that other layers rely on.

#![expect(clippy::unwrap_used, reason = "what fails here fails a test")]

mod addr;
mod errno;
mod range;
mod seq;
mod words;

use static_assertions::{assert_eq_align, assert_eq_size, assert_impl_all, const_assert};
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AlignedAddr, Errno, Fault, MemoryType, PageSize,
    Partial, Transfer,
};

assert_eq_size!(Addr, u64);
assert_eq_align!(Addr, u64);
assert_eq_size!(AlignedAddr<4>, u64);
assert_eq_size!(AddrRange, [u64; 2]);
assert_eq_size!(AccessType, u8);
assert_eq_size!(Errno, i32);
// A memory type is stored with mappings, as the byte that its value is.
assert_eq_size!(MemoryType, u8);
const_assert!(MemoryType::WriteBack as u8 == 0);
const_assert!(MemoryType::WriteCombine as u8 == 1);
const_assert!(MemoryType::Uncached as u8 == 2);
// Results and sequences go through registers and stacks of the hottest paths.
const_assert!(size_of::<Fault>() <= 16);
const_assert!(size_of::<Partial<Fault>>() <= 24);
const_assert!(size_of::<Transfer>() <= 24);
const_assert!(size_of::<AddrRangeSeq<'static>>() <= 40);
assert_impl_all!(AddrRangeSeq<'static>: Copy, Send, Sync, Default, Eq);
assert_impl_all!(Addr: Copy, Ord, std::hash::Hash, Send, Sync);
assert_impl_all!(Partial<Fault>: Copy, std::error::Error);
const_assert!(usermem_types::MAX_RW_COUNT == 0x7fff_f000);
const_assert!(usermem_types::max_rw_count(PageSize::K16) == 0x7fff_c000);
const_assert!(usermem_types::max_rw_count(PageSize::K64) == 0x7fff_0000);

/// Returns the range `[start, end)`.
#[track_caller]
fn r(start: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
}
