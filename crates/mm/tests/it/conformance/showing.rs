//! What the program reaches without another fault, and what it does not.

use super::mapping::{MREMAP_MAYMOVE_FIXED, eight_pages};
use crate::machine::Machine;
use crate::rig::{PAGE, R, page};

pub(super) fn nothing_is_reached_after_it_was_unmapped<M: Machine>() {
    let mut rig = eight_pages::<M>();
    assert!(rig.is_shown(page(4)));
    rig.unmap(4, 1);
    assert!(!rig.is_shown(page(4)));
    // Nor is it the old page when something else is mapped there.
    rig.map(4, 1, R);
    assert_eq!(rig.load(page(4)), Ok(0));
    rig.unmap(0, 8);
    assert!((0..8).all(|index| !rig.is_shown(page(index))));
    assert!(rig.machine.mapped_bytes().is_none_or(|bytes| bytes == 0));
}

pub(super) fn moved_pages_are_hidden_where_they_were<M: Machine>() {
    let mut rig = eight_pages::<M>();
    rig.mm.mremap(page(2), 3 * PAGE, 4 * PAGE, MREMAP_MAYMOVE_FIXED, page(20)).unwrap();
    for index in 0..8 {
        assert_eq!(rig.is_shown(page(index)), !(2..5).contains(&index));
    }
}
