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
fn the_peak_of_mappings_stays() {
    let rig = Rig::new();
    let usage = || (rig.mm.usage().vm_bytes / PAGE, rig.mm.usage().peak_vm_bytes / PAGE);
    rig.map(0, 5, RW);
    assert_eq!(usage(), (5, 5));
    rig.mm.munmap(page(1), 3 * PAGE).unwrap();
    assert_eq!(usage(), (2, 5));
    rig.map(1, 2, RW);
    assert_eq!(usage(), (4, 5));
    rig.map(0, 3, R);
    assert_eq!(usage(), (4, 5), "what is replaced goes first");
    rig.mm.mremap(page(0), 3 * PAGE, 3 * PAGE, 3, page(20)).unwrap();
    assert_eq!(usage(), (4, 5), "what moves is there once");
    rig.mm.mremap(page(20), 3 * PAGE, 6 * PAGE, 3, page(40)).unwrap();
    assert_eq!(usage(), (7, 7));
    rig.mm.munmap(page(0), 100 * PAGE).unwrap();
    assert_eq!(usage(), (0, 7));
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

/// What is done at the limit to 64 pages, alone at the start of the window, and whether Linux 6.18
/// does it with so many mappings, from two below the limit to one above.
struct AtLimit {
    name: &'static str,
    call: fn(&Rig) -> Result<(), Errno>,
    /// How many mappings more there are then, or the error.
    answers: [Result<isize, Errno>; 4],
}

fn over(rig: &Rig, index: u64, pages: u64) -> Result<(), Errno> {
    let flags = MmapFlags::FIXED;
    rig.mm.mmap(MmapRequest::anonymous(page(index), pages * PAGE, R, flags)).map(drop)
}

const MIDDLE: u64 = 8;
const LAST: u64 = 63;
const NO_ROOM: Result<isize, Errno> = Err(Errno::ENOMEM);
const AGAIN: Result<isize, Errno> = Err(Errno::EAGAIN);
const DONTFORK: i32 = 10;

const AT_LIMIT: &[AtLimit] = &[
    AtLimit {
        name: "mmap",
        call: |rig| over(rig, 100, 1),
        answers: [Ok(1), Ok(1), Ok(1), NO_ROOM],
    },
    AtLimit {
        name: "mmap over the middle",
        call: |rig| over(rig, MIDDLE, 1),
        answers: [Ok(2), Ok(2), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "mmap over the end",
        call: |rig| over(rig, LAST, 1),
        answers: [Ok(1), Ok(1), Ok(1), NO_ROOM],
    },
    AtLimit {
        name: "mmap over the start",
        call: |rig| over(rig, 0, 1),
        answers: [Ok(1), Ok(1), Ok(1), NO_ROOM],
    },
    AtLimit {
        name: "munmap in the middle",
        call: |rig| rig.mm.munmap(page(MIDDLE), PAGE),
        answers: [Ok(1), Ok(1), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "munmap at the end",
        call: |rig| rig.mm.munmap(page(LAST), PAGE),
        answers: [Ok(0), Ok(0), Ok(0), Ok(0)],
    },
    AtLimit {
        name: "mprotect in the middle",
        call: |rig| rig.mm.mprotect(page(MIDDLE), PAGE, 1),
        answers: [Ok(2), NO_ROOM, NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "mprotect at the end",
        call: |rig| rig.mm.mprotect(page(LAST), PAGE, 1),
        answers: [Ok(1), Ok(1), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "mprotect at the start",
        call: |rig| rig.mm.mprotect(page(0), PAGE, 1),
        answers: [Ok(1), Ok(1), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "madvise in the middle",
        call: |rig| rig.mm.madvise(page(MIDDLE), PAGE, DONTFORK),
        answers: [Ok(2), AGAIN, AGAIN, AGAIN],
    },
    AtLimit {
        name: "madvise at the end",
        call: |rig| rig.mm.madvise(page(LAST), PAGE, DONTFORK),
        answers: [Ok(1), Ok(1), AGAIN, AGAIN],
    },
    AtLimit {
        name: "mlock in the middle",
        call: |rig| rig.mm.mlock(page(MIDDLE), PAGE, 0),
        answers: [Ok(2), NO_ROOM, NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "mlock at the end",
        call: |rig| rig.mm.mlock(page(LAST), PAGE, 0),
        answers: [Ok(1), Ok(1), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "guards need no mapping",
        call: |rig| rig.mm.madvise(page(MIDDLE), PAGE, 102),
        answers: [Ok(0), Ok(0), Ok(0), Ok(0)],
    },
    AtLimit {
        name: "mremap that shrinks the middle",
        call: |rig| rig.mm.mremap(page(0), 32 * PAGE, 31 * PAGE, 0, Addr::ZERO).map(drop),
        answers: [Ok(1), Ok(1), NO_ROOM, NO_ROOM],
    },
    AtLimit {
        name: "mremap that shrinks the end",
        call: |rig| rig.mm.mremap(page(0), 64 * PAGE, 63 * PAGE, 0, Addr::ZERO).map(drop),
        answers: [Ok(0), Ok(0), Ok(0), Ok(0)],
    },
    AtLimit {
        name: "mremap to a place",
        call: |rig| {
            let (len, flags) = (64 * PAGE, 3);
            rig.mm.mremap(page(0), len, len, flags, page(200)).map(drop)
        },
        answers: [NO_ROOM, NO_ROOM, NO_ROOM, NO_ROOM],
    },
];

#[test]
fn calls_at_the_limit_of_mappings_answer_as_linux() {
    const MAX: usize = 65530;
    let rig = Rig::new();
    let count = || rig.mm.mapping.read().vmas.len();
    // Single pages, far above.
    let filler = |index: usize| page(1000 + 2 * index as u64);
    let mut fillers = 0;
    for (step, mappings) in (MAX - 2..=MAX + 1).enumerate() {
        for case in AT_LIMIT {
            // One mapping of 64 pages, and others up to the number that is wanted.
            rig.mm.munmap(page(0), 1000 * PAGE).unwrap();
            while count() > mappings - 1 {
                fillers -= 1;
                rig.mm.munmap(filler(fillers), PAGE).unwrap();
            }
            rig.map(0, 64, RW);
            while count() < mappings {
                let flags = MmapFlags::FIXED;
                let filled = MmapRequest::anonymous(filler(fillers), PAGE, NONE, flags);
                rig.mm.mmap(filled).unwrap();
                fillers += 1;
            }
            let before = count();
            let answer = (case.call)(&rig);
            let after = count();
            let difference = after as isize - before as isize;
            assert_eq!(
                answer.map(|()| difference),
                case.answers[step],
                "{}, {mappings}",
                case.name
            );
            if answer.is_err() {
                assert_eq!(difference, 0, "{}, {mappings}", case.name);
            }
        }
    }
    rig.mm.mapping.read().check();
}

/// What becomes a part of its neighbour needs no mapping of its own.
#[test]
fn at_the_limit_boundaries_may_still_move() {
    let rig = Rig::new();
    rig.map(0, 65536 * 2, RW);
    let mut cuts = 0;
    while rig.mm.mprotect(page(3 * cuts + 1), PAGE, 1).is_ok() {
        cuts += 1;
    }
    rig.mm.munmap(page(120_000), PAGE).unwrap();
    assert_eq!(rig.mm.usage().mappings, 65530);
    // Between two read-only pages lie two others.
    assert_eq!(rig.mm.mprotect(page(2), PAGE, 1), Ok(()), "joins the page below");
    assert_eq!(rig.mm.mprotect(page(6), PAGE, 1), Ok(()), "joins the page above");
    assert_eq!(rig.mm.usage().mappings, 65530);
    assert_eq!(rig.mm.mprotect(page(8), PAGE, 0), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.mprotect(page(8), 2 * PAGE, 1), Ok(()), "joins both");
    assert_eq!(rig.mm.usage().mappings, 65528);
    rig.mm.mapping.read().check();
}
