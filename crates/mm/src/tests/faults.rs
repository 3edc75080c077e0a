//! Faults of the program.

use platform::FaultInfo;
use usermem_types::Addr;

use super::rig::{NONE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, UserFault};

fn fault(addr: Addr) -> FaultInfo {
    let (pc, sp) = (Addr::new(0x40_0000), Addr::ZERO);
    FaultInfo { addr, denied: false, maybe_execute: false, bus: false, pc, sp }
}

#[test]
fn addresses_outside_of_the_address_space_are_unmapped() {
    let rig = Rig::new();
    let max = rig.mm.layout().max.get();
    for addr in [0, 0xfff, max, 1 << 47, 1 << 63, 0xffff_ffff_ff60_0000, u64::MAX] {
        let addr = Addr::new(addr);
        let expected = UserFault { signal: 11, code: 1, addr };
        for denied in [false, true] {
            assert_eq!(
                rig.mm.handle_user_fault(&FaultInfo { denied, ..fault(addr) }),
                Err(expected)
            );
        }
    }
}

#[test]
fn one_fault_brings_the_neighbourhood() {
    let rig = Rig::new();
    rig.map(0, 100, RW);
    for index in 0..100 {
        rig.store(page(index), b"t").unwrap();
    }
    assert_eq!(rig.mm.usage().faults, 1);
    rig.map(0, 2048, RW);
    for index in 0..2048 {
        rig.store(page(index), b"t").unwrap();
    }
    assert_eq!(rig.mm.usage().faults, 1 + 4, "2 MiB each");
    rig.check();
    let pieces = rig.mm.active.read().pmas.len();
    assert_eq!(pieces, 1, "neighbours have neighbouring pages");
}

#[test]
fn the_signal_says_what_was_wrong() {
    let rig = Rig::new();
    let signal = |fault: UserFault| (fault.signal, fault.code, fault.addr);
    rig.map(0, 1, NONE);
    rig.map(1, 1, R);
    assert_eq!(rig.load(page(0)).map_err(signal), Err((11, 2, page(0))));
    assert_eq!(rig.load(page(2)).map_err(signal), Err((11, 1, page(2))));
    assert_eq!(rig.store(page(1), b"x").map_err(signal), Err((11, 2, page(1))));
    assert_eq!(rig.fetch(page(1)).map_err(signal), Err((11, 2, page(1))));
    assert_eq!(rig.fetch(page(0)).map_err(signal), Err((11, 2, page(0))));
    let bus = FaultInfo { bus: true, ..fault(page(1)) };
    assert_eq!(rig.mm.handle_user_fault(&bus).map_err(signal), Err((7, 2, page(1))));
    rig.check();
}

#[test]
fn what_the_kernel_made_present_is_shown_at_the_first_touch() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.mm.madvise(page(1), PAGE, 23).unwrap();
    assert!(rig.space.mapping(page(1)).is_some());
    rig.store(page(1), b"x").unwrap();
    assert_eq!(rig.mm.usage().faults, 0);
    rig.map_with(8, 4, RW, MmapFlags::PRIVATE | MmapFlags::POPULATE);
    rig.store(page(11), b"x").unwrap();
    assert_eq!(rig.mm.usage().faults, 0);
    rig.check();
}
