//! Huge pages.

use memfile::{AllocOpts, SharedMemory};
use mm::{MmapFlags, MmapRequest};
use usermem_io::IoOpts;
use usermem_types::{AccessType, Errno};

use super::presence::{map_shared, present};
use crate::machine::Machine;
use crate::objects::Object;
use crate::rig::{PAGE, RW, Rig, memory, page};

/// Pages in a huge page; the window of the tests begins at one.
const HUGE: u64 = 512;
const HUGEPAGE: i32 = 14;
const NOHUGEPAGE: i32 = 15;
const COLLAPSE: i32 = 25;
const GUARD_INSTALL: i32 = 102;

/// Returns whether the host gives huge pages to memory files.
fn host_gives_huge_pages() -> bool {
    let memory = memory(None);
    let opts = AllocOpts { shown_at: Some(0), huge: true, ..AllocOpts::default() };
    let _pages = memory.allocate(HUGE * PAGE, opts).unwrap();
    let gives = memory.committed_bytes() > 0;
    if !gives {
        println!("skipped: the host gives no huge pages for memory files");
    }
    gives
}

impl<M> Rig<M> {
    #[track_caller]
    fn advise(&self, start: u64, count: u64, advice: i32) -> Result<(), Errno> {
        self.mm.madvise(page(start), count * PAGE, advice)
    }
}

fn all(start: u64, count: u64) -> Vec<u64> {
    (start..start + count).collect()
}

pub(super) fn what_is_advised_is_backed_by_huge_pages<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut rig = Rig::<M>::new();
    rig.map(0, 4 * HUGE + 8, RW);
    rig.advise(0, 4 * HUGE + 8, HUGEPAGE).unwrap();
    rig.store(page(HUGE + 200), 1).unwrap();
    assert_eq!(present(&rig, 0, 4 * HUGE + 8), all(HUGE, HUGE));
    assert_eq!(rig.memory.committed_bytes(), HUGE * PAGE);
    assert_eq!(rig.load(page(HUGE + 201)), Ok(0));
    rig.peek(page(3 * HUGE)).unwrap();
    // There is no room for another.
    rig.store(page(4 * HUGE + 3), 1).unwrap();
    let expected = [all(HUGE, HUGE), all(3 * HUGE, HUGE), vec![4 * HUGE + 3]].concat();
    assert_eq!(present(&rig, 0, 4 * HUGE + 8), expected);
    // Charged is what is mapped, huge or not.
    assert_eq!(rig.memory.charged_bytes(), (4 * HUGE + 8) * PAGE);
    // One that was given up is had again.
    rig.advise(HUGE, HUGE, 4).unwrap();
    assert_eq!(present(&rig, HUGE, HUGE), []);
    assert_eq!(rig.load(page(HUGE + 200)), Ok(0));
    assert_eq!(present(&rig, HUGE, HUGE), all(HUGE, HUGE));
}

/// What was decided before the advice, and never touched, is decided again.
pub(super) fn advice_comes_before_the_first_touch<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut rig = Rig::<M>::new();
    rig.map(0, HUGE, RW);
    rig.map(4 * HUGE, HUGE, RW);
    rig.store(page(4 * HUGE + 1), 1).unwrap();
    for start in [0, 4 * HUGE] {
        rig.advise(start, HUGE, HUGEPAGE).unwrap();
        rig.store(page(start + 7), 1).unwrap();
    }
    assert_eq!(present(&rig, 0, HUGE), all(0, HUGE));
    assert_eq!(present(&rig, 4 * HUGE, HUGE), [4 * HUGE + 1, 4 * HUGE + 7]);
    assert_eq!(rig.load(page(4 * HUGE + 1)), Ok(1));
}

pub(super) fn who_does_without_gets_no_huge_pages<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, HUGE, RW);
    rig.advise(0, HUGE, HUGEPAGE).unwrap();
    rig.advise(0, HUGE, NOHUGEPAGE).unwrap();
    rig.store(page(5), 1).unwrap();
    assert_eq!(present(&rig, 0, HUGE), [5]);
    assert_eq!(rig.advise(0, HUGE, COLLAPSE), Err(Errno::EINVAL));
    rig.map(4 * HUGE, HUGE, RW);
    rig.advise(4 * HUGE, HUGE, HUGEPAGE).unwrap();
    rig.mm.set_thp_disable(1, 0).unwrap();
    rig.store(page(4 * HUGE + 5), 1).unwrap();
    assert_eq!(present(&rig, 4 * HUGE, HUGE), [4 * HUGE + 5]);
    assert_eq!(rig.advise(4 * HUGE, HUGE, COLLAPSE), Err(Errno::EINVAL));
    // Whoever asks for one is not meant by the exception.
    rig.mm.set_thp_disable(1, 2).unwrap();
    if host_gives_huge_pages() {
        assert_eq!(rig.advise(4 * HUGE, HUGE, COLLAPSE), Ok(()));
    }
}

