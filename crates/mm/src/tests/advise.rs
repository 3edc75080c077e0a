//! madvise.

use usermem_types::{Addr, Errno};

use super::rig::{BASE, NONE, R, RW, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

#[test]
fn arguments_are_checked_for_every_advice() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    let advise = |addr: u64, len, advice| rig.mm.madvise(Addr::new(addr), len, advice);
    for advice in [0, 1, 2, 3, 4, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24]
    {
        assert_eq!(advise(BASE + 1, PAGE, advice), Err(Errno::EINVAL));
        assert_eq!(advise(BASE + 1, 0, advice), Err(Errno::EINVAL));
        assert_eq!(advise(BASE, 0, advice), Ok(()));
        assert_eq!(advise(BASE, u64::MAX, advice), Err(Errno::EINVAL));
        assert_eq!(advise(BASE + 4 * PAGE, PAGE, advice), Err(Errno::ENOMEM));
        if advice != 9 {
            assert_eq!(advise(BASE + 2 * PAGE, 3 * PAGE, advice), Err(Errno::ENOMEM), "{advice}");
            assert_eq!(advise(BASE, PAGE, advice), Ok(()), "{advice}");
        }
    }
    for advice in [5, 6, 7, 26, 99, 999, -1, 100] {
        assert_eq!(advise(BASE, 0, advice), Err(Errno::EINVAL));
    }
    assert_eq!(advise(BASE, PAGE, 9), Err(Errno::EINVAL));
    rig.check();
}

#[test]
fn pages_are_dropped_whatever_the_protections() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    rig.store(page(0), &[1; 3 * 4096]).unwrap();
    rig.mm.mprotect(page(1), PAGE, 0).unwrap();
    rig.mm.madvise(page(0), 2 * PAGE, 4).unwrap();
    rig.check();
    rig.mm.mprotect(page(1), PAGE, 1).unwrap();
    assert_eq!((rig.load(page(0)), rig.load(page(1)), rig.load(page(2))), (Ok(0), Ok(0), Ok(1)));
    rig.mm.madvise(page(2), PAGE, 8).unwrap();
    assert_eq!(rig.load(page(2)), Ok(0));
}

#[test]
fn locked_and_other_memory_is_refused() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.mm.mlock(page(0), PAGE, 0).unwrap();
    for (advice, expected) in [
        (4, Err(Errno::EINVAL)),
        (8, Err(Errno::EINVAL)),
        (20, Err(Errno::EINVAL)),
        (24, Ok(())),
        (9, Err(Errno::EINVAL)),
    ] {
        assert_eq!(rig.mm.madvise(page(0), PAGE, advice), expected);
    }
    rig.map_with(1, 1, RW, MmapFlags::SHARED);
    assert_eq!(rig.mm.madvise(page(1), PAGE, 8), Err(Errno::EINVAL));
    assert_eq!(rig.mm.madvise(page(1), PAGE, 18), Err(Errno::EINVAL));
    rig.map(2, 1, NONE);
    assert_eq!(rig.mm.madvise(page(2), PAGE, 22), Err(Errno::EINVAL));
    rig.map(2, 1, R);
    assert_eq!(rig.mm.madvise(page(2), PAGE, 22), Ok(()));
    assert_eq!(rig.mm.madvise(page(2), PAGE, 23), Err(Errno::EINVAL));
    let object = rig.object(PAGE);
    rig.map_object(&object, 3, 2, RW, MmapFlags::SHARED).unwrap();
    assert_eq!(rig.mm.madvise(page(3), 2 * PAGE, 22), Err(Errno::EFAULT));
    rig.check();
}

#[test]
fn advice_that_is_remembered_cuts_and_joins() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    for (set, clear) in [(10, 11), (18, 19), (16, 17), (1, 0), (2, 0), (12, 13)] {
        rig.mm.madvise(page(1), PAGE, set).unwrap();
        assert_eq!(rig.mm.usage().mappings, 3, "{set}");
        rig.mm.madvise(page(1), PAGE, clear).unwrap();
        assert_eq!(rig.mm.usage().mappings, 1, "{clear}");
    }
    rig.check();
}
