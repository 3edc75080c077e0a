//! Copy-on-write.

use mm::MmapFlags;

use crate::machine::Machine;
use crate::objects::Object;
use crate::rig::{PAGE, RW, Rig, byte, page};

const MADV_DONTNEED: i32 = 4;

fn mapped<M: Machine>(pages: u64) -> (Rig<M>, std::sync::Arc<Object>) {
    let rig = Rig::<M>::new();
    let object = Object::numbered(&rig.memory, pages);
    rig.map_object(&object, (0, pages), RW, MmapFlags::PRIVATE);
    (rig, object)
}

pub(super) fn private_pages_show_the_object_until_they_are_written<M: Machine>() {
    let (mut rig, object) = mapped::<M>(8);
    let all: Vec<_> = (0..8).map(|index| rig.load(page(index)).unwrap()).collect();
    assert_eq!(all, [1, 2, 3, 4, 5, 6, 7, 8]);
    rig.store(byte(2, 10), 99).unwrap();
    assert_eq!((rig.load(byte(2, 10)), rig.load(byte(2, 11))), (Ok(99), Ok(3)));
    assert_eq!((object.byte(2 * PAGE + 10), rig.peek(byte(2, 10))), (3, Ok(99)));
    // A page that was never read is copied as well.
    let (mut rig, object) = mapped::<M>(2);
    rig.store(page(1), 99).unwrap();
    assert_eq!((rig.load(page(1)), rig.load(byte(1, 1))), (Ok(99), Ok(2)));
    assert_eq!(object.byte(PAGE), 2);
    rig.mm.madvise(page(0), 2 * PAGE, MADV_DONTNEED).unwrap();
    assert_eq!(rig.load(page(1)), Ok(2), "the copy is gone");
}

pub(super) fn two_programs_write_copies_of_their_own<M: Machine>() {
    let (mut one, object) = mapped::<M>(4);
    let mut two = Rig::<M>::with_memory(&one.memory);
    two.map_object(&object, (0, 4), RW, MmapFlags::PRIVATE);
    for index in 0..4 {
        assert_eq!(one.load(page(index)), two.load(page(index)));
    }
    one.store(page(1), 11).unwrap();
    two.store(page(1), 22).unwrap();
    two.store(page(2), 33).unwrap();
    assert_eq!((one.load(page(1)), two.load(page(1)), object.byte(PAGE)), (Ok(11), Ok(22), 2));
    assert_eq!((one.load(page(2)), two.load(page(2)), object.byte(2 * PAGE)), (Ok(3), Ok(33), 3));
}

pub(super) fn a_copy_made_by_the_kernel_is_seen_by_the_program<M: Machine>() {
    let (mut rig, object) = mapped::<M>(4);
    assert_eq!(rig.load(page(1)), Ok(2));
    rig.poke(page(1), 77).unwrap();
    assert_eq!((rig.load(page(1)), object.byte(PAGE)), (Ok(77), 2));
    rig.store(page(1), 78).unwrap();
    assert_eq!(rig.peek(page(1)), Ok(78));
    // In either order.
    rig.poke(page(2), 79).unwrap();
    assert_eq!((rig.load(page(2)), rig.load(byte(2, 1))), (Ok(79), Ok(3)));
}

pub(super) fn every_page_can_be_copied_alone<M: Machine>() {
    for written in 0..8 {
        let (mut rig, object) = mapped::<M>(8);
        rig.load(page(0)).unwrap();
        rig.store(page(written), 0).unwrap();
        for index in 0..8 {
            let original = u8::try_from(index + 1).unwrap();
            let expected = if index == written { 0 } else { original };
            assert_eq!(
                (rig.load(page(index)), rig.peek(page(index))),
                (Ok(expected), Ok(expected))
            );
            assert_eq!(object.byte(index * PAGE), original);
        }
    }
}