/// A write copies the page that it needs, not the huge one around it.
pub(super) fn one_page_of_a_huge_one_is_copied<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut parent = Rig::<M>::new();
    parent.map(0, HUGE, RW);
    parent.advise(0, HUGE, HUGEPAGE).unwrap();
    for index in [0, 300, 511] {
        parent.store(page(index), 1).unwrap();
    }
    let mut child = parent.fork();
    assert_eq!(parent.memory.allocated_bytes(), HUGE * PAGE);
    child.store(page(300), 2).unwrap();
    assert_eq!(parent.memory.allocated_bytes(), (HUGE + 1) * PAGE);
    parent.store(page(0), 3).unwrap();
    assert_eq!(parent.memory.allocated_bytes(), (HUGE + 2) * PAGE);
    let seen = |rig: &mut Rig<M>| [0, 300, 511].map(|index| rig.load(page(index)).unwrap());
    assert_eq!((seen(&mut parent), seen(&mut child)), ([3, 1, 1], [1, 2, 1]));
    assert_eq!(present(&child, 0, HUGE), all(0, HUGE));
    let memory = parent.memory.clone();
    drop((parent, child));
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}

pub(super) fn pages_are_collapsed_with_what_they_hold<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut rig = Rig::<M>::new();
    rig.map(0, 2 * HUGE, RW);
    assert_eq!(rig.advise(0, HUGE, COLLAPSE), Err(Errno::EINVAL), "nothing is there");
    rig.store(page(3), 1).unwrap();
    rig.poke(page(511), 2).unwrap();
    assert_eq!(rig.advise(0, HUGE, COLLAPSE), Ok(()));
    assert_eq!(present(&rig, 0, 2 * HUGE), all(0, HUGE));
    assert_eq!(rig.advise(0, HUGE, COLLAPSE), Ok(()), "it is one already");
    assert_eq!(rig.advise(0, 2 * HUGE, COLLAPSE), Err(Errno::EINVAL), "the other is not there");
    rig.map(16 * HUGE, 2 * HUGE, RW);
    rig.store(page(17 * HUGE), 1).unwrap();
    assert_eq!(rig.advise(16 * HUGE, 2 * HUGE, COLLAPSE), Err(Errno::EINVAL));
    assert_eq!(present(&rig, 16 * HUGE, 2 * HUGE), [17 * HUGE], "Linux stops where nothing is");
    rig.unmap(16 * HUGE, 2 * HUGE);
    rig.store(page(4), 3).unwrap();
    let seen = |rig: &mut Rig<M>| [0, 3, 4, 511].map(|index| rig.load(page(index)).unwrap());
    assert_eq!(seen(&mut rig), [0, 1, 3, 2]);
    // Memory that lies elsewhere in the file is copied.
    rig.map(4 * HUGE + 3, HUGE, RW);
    rig.store(page(4 * HUGE + 3 + 100), 9).unwrap();
    let (from, len) = (page(4 * HUGE + 3), HUGE * PAGE);
    rig.mm.mremap(from, len, len, 3, page(8 * HUGE)).unwrap();
    assert_eq!(present(&rig, 8 * HUGE, HUGE), [8 * HUGE + 100]);
    assert_eq!(rig.advise(8 * HUGE, HUGE, COLLAPSE), Ok(()));
    assert_eq!(present(&rig, 8 * HUGE, HUGE), all(8 * HUGE, HUGE));
    assert_eq!(rig.load(page(8 * HUGE + 100)), Ok(9));
    rig.store(page(8 * HUGE + 100), 8).unwrap();
    assert_eq!(rig.peek(page(8 * HUGE + 100)), Ok(8));
    assert_eq!(rig.memory.allocated_bytes(), 2 * HUGE * PAGE);
}

/// Who shares pages with others gets a huge page of its own.
pub(super) fn collapsing_concerns_no_relative<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut parent = Rig::<M>::new();
    parent.map(0, HUGE, RW);
    parent.store(page(7), 1).unwrap();
    let mut child = parent.fork();
    child.store(page(9), 2).unwrap();
    assert_eq!(child.advise(0, HUGE, COLLAPSE), Ok(()));
    assert_eq!((present(&parent, 0, HUGE), present(&child, 0, HUGE)), (vec![7], all(0, HUGE)));
    child.store(page(7), 3).unwrap();
    parent.store(page(9), 4).unwrap();
    let seen = |rig: &mut Rig<M>| [7, 9].map(|index| rig.load(page(index)).unwrap());
    assert_eq!((seen(&mut parent), seen(&mut child)), ([1, 4], [3, 2]));
}

