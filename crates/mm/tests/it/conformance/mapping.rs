//! `mmap`, `munmap`, `mremap` and `madvise`.

use usermem_types::FaultKind;

use crate::machine::Machine;
use crate::rig::{NONE, PAGE, R, RW, Rig, byte, denied, page, unmapped};

pub(super) const MREMAP_MAYMOVE_FIXED: u32 = 3;
const MADV_DONTNEED: i32 = 4;

pub(super) fn new_memory_is_zeroed_and_seen_from_both_sides<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 3, RW);
    for index in 0..3 {
        assert_eq!((rig.load(byte(index, 77)), rig.peek(byte(index, 78))), (Ok(0), Ok(0)));
        rig.store(byte(index, 77), 1).unwrap();
        rig.poke(byte(index, 78), 2).unwrap();
        assert_eq!((rig.load(byte(index, 78)), rig.peek(byte(index, 77))), (Ok(2), Ok(1)));
    }
    let outside = [byte(0, 0).checked_sub(1).unwrap(), page(3)];
    for addr in outside {
        assert_eq!(rig.load(addr), Err(unmapped(addr)));
        assert_eq!(rig.store(addr, 1), Err(unmapped(addr)));
        assert_eq!(rig.peek(addr).unwrap_err().cause.kind, FaultKind::Unmapped);
    }
}

/// Maps eight pages that hold their numbers plus one.
pub(super) fn eight_pages<M: Machine>() -> Rig<M> {
    let mut rig = Rig::<M>::new();
    rig.map(0, 8, RW);
    for index in 0..8 {
        rig.store(page(index), u8::try_from(index + 1).unwrap()).unwrap();
    }
    rig
}

pub(super) fn a_mapping_replaces_what_it_overlaps<M: Machine>() {
    for (first, count) in [(0, 1), (2, 3), (7, 1), (0, 8), (6, 4)] {
        let mut rig = eight_pages::<M>();
        rig.map(first, count, RW);
        for index in 0..8 {
            let is_new = first <= index && index < first + count;
            let expected = if is_new { 0 } else { u8::try_from(index + 1).unwrap() };
            assert_eq!(
                (rig.load(page(index)), rig.peek(page(index))),
                (Ok(expected), Ok(expected))
            );
        }
        rig.map(first, count, NONE);
        for index in first..first + count {
            assert_eq!(rig.load(page(index)), Err(denied(page(index))));
        }
    }
}

pub(super) fn unmapping_a_part_leaves_the_rest<M: Machine>() {
    for (first, count) in [(0, 1), (3, 2), (7, 1), (0, 8)] {
        let mut rig = eight_pages::<M>();
        rig.unmap(first, count);
        for index in 0..8 {
            let at = page(index);
            if first <= index && index < first + count {
                assert_eq!(rig.load(at), Err(unmapped(at)));
                assert_eq!(rig.store(at, 1), Err(unmapped(at)));
                assert_eq!(rig.peek(at).unwrap_err().cause.kind, FaultKind::Unmapped);
            } else {
                assert_eq!(rig.load(at), Ok(u8::try_from(index + 1).unwrap()));
                rig.store(at, 0).unwrap();
            }
        }
    }
}

pub(super) fn moved_pages_keep_their_contents<M: Machine>() {
    let mut rig = eight_pages::<M>();
    rig.mm.mremap(page(2), 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE_FIXED, page(20)).unwrap();
    let moved: Vec<_> = (20..24).map(|index| rig.load(page(index)).unwrap()).collect();
    assert_eq!(moved, [3, 4, 5, 0]);
    assert_eq!(rig.load(page(3)), Err(unmapped(page(3))));
    assert_eq!((rig.peek(page(21)), rig.load(page(5))), (Ok(4), Ok(6)));
    // Onto pages that are there, which go.
    rig.mm.mremap(page(20), 4 * PAGE, 4 * PAGE, MREMAP_MAYMOVE_FIXED, page(4)).unwrap();
    let landed: Vec<_> = (4..8).map(|index| rig.load(page(index)).unwrap()).collect();
    assert_eq!(landed, [3, 4, 5, 0]);
    assert_eq!(rig.load(page(20)), Err(unmapped(page(20))));
}

pub(super) fn discarded_memory_is_zeroed<M: Machine>() {
    let mut rig = eight_pages::<M>();
    rig.mm.madvise(page(2), 4 * PAGE, MADV_DONTNEED).unwrap();
    let left: Vec<_> = (0..8).map(|index| rig.load(page(index)).unwrap()).collect();
    assert_eq!(left, [1, 2, 0, 0, 0, 0, 7, 8]);
    rig.store(page(3), 9).unwrap();
    assert_eq!(rig.peek(page(3)), Ok(9));
}

pub(super) fn thousands_of_mappings_are_told_apart<M: Machine>() {
    const COUNT: u64 = 3000;
    let mut rig = Rig::<M>::new();
    let mark = |index: u64| u8::try_from(index % 251).unwrap();
    for index in 0..COUNT {
        // Neighbours that are no neighbours in the file, and differ in what they allow.
        rig.map(2 * index, 1, RW);
        rig.map(2 * index + 1, 1, R);
        rig.store(byte(2 * index, index % PAGE), mark(index)).unwrap();
    }
    assert_eq!(rig.mm.usage().mappings as u64, 2 * COUNT);
    for index in (0..COUNT).step_by(3) {
        rig.unmap(2 * index, 1);
    }
    for index in 0..COUNT {
        let at = byte(2 * index, index % PAGE);
        let expected = if index % 3 == 0 { Err(unmapped(at)) } else { Ok(mark(index)) };
        assert_eq!(rig.load(at), expected);
        assert_eq!(rig.load(page(2 * index + 1)), Ok(0));
    }
    rig.unmap(0, 2 * COUNT);
    assert_eq!((0..2 * COUNT).find(|index| rig.is_shown(page(*index))), None);
    assert_eq!(rig.memory.allocated_bytes(), 0);
}
