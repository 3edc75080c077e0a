//! The order of locks.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::rig::Rig;

/// Whether taking locks like this breaks the order, as debug builds tell.
#[track_caller]
fn check(is_wrong: bool, take: impl FnOnce()) {
    let panicked = catch_unwind(AssertUnwindSafe(take)).is_err();
    assert_eq!(panicked, is_wrong && cfg!(debug_assertions));
}

#[test]
fn locks_are_taken_in_order() {
    let (a, b) = (Rig::new().mm, Rig::new().mm);
    check(false, || drop((a.mapping.read(), a.active.read())));
    check(false, || drop((a.mapping.write(), a.active.write())));
    check(false, || {
        let locks = (a.mapping.read(), b.mapping.write_of_child());
        drop((locks, a.active.write(), b.active.write_of_child()));
    });
    check(true, || drop((a.active.read(), a.mapping.read())));
    check(true, || drop((a.active.write(), b.mapping.write())));
    check(true, || {
        let _section = a.active.fast_read().expect("nobody else is here");
        drop(b.mapping.read());
    });
    check(true, || drop((a.active.read(), b.active.read())));
    check(true, || drop((a.mapping.read(), b.mapping.read())));
    check(true, || drop(b.active.write_of_child()));
    check(true, || drop((a.active.write(), b.mapping.write_of_child())));
    // Whatever panicked has let go of what it held.
    check(false, || drop((a.mapping.write(), a.active.write())));
}
