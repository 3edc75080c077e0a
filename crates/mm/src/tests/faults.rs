//! Faults of the program.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use memmap::{AddressSpace, File, FileRange};
use platform::FaultInfo;
use platform::null::NullAddressSpace;
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use super::rig::{NONE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MemoryManager, MmapFlags, MmapRequest, UserFault};

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
    assert_eq!(rig.mm.usage().faults, 0, "little memory is shown at once");
    rig.map(0, 2048, RW);
    for index in 0..2048 {
        rig.store(page(index), b"t").unwrap();
    }
    assert_eq!(rig.mm.usage().faults, 4, "2 MiB each");
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

/// An address space that refuses so many mappings.
#[derive(Debug)]
struct Full {
    inner: NullAddressSpace,
    refusals: AtomicU32,
}

impl AddressSpace for Full {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno> {
        let left = self.refusals.load(Ordering::Relaxed);
        if left > 0 {
            self.refusals.store(left - 1, Ordering::Relaxed);
            return Err(Errno::ENOMEM);
        }
        self.inner.map_file(addr, file, range, access, populate)
    }

    fn unmap(&self, range: AddrRange) {
        self.inner.unmap(range);
    }

    fn user_range(&self) -> AddrRange {
        self.inner.user_range()
    }
}

#[test]
fn a_full_host_address_space_is_emptied_and_filled_again() {
    let space = Full { inner: NullAddressSpace::new(), refusals: AtomicU32::new(0) };
    let space = Arc::new(space);
    let memory = Rig::new().memory;
    let mm = MemoryManager::new(Arc::clone(&space) as _, memory);
    for index in [0, 1024] {
        let len = 1024 * PAGE;
        let request = MmapRequest::anonymous(page(index), len, RW, MmapFlags::FIXED);
        mm.mmap(request).unwrap();
    }
    mm.handle_user_fault(&fault(page(0))).unwrap();
    assert!(space.inner.mapping(page(0)).is_some());
    space.refusals.store(1, Ordering::Relaxed);
    mm.handle_user_fault(&fault(page(1024))).unwrap();
    assert!(space.inner.mapping(page(1024)).is_some());
    assert_eq!(space.inner.mapping(page(0)), None);
    mm.handle_user_fault(&fault(page(0))).unwrap();
    assert!(space.inner.mapping(page(0)).is_some());
    space.refusals.store(2, Ordering::Relaxed);
    let refused = UserFault { signal: 7, code: 2, addr: page(512) };
    assert_eq!(mm.handle_user_fault(&fault(page(512))), Err(refused));
    mm.handle_user_fault(&fault(page(512))).unwrap();
}
