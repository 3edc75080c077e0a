//! Addresses that no mapping can have.

use safecopy::{DstBlock, HostFault, SrcBlock, atomic, copy, zero};
use usermem_types::{FaultKind, Partial, Transfer};

const SIZES: [usize; 12] = [1, 2, 3, 4, 7, 8, 16, 33, 64, 65, 300, 5000];

fn src<'a>(addr: usize, len: usize) -> SrcBlock<'a> {
    // SAFETY: no Rust object can be there.
    unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(addr), len) }
}

fn dst<'a>(addr: usize, len: usize) -> DstBlock<'a> {
    // SAFETY: no Rust object can be there.
    unsafe { DstBlock::from_raw(std::ptr::without_provenance_mut(addr), len) }
}

#[track_caller]
fn check(addr: usize) {
    safecopy::init().expect("the handler can be installed");
    let fault = HostFault { kind: FaultKind::Unmapped, addr };
    let nothing: Transfer<HostFault> = Err(Partial::new(0, fault));
    let mut buffer = [0xee; 5000];
    for len in SIZES {
        let own = DstBlock::from_slice(&mut buffer);
        assert_eq!(copy(own, src(addr, len)), nothing, "{len} from {addr:#x}");
        assert!(buffer.iter().all(|&byte| byte == 0xee));
        let own = SrcBlock::from_slice(&buffer);
        assert_eq!(copy(dst(addr, len), own), nothing, "{len} to {addr:#x}");
        assert_eq!(zero(dst(addr, len)), nothing, "{len} at {addr:#x}");
        // Both sides are bad: a byte is read before it is written.
        let other = Err(Partial::new(0, HostFault { addr: 0x40, ..fault }));
        assert_eq!(copy(dst(addr, len), src(0x40, len)), other);
        assert_eq!(copy(dst(0x40, len), src(addr, len)), nothing);
    }
    if addr.is_multiple_of(4) {
        assert_eq!(atomic::load::<u32>(src(addr, 4)), Err(fault));
        assert_eq!(atomic::swap::<u32>(dst(addr, 4), 1), Err(fault));
        assert_eq!(atomic::compare_exchange::<u32>(dst(addr, 4), 0, 1), Err(fault));
    }
}

#[test]
fn null() {
    check(0);
    check(1);
}

#[test]
fn pitfall_03_non_canonical_address() {
    for addr in [0x8000_0000_0000, 0x8000_0000_0001, 1 << 62, 0xffff_7fff_0000_0000] {
        check(addr);
    }
}

#[test]
fn kernel_half() {
    check(0xffff_8000_0000_1000);
    check(0xffff_ffff_8000_0003);
}

#[test]
fn a_block_may_end_at_the_top_of_the_address_space() {
    let addr = usize::MAX - 10;
    safecopy::init().expect("the handler can be installed");
    let fault = HostFault { kind: FaultKind::Unmapped, addr };
    assert_eq!(
        copy(DstBlock::from_slice(&mut [0; 16]), src(addr, 10)),
        Err(Partial::new(0, fault))
    );
}

#[test]
fn no_bytes_are_copied_from_anywhere() {
    for addr in [0, 1 << 62, usize::MAX] {
        assert_eq!(copy(dst(addr, 0), src(addr, 0)), Ok(0));
        assert_eq!(zero(dst(addr, 0)), Ok(0));
    }
}
