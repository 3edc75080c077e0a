//! mlock and its family.

use usermem_types::{Addr, Errno};

use super::rig::{BASE, NONE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, MmapRequest};

#[test]
fn what_is_locked_is_counted_once() {
    let rig = Rig::new();
    rig.map(0, 8, RW);
    rig.mm.mlock(page(0), 4 * PAGE, 0).unwrap();
    rig.mm.mlock(page(2), 4 * PAGE, 1).unwrap();
    assert_eq!(rig.mm.usage().locked_bytes, 6 * PAGE);
    rig.mm.munmap(page(0), PAGE).unwrap();
    rig.map(1, 1, RW);
    assert_eq!(rig.mm.usage().locked_bytes, 4 * PAGE);
    rig.mm.munlock(page(1), 7 * PAGE).unwrap();
    assert_eq!((rig.mm.usage().locked_bytes, rig.shape().as_str()), (0, "1-8:rw-"));
    rig.check();
}

#[test]
fn locking_makes_present_and_lazily_does_not() {
    let rig = Rig::new();
    rig.map(0, 2, R);
    rig.mm.mlock(page(0), PAGE, 1).unwrap();
    assert_eq!(rig.mm.usage().rss_bytes, 0);
    rig.mm.mlock(page(1), PAGE, 0).unwrap();
    rig.load(page(1)).unwrap();
    assert_eq!(rig.mm.usage().faults, 0);
    rig.map(2, 1, NONE);
    assert_eq!(rig.mm.mlock(page(1), 2 * PAGE, 0), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.usage().locked_bytes, 3 * PAGE, "locked all the same");
    rig.check();
}

#[test]
fn arguments_and_limits_are_checked() {
    let rig = Rig::new();
    rig.map(0, 8, RW);
    assert_eq!(rig.mm.mlock(page(0), PAGE, 2), Err(Errno::EINVAL));
    assert_eq!(rig.mm.mlock(page(0), u64::MAX, 0), Ok(()), "the length wraps to nothing");
    assert_eq!(rig.mm.mlock(Addr::new(BASE + 8 * PAGE), 0, 0), Ok(()));
    assert_eq!(rig.mm.mlockall(0), Err(Errno::EINVAL));
    assert_eq!(rig.mm.mlockall(4), Err(Errno::EINVAL));
    assert_eq!(rig.mm.mlockall(9), Err(Errno::EINVAL));
    rig.mm.limits().memlock.set(4 * PAGE);
    assert_eq!(rig.mm.mlock(page(0), 5 * PAGE, 0), Err(Errno::ENOMEM));
    rig.mm.mlock(page(0), 4 * PAGE, 0).unwrap();
    rig.mm.mlock(page(0), 4 * PAGE, 0).unwrap();
    assert_eq!(rig.mm.mlockall(1), Err(Errno::ENOMEM));
    let locked = MmapRequest::anonymous(Addr::ZERO, PAGE, RW, MmapFlags::LOCKED);
    assert_eq!(rig.mm.mmap(locked.clone()), Err(Errno::EAGAIN));
    assert_eq!(rig.mm.mremap(page(0), 4 * PAGE, 20 * PAGE, 1, page(0)), Err(Errno::EAGAIN));
    rig.mm.limits().memlock.set(0);
    assert_eq!(rig.mm.mlock(page(0), 0, 0), Err(Errno::EPERM));
    assert_eq!(rig.mm.mmap(locked), Err(Errno::EPERM));
    assert_eq!(rig.mm.munlock(page(0), PAGE), Ok(()));
    rig.check();
}

#[test]
fn future_mappings_are_locked() {
    let rig = Rig::new();
    rig.mm.mlockall(2).unwrap();
    rig.map(0, 2, RW);
    rig.store(page(1), b"x").unwrap();
    assert_eq!((rig.mm.usage().locked_bytes, rig.mm.usage().faults), (2 * PAGE, 0));
    rig.mm.munlockall();
    rig.map(4, 2, RW);
    assert_eq!(rig.mm.usage().locked_bytes, 0);
    rig.check();
}
