//! Memory that several programs share.

use memfile::SharedMemory;
use mm::{MmapFlags, MmapRequest};
use usermem_types::{AccessType, FaultKind};

use crate::machine::{Access, Machine};
use crate::objects::Object;
use crate::rig::{NONE, PAGE, R, RW, Rig, bus, byte, denied, page};

fn pair<M: Machine>(pages: u64) -> (Rig<M>, Rig<M>, std::sync::Arc<Object>) {
    let one = Rig::<M>::new();
    let two = Rig::<M>::with_memory(&one.memory);
    let object = Object::numbered(&one.memory, pages);
    one.map_object(&object, (0, pages), RW, MmapFlags::SHARED);
    two.map_object(&object, (20, pages), RW, MmapFlags::SHARED);
    (one, two, object)
}

pub(super) fn shared_pages_are_seen_by_everyone<M: Machine>() {
    let (mut one, mut two, object) = pair::<M>(4);
    one.store(page(1), 11).unwrap();
    assert_eq!((two.load(page(21)), two.peek(page(21)), object.byte(PAGE)), (Ok(11), Ok(11), 11));
    two.poke(page(22), 12).unwrap();
    assert_eq!((one.load(page(2)), one.peek(page(2))), (Ok(12), Ok(12)));
    two.protect(21, 1, R);
    assert_eq!(two.store(page(21), 1), Err(denied(page(21))));
    one.store(page(1), 13).unwrap();
    assert_eq!(two.load(page(21)), Ok(13));
    one.unmap(0, 4);
    assert_eq!(two.load(page(21)), Ok(13));
    // Twice in one program.
    two.map_object(&object, (0, 2), RW, MmapFlags::SHARED);
    two.run(Access::StoreWord(byte(1, 8), 0x0102_0304_0506_0708)).unwrap();
    assert_eq!(two.run(Access::LoadWord(byte(21, 8))), Ok(0x0102_0304_0506_0708));
}

pub(super) fn shared_anonymous_memory_survives_its_protections<M: Machine>() {
    let mut rig = Rig::<M>::new();
    let object = SharedMemory::new(&rig.memory, 4 * PAGE).unwrap().into_object();
    let map = |rig: &Rig<M>, index| {
        let request = MmapRequest {
            addr: page(index),
            len: 4 * PAGE,
            access: RW,
            max_access: AccessType::ALL,
            flags: MmapFlags::SHARED | MmapFlags::FIXED,
            offset: 0,
            object: Some(object.clone()),
        };
        rig.mm.mmap(request).unwrap();
    };
    map(&rig, 0);
    rig.store(page(2), 9).unwrap();
    rig.protect(0, 4, NONE);
    assert_eq!(rig.load(page(2)), Err(denied(page(2))));
    map(&rig, 8);
    assert_eq!(rig.load(page(10)), Ok(9));
    rig.store(page(10), 10).unwrap();
    rig.protect(0, 4, RW);
    assert_eq!(rig.load(page(2)), Ok(10));
    rig.unmap(0, 4);
    rig.unmap(8, 4);
    map(&rig, 0);
    assert_eq!(rig.load(page(2)), Ok(10));
}

pub(super) fn a_truncation_takes_pages_from_everyone<M: Machine>() {
    let (mut one, mut two, object) = pair::<M>(4);
    one.map_object(&object, (8, 4), RW, MmapFlags::PRIVATE);
    for index in 0..4 {
        one.load(page(index)).unwrap();
        one.store(page(8 + index), 99).unwrap();
        two.load(page(20 + index)).unwrap();
    }
    object.truncate(1);
    assert_eq!((one.load(page(0)), one.load(page(8)), two.load(page(20))), (Ok(1), Ok(99), Ok(1)));
    for index in 1..4 {
        assert!(!one.is_shown(page(index)) && !one.is_shown(page(8 + index)));
        assert_eq!(one.load(page(index)), Err(bus(page(index))));
        assert_eq!(one.store(page(8 + index), 1), Err(bus(page(8 + index))));
        assert_eq!(two.store(byte(20 + index, 3), 1), Err(bus(byte(20 + index, 3))));
        assert_eq!(two.peek(page(20 + index)).unwrap_err().cause.kind, FaultKind::Bus);
    }
    object.truncate(3);
    assert_eq!((one.load(page(2)), one.load(page(10)), two.load(page(22))), (Ok(3), Ok(3), Ok(3)));
    assert_eq!(two.load(page(23)), Err(bus(page(23))));
}

pub(super) fn forgotten_translations_come_back<M: Machine>() {
    let (mut one, mut two, object) = pair::<M>(4);
    one.map_object(&object, (8, 4), RW, MmapFlags::PRIVATE);
    one.store(page(1), 7).unwrap();
    one.store(page(9), 8).unwrap();
    two.load(page(21)).unwrap();
    object.forget_translations();
    assert!(!one.is_shown(page(1)) && !two.is_shown(page(21)));
    assert_eq!((one.load(page(1)), two.load(page(21))), (Ok(7), Ok(7)));
    assert_eq!(one.load(page(9)), Ok(8), "a private copy exists nowhere else");
}
