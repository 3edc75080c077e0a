//! `fork`.

use memfile::SharedMemory;
use mm::{MmapFlags, MmapRequest};
use usermem_types::AccessType;

use crate::machine::Machine;
use crate::rig::{PAGE, R, RW, Rig, denied, page, unmapped};

pub(super) fn a_child_has_what_its_parent_had<M: Machine>() {
    let mut parent = Rig::<M>::new();
    parent.map(0, 4, RW);
    parent.map(6, 1, R);
    for index in 0..4 {
        parent.store(page(index), u8::try_from(index + 1).unwrap()).unwrap();
    }
    let mut child = parent.fork();
    for index in 0..4 {
        let expected = Ok(u8::try_from(index + 1).unwrap());
        assert_eq!((child.load(page(index)), parent.load(page(index))), (expected, expected));
    }
    assert_eq!(child.store(page(6), 1), Err(denied(page(6))));
    assert_eq!(child.load(page(5)), Err(unmapped(page(5))));
}

/// Whoever writes, in whichever way, and however often the page was inherited: nobody else sees it.
pub(super) fn writes_after_a_fork_are_the_writers_own<M: Machine>() {
    let mut parent = Rig::<M>::new();
    parent.map(0, 8, RW);
    (0..8).for_each(|index| parent.store(page(index), 1).unwrap());
    let mut child = parent.fork();
    let mut grandchild = child.fork();
    parent.store(page(0), 2).unwrap();
    child.store(page(1), 3).unwrap();
    grandchild.store(page(2), 4).unwrap();
    parent.poke(page(3), 5).unwrap();
    child.poke(page(4), 6).unwrap();
    let seen = |rig: &mut Rig<M>| {
        let all: Vec<_> = (0..8).map(|index| rig.load(page(index)).unwrap()).collect();
        let kernel: Vec<_> = (0..8).map(|index| rig.peek(page(index)).unwrap()).collect();
        assert_eq!(all, kernel);
        all
    };
    assert_eq!(seen(&mut parent), [2, 1, 1, 5, 1, 1, 1, 1]);
    assert_eq!(seen(&mut child), [1, 3, 1, 1, 6, 1, 1, 1]);
    assert_eq!(seen(&mut grandchild), [1, 1, 4, 1, 1, 1, 1, 1]);
    drop(child);
    parent.store(page(7), 9).unwrap();
    assert_eq!(seen(&mut grandchild), [1, 1, 4, 1, 1, 1, 1, 1]);
    let memory = parent.memory.clone();
    drop((parent, grandchild));
    assert_eq!(memory.allocated_bytes(), 0);
}

pub(super) fn shared_memory_stays_shared<M: Machine>() {
    let mut parent = Rig::<M>::new();
    let object = SharedMemory::new(&parent.memory, 2 * PAGE).unwrap().into_object();
    let request = MmapRequest {
        addr: page(0),
        len: 2 * PAGE,
        access: RW,
        max_access: AccessType::ALL,
        flags: MmapFlags::SHARED | MmapFlags::FIXED,
        offset: 0,
        object: Some(object),
    };
    parent.mm.mmap(request).unwrap();
    parent.store(page(0), 1).unwrap();
    let mut child = parent.fork();
    child.store(page(0), 2).unwrap();
    parent.store(page(1), 3).unwrap();
    assert_eq!((parent.load(page(0)), child.load(page(1))), (Ok(2), Ok(3)));
}
