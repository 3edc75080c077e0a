//! `mprotect`.

use usermem_types::AccessType;

use crate::machine::{CALL, Machine};
use crate::rig::{NONE, R, RW, RX, Rig, byte, denied, page};

pub(super) fn each_protection_allows_what_it_says<M: Machine>() {
    let mut rig = Rig::<M>::new();
    for before in [RW, AccessType::ALL, R] {
        for prot in 0..8 {
            let access = AccessType::from_prot(prot);
            rig.map(0, 1, RW);
            rig.write_code(page(0));
            rig.protect(0, 1, before);
            rig.load(page(0)).unwrap();
            rig.protect(0, 1, access);
            let refused = Err(denied(page(0)));
            let expected = |allowed| if allowed { Ok(()) } else { refused };
            let can_read = access.effective().read();
            assert_eq!(rig.load(page(0)).map(drop), expected(can_read), "{before} to {access}");
            assert_eq!(rig.fetch(page(0)), expected(access.execute()), "{before} to {access}");
            assert_eq!(
                rig.store(page(0), CALL[0]),
                expected(access.write()),
                "{before} to {access}"
            );
        }
    }
}

pub(super) fn a_lost_permission_is_lost_at_once<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 4, RW);
    rig.store(page(1), 1).unwrap();
    rig.protect(1, 1, R);
    assert_eq!(rig.store(page(1), 2), Err(denied(page(1))));
    assert_eq!((rig.load(page(1)), rig.poke(page(1), 2).is_err()), (Ok(1), true));
    rig.protect(1, 1, NONE);
    assert!(!rig.is_shown(page(1)));
    assert_eq!(rig.load(byte(1, 9)), Err(denied(byte(1, 9))));
    rig.store(page(0), 1).unwrap();
    rig.store(page(2), 1).unwrap();
    rig.protect(1, 1, RW);
    assert_eq!(rig.load(page(1)), Ok(1), "the contents are kept");
    rig.store(page(1), 3).unwrap();
    assert_eq!(rig.peek(page(1)), Ok(3));
}

pub(super) fn a_gained_permission_is_there_at_the_next_try<M: Machine>() {
    let mut rig = Rig::<M>::new();
    rig.map(0, 1, RW);
    rig.write_code(page(0));
    rig.protect(0, 1, R);
    assert_eq!(rig.fetch(page(0)), Err(denied(page(0))));
    assert_eq!(rig.store(page(0), 0), Err(denied(page(0))));
    rig.protect(0, 1, RX);
    assert_eq!(rig.fetch(page(0)), Ok(()));
    assert_eq!(rig.store(page(0), 0), Err(denied(page(0))));
    rig.protect(0, 1, RW);
    assert_eq!(rig.fetch(page(0)), Err(denied(page(0))));
    assert_eq!(rig.store(page(0), 0), Ok(()));
}

pub(super) fn a_part_of_a_mapping_can_be_protected<M: Machine>() {
    for (first, count) in [(0, 1), (3, 2), (7, 1), (0, 8)] {
        let mut rig = Rig::<M>::new();
        rig.map(0, 8, RW);
        (0..8).for_each(|index| rig.store(page(index), 1).unwrap());
        rig.protect(first, count, R);
        for index in 0..8 {
            let is_protected = first <= index && index < first + count;
            let expected = if is_protected { Err(denied(page(index))) } else { Ok(()) };
            assert_eq!(rig.store(page(index), 2), expected);
            assert_eq!(rig.load(page(index)), Ok(if is_protected { 1 } else { 2 }));
        }
    }
}
