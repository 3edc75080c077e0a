//! What the program is told about its faults.

use std::sync::Arc;

use mm::MmapFlags;

use crate::machine::{Access, Machine};
use crate::objects::{HostPages, Object};
use crate::rig::{NONE, PAGE, R, RW, Rig, bus, byte, denied, page, unmapped};

pub(super) fn signals_name_the_first_bad_byte<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 1, RW);
    rig.map(1, 1, R);
    rig.map(3, 1, NONE);
    for offset in [0, 1, 7, 4095] {
        assert_eq!(rig.load(byte(2, offset)), Err(unmapped(byte(2, offset))));
        assert_eq!(rig.store(byte(2, offset), 1), Err(unmapped(byte(2, offset))));
        assert_eq!(rig.fetch(byte(2, offset)), Err(unmapped(byte(2, offset))));
        assert_eq!(rig.store(byte(1, offset), 1), Err(denied(byte(1, offset))));
        assert_eq!(rig.load(byte(3, offset)), Err(denied(byte(3, offset))));
    }
    // Words that begin well and end badly.
    let across = |index| byte(index, PAGE - 4);
    assert_eq!(rig.run(Access::StoreWord(across(0), !0)), Err(denied(page(1))));
    assert_eq!(rig.run(Access::LoadWord(across(0))).unwrap() >> 32, 0);
    assert_eq!(rig.run(Access::LoadWord(across(1))), Err(unmapped(page(2))));
    rig.map(1, 1, RW);
    assert_eq!(rig.run(Access::StoreWord(across(0), 0x8877_6655_4433_2211)), Ok(0));
    assert_eq!((rig.peek(byte(0, 4095)), rig.peek(page(1))), (Ok(0x44), Ok(0x55)));
}

pub(super) fn what_lies_below_a_stack_becomes_stack<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let stack = rig.mm.map_stack().unwrap();
    let below = stack.start().checked_sub(3 * PAGE).unwrap();
    rig.store(below, 7).unwrap();
    assert_eq!((rig.peek(below), rig.load(stack.start())), (Ok(7), Ok(0)));
    assert_eq!(rig.peek(below.checked_sub(1).unwrap()), Ok(0), "the kernel's access as well");
}

pub(super) fn beyond_the_end_of_an_object_is_a_bus_error<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let object = Object::numbered(&rig.memory, 4);
    object.truncate(2);
    for (at, flags) in [(0, MmapFlags::SHARED), (8, MmapFlags::PRIVATE)] {
        rig.map_object(&object, (at, 4), RW, flags);
        assert_eq!(rig.load(page(at + 1)), Ok(2));
        assert_eq!(rig.load(byte(at + 2, 5)), Err(bus(byte(at + 2, 5))));
        assert_eq!(rig.store(byte(at + 3, 6), 1), Err(bus(byte(at + 3, 6))));
        assert_eq!(rig.load(page(at + 4)), Err(unmapped(page(at + 4))));
    }
}

/// Nobody tells us when somebody else cuts a file short.
pub(super) fn a_host_file_that_shrinks_is_a_bus_error<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let file = Arc::new(HostPages::new(4));
    file.write(3 * PAGE, b"x");
    rig.map_object(&Object::of_host(&file, 4), (0, 4), RW, MmapFlags::SHARED);
    assert_eq!(rig.load(page(3)), Ok(b'x'));
    file.truncate(PAGE + 1);
    assert_eq!((rig.load(page(0)), rig.load(byte(1, 4095))), (Ok(0), Ok(0)));
    for addr in [page(2), byte(3, 77)] {
        assert_eq!(rig.load(addr), Err(bus(addr)));
        assert_eq!(rig.store(addr, 1), Err(bus(addr)));
    }
    file.truncate(4 * PAGE);
    assert_eq!(rig.load(page(3)), Ok(0));
}

pub(super) fn pages_that_cannot_be_shown_are_bus_errors<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let folder = Arc::new(HostPages::folder());
    rig.map(2, 1, RW);
    rig.store(page(2), 5).unwrap();
    rig.map_object(&Object::of_host(&folder, 2), (0, 2), R, MmapFlags::SHARED);
    for _ in 0..3 {
        assert_eq!(rig.load(page(1)), Err(bus(page(1))));
    }
    assert_eq!(rig.load(page(2)), Ok(5));
}
