//! What names a futex that processes share.

use std::collections::HashSet;
use std::sync::Arc;

use usermem_types::{Addr, FaultKind};

use super::fork::fork;
use super::rig::{NONE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, SharedFutexKey};

fn key(rig: &Rig, addr: Addr) -> Result<SharedFutexKey, FaultKind> {
    rig.mm.shared_futex_key(addr.aligned().unwrap()).map_err(|fault| fault.kind)
}

fn word(index: u64, offset: u64) -> Addr {
    Addr::new(page(index).get() + offset)
}

#[test]
fn two_mappings_of_a_page_have_one_key() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::SHARED).unwrap();
    rig.map_object(&object, 8, 2, R, MmapFlags::SHARED).unwrap();
    let first = key(&rig, word(1, 8)).unwrap();
    assert_eq!(first, key(&rig, word(9, 8)).unwrap());
    assert_ne!(first, key(&rig, word(9, 12)).unwrap());
    assert_ne!(first, key(&rig, word(8, 8)).unwrap());
    // A set tells them apart in the same way.
    let words = [word(1, 8), word(9, 8), word(0, 8), word(8, 8)];
    let keys: HashSet<_> = words.into_iter().map(|word| key(&rig, word).unwrap()).collect();
    assert_eq!(keys.len(), 2);
    // The shape of the mappings does not matter, only the object.
    rig.mm.mprotect(page(1), PAGE, 1).unwrap();
    assert_eq!(first, key(&rig, word(1, 8)).unwrap());
    let other = rig.object(4 * PAGE);
    rig.map_object(&other, 16, 2, RW, MmapFlags::SHARED).unwrap();
    assert_ne!(first, key(&rig, word(17, 8)).unwrap());
}

#[test]
fn shared_memory_has_one_key_in_parent_and_child() {
    let rig = Rig::new();
    rig.map_with(0, 1, RW, MmapFlags::SHARED);
    let child = fork(&rig).unwrap();
    assert_eq!(key(&rig, word(0, 4)), key(&child, word(0, 4)));
    assert!(matches!(key(&rig, word(0, 4)), Ok(SharedFutexKey::Object { offset: 4, .. })));
}

#[test]
fn what_can_be_written_privately_is_the_programs_own() {
    let rig = Rig::new();
    let object = rig.object(2 * PAGE);
    rig.map(0, 1, RW);
    rig.map_object(&object, 2, 1, R, MmapFlags::PRIVATE).unwrap();
    rig.map_object(&object, 3, 1, RW, MmapFlags::PRIVATE).unwrap();
    assert_eq!(key(&rig, word(0, 4)), Ok(SharedFutexKey::Private(word(0, 4))));
    assert_eq!(key(&rig, word(3, 4)), Ok(SharedFutexKey::Private(word(3, 4))));
    // What cannot is the object's, until it has been written.
    rig.store(page(3), b"x").unwrap();
    rig.mm.mprotect(page(3), PAGE, 1).unwrap();
    assert!(matches!(key(&rig, word(2, 4)), Ok(SharedFutexKey::Object { offset: 4, .. })));
    assert_eq!(key(&rig, word(3, 4)), Err(FaultKind::Protection));
}

#[test]
fn words_that_cannot_be_named() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    rig.map(0, 1, R);
    rig.map(1, 1, NONE);
    rig.map_object(&object, 2, 2, RW, MmapFlags::SHARED).unwrap();
    let kinds = [0, 1, 3, 4].map(|index| key(&rig, page(index)).unwrap_err());
    assert_eq!(
        kinds,
        [FaultKind::Protection, FaultKind::Protection, FaultKind::Bus, FaultKind::Unmapped]
    );
}

#[test]
fn a_key_keeps_its_object() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    rig.map_object(&object, 0, 1, RW, MmapFlags::SHARED).unwrap();
    let held = key(&rig, page(0)).unwrap();
    rig.mm.munmap(page(0), PAGE).unwrap();
    let before = Arc::strong_count(&object);
    drop(held);
    assert_eq!(Arc::strong_count(&object), before - 1);
}
