//! Limits and what counts against them.

use usermem_types::{Addr, Errno};

use super::rig::{NONE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, MmapRequest};

fn anywhere(rig: &Rig, pages: u64, flags: MmapFlags) -> Result<Addr, Errno> {
    rig.mm.mmap(MmapRequest::anonymous(Addr::ZERO, pages * PAGE, RW, flags))
}

#[test]
fn usage_follows_the_mappings() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    assert_eq!((rig.mm.usage().vm_bytes, rig.mm.usage().data_bytes), (3 * PAGE, 3 * PAGE));
    rig.mm.munmap(page(0), PAGE).unwrap();
    rig.mm.mprotect(page(1), PAGE, 1).unwrap();
    assert_eq!((rig.mm.usage().vm_bytes, rig.mm.usage().data_bytes), (2 * PAGE, PAGE));
    rig.mm.mremap(page(2), PAGE, 2 * PAGE, 1, page(0)).unwrap();
    assert_eq!((rig.mm.usage().vm_bytes, rig.mm.usage().data_bytes), (3 * PAGE, 2 * PAGE));
    rig.check();
}

#[test]
fn the_address_space_is_limited() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.mm.limits().address_space.set(6 * PAGE);
    assert_eq!(anywhere(&rig, 3, MmapFlags::empty()), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.mremap(page(0), 4 * PAGE, 7 * PAGE, 1, page(0)), Err(Errno::ENOMEM));
    rig.map(2, 4, R);
    rig.map(0, 6, RW);
    assert_eq!(anywhere(&rig, 1, MmapFlags::empty()), Err(Errno::ENOMEM));
    rig.check();
}

#[test]
fn data_is_limited() {
    let rig = Rig::new();
    rig.mm.set_brk_base(page(100)).unwrap();
    rig.map(0, 2, R);
    rig.mm.limits().data.set(PAGE);
    assert_eq!(anywhere(&rig, 2, MmapFlags::empty()), Err(Errno::ENOMEM));
    assert!(anywhere(&rig, 1, MmapFlags::empty()).is_ok());
    assert_eq!(rig.mm.mprotect(page(0), 2 * PAGE, 3), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.brk(page(101)), page(100));
    rig.mm.limits().data.set(0);
    assert_eq!(rig.mm.brk(page(101)), page(100));
    rig.check();
}

#[test]
fn committed_memory_is_limited_at_the_call() {
    let rig = Rig::with_limit(Some(16 * PAGE));
    rig.mm.set_brk_base(page(1000)).unwrap();
    assert_eq!(anywhere(&rig, 17, MmapFlags::empty()), Err(Errno::ENOMEM));
    rig.map(0, 10, RW);
    assert_eq!(rig.memory.charged_bytes(), 10 * PAGE);
    // Replacing counts once, and what cannot be written does not count.
    rig.map(0, 10, RW);
    rig.map(20, 100, NONE);
    // Asking not to be counted does not help.
    assert_eq!(anywhere(&rig, 7, MmapFlags::NORESERVE), Err(Errno::ENOMEM));
    assert_eq!(rig.memory.charged_bytes(), 10 * PAGE);
    assert_eq!(rig.mm.mprotect(page(20), 7 * PAGE, 3), Err(Errno::ENOMEM));
    rig.mm.mprotect(page(20), 3 * PAGE, 3).unwrap();
    assert_eq!(rig.mm.brk(page(1004)), page(1000));
    assert_eq!(rig.mm.brk(page(1002)), page(1002));
    assert_eq!(rig.memory.charged_bytes(), 15 * PAGE);
    let shared = |pages| MmapRequest {
        flags: MmapFlags::SHARED | MmapFlags::ANONYMOUS,
        ..MmapRequest::anonymous(Addr::ZERO, pages * PAGE, R, MmapFlags::empty())
    };
    assert_eq!(rig.mm.mmap(shared(2)), Err(Errno::ENOMEM));
    let at = rig.mm.mmap(shared(1)).unwrap();
    assert_eq!(rig.mm.mremap(page(1001), PAGE, 2 * PAGE, 1, page(0)), Err(Errno::ENOMEM));
    assert!(rig.mm.mremap(page(1001), PAGE, PAGE, 3, page(600)).is_ok());
    // All that was granted can be written, whatever was refused.
    rig.store(page(0), &[1; 10 * 4096]).unwrap();
    assert_eq!(rig.load(at), Ok(0));
    rig.check();
    rig.mm.munmap(page(0), 2000 * PAGE).unwrap();
    rig.mm.munmap(at, PAGE).unwrap();
    assert_eq!(rig.memory.charged_bytes(), 0);
    rig.check();
}

#[test]
fn there_is_a_limit_on_the_number_of_mappings() {
    let rig = Rig::new();
    rig.map(0, 65536 * 2, RW);
    let mut cuts = 0;
    while rig.mm.mprotect(page(2 * cuts + 1), PAGE, 1).is_ok() {
        cuts += 1;
    }
    assert_eq!(rig.mm.usage().mappings, 65529);
    assert_eq!(rig.mm.munmap(page(100_001), PAGE), Ok(()), "the last one");
    assert_eq!(rig.mm.munmap(page(100_005), PAGE), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.madvise(page(100_005), PAGE, 10), Err(Errno::EAGAIN));
    assert_eq!(rig.mm.mlock(page(100_005), PAGE, 0), Err(Errno::ENOMEM));
    rig.mm.mapping.read().check();
}