pub(super) fn what_cannot_be_collapsed_says_why<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut rig = Rig::<M>::new();
    rig.map(0, 3 * HUGE, RW);
    rig.store(page(0), 1).unwrap();
    let cases = [
        ((0, 0), Ok(())),
        ((1, 2), Err(Errno::EINVAL)),
        // No whole one, but the boundary of one.
        ((HUGE - 1, 2), Ok(())),
        ((HUGE + 1, HUGE - 1), Ok(())),
        ((1, HUGE), Ok(())),
    ];
    for ((start, count), expected) in cases {
        assert_eq!(rig.advise(start, count, COLLAPSE), expected, "{count} from {start}");
    }
    rig.unmap(HUGE, 1);
    assert_eq!(rig.advise(0, 2 * HUGE, COLLAPSE), Err(Errno::ENOMEM));
    rig.map(4 * HUGE, 3, RW);
    rig.store(page(4 * HUGE), 1).unwrap();
    assert_eq!(rig.advise(4 * HUGE, 1, COLLAPSE), Err(Errno::EINVAL), "no room");
    rig.map(6 * HUGE, HUGE, RW);
    rig.store(page(6 * HUGE), 1).unwrap();
    rig.advise(6 * HUGE + 2, 1, GUARD_INSTALL).unwrap();
    assert_eq!(rig.advise(6 * HUGE, HUGE, COLLAPSE), Err(Errno::EINVAL), "a guard");
    let object = Object::numbered(&rig.memory, 8);
    rig.map_object(&object, (8 * HUGE, HUGE), RW, MmapFlags::PRIVATE);
    rig.store(page(8 * HUGE), 1).unwrap();
    assert_eq!(rig.advise(8 * HUGE, HUGE, COLLAPSE), Err(Errno::EINVAL), "a file");
    // Scattered pages are moved, and pinned ones cannot be.
    rig.map(10 * HUGE + 3, HUGE, RW);
    rig.store(page(10 * HUGE + 3), 1).unwrap();
    let (from, len) = (page(10 * HUGE + 3), HUGE * PAGE);
    rig.mm.mremap(from, len, len, 3, page(12 * HUGE)).unwrap();
    let one = page(12 * HUGE + 5).to_range(PAGE).unwrap();
    let (pin, fault) = rig.mm.pin(one, AccessType::WRITE, IoOpts::CHECKED);
    assert!(fault.is_none());
    assert_eq!(rig.advise(12 * HUGE, HUGE, COLLAPSE), Err(Errno::EAGAIN), "a pin");
    drop(pin);
    assert_eq!(rig.advise(12 * HUGE, HUGE, COLLAPSE), Ok(()));
}

pub(super) fn shared_memory_is_collapsed_for_everyone<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let mut rig = Rig::<M>::new();
    let object = SharedMemory::new(&rig.memory, 2 * HUGE * PAGE).unwrap();
    map_shared(&rig, object.clone().into_object(), 0, 2 * HUGE);
    map_shared(&rig, object.clone().into_object(), 4 * HUGE + 1, 2 * HUGE);
    assert_eq!(rig.advise(0, HUGE, COLLAPSE), Err(Errno::EINVAL), "nothing is there");
    // By another program, and not by this one.
    let mut other = Rig::<M>::with_memory(&rig.memory);
    map_shared(&other, object.clone().into_object(), 0, 2 * HUGE);
    other.store(page(HUGE + 6), 1).unwrap();
    let there = rig.advise(5 * HUGE, HUGE, COLLAPSE);
    assert_eq!(there, Err(Errno::EINVAL), "its pages lie across two");
    assert_eq!(rig.advise(0, 2 * HUGE, COLLAPSE), Err(Errno::EINVAL));
    assert_eq!(object.resident_bytes(), PAGE, "Linux stops where nothing is there");
    assert_eq!(rig.advise(HUGE, HUGE, COLLAPSE), Ok(()));
    assert_eq!(present(&rig, 4 * HUGE + 1, 2 * HUGE), all(5 * HUGE + 1, HUGE));
    assert_eq!(rig.load(page(5 * HUGE + 7)), Ok(1));
}

/// What is populated at once gets huge pages, too.
pub(super) fn populating_gives_huge_pages<M: Machine>() {
    if !host_gives_huge_pages() {
        return;
    }
    let rig = Rig::<M>::new();
    let request = MmapRequest::anonymous(page(0), 3 * HUGE * PAGE, RW, MmapFlags::FIXED);
    rig.mm.mmap(request).unwrap();
    rig.advise(0, 3 * HUGE, HUGEPAGE).unwrap();
    rig.advise(1, 2 * HUGE - 2, 23).unwrap();
    assert_eq!(present(&rig, 0, 3 * HUGE), all(0, 2 * HUGE));
}
