//! `mincore`: which pages are present.

use memfile::SharedMemory;
use memmap::MappedObject;
use mm::{MmapFlags, MmapRequest};
use usermem_types::{AccessType, Addr};

use crate::machine::Machine;
use crate::objects::Object;
use crate::rig::{NONE, PAGE, R, RW, Rig, page};

const POPULATE_READ: i32 = 22;
const POPULATE_WRITE: i32 = 23;
const DONTNEED: i32 = 4;

/// Returns the numbers of the pages that are present, of so many.
pub(super) fn present<M>(rig: &Rig<M>, start: u64, count: u64) -> Vec<u64> {
    let pieces = rig.mm.mincore(page(start), count * PAGE).unwrap().map(Result::unwrap);
    let pages: Vec<u8> = pieces.flatten().collect();
    assert_eq!(pages.len() as u64, count);
    assert!(pages.iter().all(|page| *page <= 1), "{pages:?}");
    (start..).zip(pages).filter(|(_, present)| *present == 1).map(|(page, _)| page).collect()
}

pub(super) fn map_shared<M>(rig: &Rig<M>, object: MappedObject, start: u64, count: u64) {
    let request = MmapRequest {
        addr: page(start),
        len: count * PAGE,
        access: RW,
        max_access: AccessType::ALL,
        flags: MmapFlags::SHARED | MmapFlags::FIXED,
        offset: 0,
        object: Some(object),
    };
    rig.mm.mmap(request).unwrap();
}

pub(super) fn pages_are_present_once_they_are_touched<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 600, RW);
    assert_eq!(present(&rig, 0, 600), []);
    rig.store(page(3), 1).unwrap();
    rig.load(page(5)).unwrap();
    rig.poke(page(7), 1).unwrap();
    rig.peek(page(9)).unwrap();
    rig.load(page(599)).unwrap();
    assert_eq!(present(&rig, 0, 600), [3, 5, 7, 9, 599]);
    rig.protect(5, 1, NONE);
    assert_eq!(present(&rig, 5, 1), [5]);
    rig.mm.madvise(page(3), 5 * PAGE, DONTNEED).unwrap();
    assert_eq!(present(&rig, 0, 10), [8 + 1]);
    // Recycled pages are no more present than new ones.
    rig.protect(5, 1, RW);
    rig.store(page(4), 1).unwrap();
    assert_eq!(present(&rig, 0, 10), [4, 9]);
}

pub(super) fn what_is_populated_is_present<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.mm.limits().memlock.set(u64::MAX);
    let all = |start, count| (start..start + count).collect::<Vec<_>>();
    for (start, access) in [(0, RW), (8, R)] {
        let flags = MmapFlags::FIXED | MmapFlags::POPULATE;
        rig.mm.mmap(MmapRequest::anonymous(page(start), 4 * PAGE, access, flags)).unwrap();
        assert_eq!(present(&rig, start, 4), all(start, 4));
    }
    rig.map(16, 8, RW);
    rig.mm.madvise(page(17), 2 * PAGE, POPULATE_READ).unwrap();
    rig.mm.madvise(page(21), 2 * PAGE, POPULATE_WRITE).unwrap();
    assert_eq!(present(&rig, 16, 8), [17, 18, 21, 22]);
    rig.map(32, 1030, RW);
    rig.store(page(40), 7).unwrap();
    rig.mm.mlock(page(33), 1029 * PAGE, 0).unwrap();
    assert_eq!(present(&rig, 32, 1030), all(33, 1029));
    assert_eq!(rig.load(page(40)), Ok(7));
    // What is locked grows with its pages.
    rig.map(2000, 2, RW);
    rig.mm.mlock(page(2000), 2 * PAGE, 0).unwrap();
    rig.mm.mremap(page(2000), 2 * PAGE, 5 * PAGE, 0, Addr::ZERO).unwrap();
    assert_eq!(present(&rig, 2000, 5), all(2000, 5));
    let shared = SharedMemory::new(&rig.memory, 8 * PAGE).unwrap().into_object();
    map_shared(&rig, shared, 3000, 8);
    rig.mm.madvise(page(3002), 3 * PAGE, POPULATE_READ).unwrap();
    assert_eq!(present(&rig, 3000, 8), [3002, 3003, 3004]);
}

pub(super) fn whoever_touched_it_shared_memory_is_present<M: Machine>() {
    let mut one = Rig::<M>::new();
    let mut other = Rig::<M>::with_memory(&one.memory);
    let object = SharedMemory::new(&one.memory, 600 * PAGE).unwrap();
    map_shared(&one, object.clone().into_object(), 0, 600);
    map_shared(&other, object.clone().into_object(), 1000, 600);
    assert_eq!(object.resident_bytes(), 0);
    one.store(page(2), 1).unwrap();
    one.load(page(599)).unwrap();
    other.store(page(1004), 1).unwrap();
    assert_eq!(present(&one, 0, 600), [2, 4, 599]);
    assert_eq!(present(&other, 1000, 600), [1002, 1004, 1599]);
    assert_eq!(object.resident_bytes(), 3 * PAGE);
    // It stays in memory when nobody shows it any more.
    one.mm.madvise(page(0), 600 * PAGE, DONTNEED).unwrap();
    assert_eq!(present(&one, 0, 600), [2, 4, 599]);
}

pub(super) fn writes_after_a_fork_make_no_other_page_present<M: Machine>() {
    let mut parent = Rig::<M>::new();
    parent.map(0, 64, RW);
    (0..16).step_by(2).for_each(|index| parent.store(page(index), 1).unwrap());
    let before: Vec<u64> = (0..16).step_by(2).collect();
    let mut child = parent.fork();
    assert_eq!(present(&child, 0, 64), before);
    // Pages around are copied with a page, where there are any.
    (0..4).for_each(|index| child.store(page(index), 2).unwrap());
    child.poke(page(40), 2).unwrap();
    parent.store(page(50), 2).unwrap();
    assert_eq!(present(&child, 0, 64), [0, 1, 2, 3, 4, 6, 8, 10, 12, 14, 40]);
    assert_eq!(present(&parent, 0, 64), [&before[..], &[50]].concat());
    for index in 0..16 {
        assert_eq!(parent.load(page(index)), Ok(u8::from(index % 2 == 0)));
        let expected = if index < 4 { 2 } else { u8::from(index % 2 == 0) };
        assert_eq!(child.load(page(index)), Ok(expected));
    }
}

pub(super) fn private_pages_of_an_object_are_its_own_until_copied<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let object = Object::empty(&rig.memory, 64);
    rig.map_object(&object, (0, 64), RW, MmapFlags::PRIVATE);
    rig.map_object(&object, (100, 64), RW, MmapFlags::SHARED);
    assert_eq!(present(&rig, 0, 64), []);
    // In order, so that pages are copied ahead where the object has them in memory.
    (0..4).for_each(|index| rig.store(page(index), 1).unwrap());
    rig.load(page(20)).unwrap();
    assert_eq!(present(&rig, 0, 64), [0, 1, 2, 3, 20]);
    assert_eq!(present(&rig, 100, 64), [100, 101, 102, 103, 120]);
    rig.store(page(130), 1).unwrap();
    assert_eq!(present(&rig, 0, 64), [0, 1, 2, 3, 20, 30]);
}
