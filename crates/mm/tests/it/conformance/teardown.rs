//! What is left when a program, or an attempt, is over.

use std::sync::Arc;

use mm::MmapFlags;
use usermem_types::Errno;

use crate::machine::{Access, Machine};
use crate::objects::Object;
use crate::rig::{PAGE, R, RW, Rig, memory, page, unmapped};

pub(super) fn everything_is_given_back<M: Machine>() {
    let memory = memory(None);
    let object = Object::numbered(&memory, 8);
    let before = (memory.allocated_bytes(), memory.charged_bytes());
    let mut rig = Rig::<M>::with_memory(&memory);
    rig.map(0, 100, RW);
    rig.map_object(&object, (200, 8), RW, MmapFlags::PRIVATE);
    rig.map_object(&object, (300, 8), RW, MmapFlags::SHARED);
    for index in (0..100).chain(200..208).chain(300..308) {
        rig.store(page(index), 1).unwrap();
    }
    rig.protect(20, 10, R);
    rig.unmap(40, 5);
    assert_ne!((memory.allocated_bytes(), memory.charged_bytes()), before);
    drop(rig);
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), before);
    assert!(!object.is_mapped());
    assert_eq!(Arc::strong_count(&object), 1);
    drop(object);
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}

pub(super) fn a_refused_mapping_changes_nothing<M: Machine>() {
    let mut rig = Rig::<M>::with_memory(&memory(Some(16 * PAGE)));
    rig.map(0, 10, RW);
    rig.store(page(3), 3).unwrap();
    let before = (rig.mm.usage().mappings, rig.memory.charged_bytes());
    for (index, pages) in [(20, 7), (20, 1 << 40), (5, 12)] {
        assert_eq!(rig.try_map(index, pages, RW), Err(Errno::ENOMEM), "{pages} pages");
    }
    assert_eq!((rig.mm.usage().mappings, rig.memory.charged_bytes()), before);
    assert_eq!((rig.load(page(3)), rig.load(page(20))), (Ok(3), Err(unmapped(page(20)))));
    rig.map(20, 6, RW);
    rig.store(page(25), 1).unwrap();
}

pub(super) fn a_program_that_ends_shows_nothing<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 64, RW);
    let object = Object::numbered(&rig.memory, 8);
    rig.map_object(&object, (100, 8), RW, MmapFlags::SHARED);
    for index in (0..64).chain(100..108) {
        rig.store(page(index), 1).unwrap();
    }
    let Rig { mm, mut machine, memory } = rig;
    drop((mm, object));
    assert_eq!(memory.allocated_bytes(), 0);
    for index in (0..64).chain(100..108) {
        let fault = machine.access(Access::Load(page(index))).unwrap_err();
        assert_eq!((fault.addr, fault.denied, fault.bus), (page(index), false, false));
    }
    assert!(machine.mapped_bytes().is_none_or(|bytes| bytes == 0));
}
