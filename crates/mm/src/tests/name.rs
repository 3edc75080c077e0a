//! Names of anonymous memory. What a program sees of them is in the tests of whole programs; here
//! are forks and limits.

use usermem_types::Errno;

use super::fork::fork;
use super::rig::{R, RW, Rig, page};
use crate::MmapFlags;
use crate::mapping::MAX_VMAS;
use crate::range::PAGE;

const DONTFORK: i32 = 10;

/// Returns what the lines of `/proc/PID/maps` have in their last column.
fn names(rig: &Rig) -> Vec<String> {
    let text = String::from_utf8(rig.mm.maps_text()).unwrap();
    text.lines().map(|line| line.get(73..).unwrap_or("").to_owned()).collect()
}

#[test]
fn names_split_merge_and_are_inherited() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.mm.set_anon_name(page(1), PAGE, Some(b"one")).unwrap();
    rig.mm.set_anon_name(page(2), PAGE, Some(b"two")).unwrap();
    assert_eq!(names(&rig), ["", "[anon:one]", "[anon:two]", ""]);
    let child = fork(&rig).unwrap();
    assert_eq!(names(&child), names(&rig));
    rig.mm.set_anon_name(page(2), PAGE, Some(b"one")).unwrap();
    assert_eq!(rig.shape(), "0-1:rw- 1-3:rw- 3-4:rw-");
    rig.mm.set_anon_name(page(0), 4 * PAGE, None).unwrap();
    assert_eq!(rig.shape(), "0-4:rw-");
    assert_eq!(child.shape(), "0-1:rw- 1-2:rw- 2-3:rw- 3-4:rw-");
    child.check();
}

#[test]
fn a_name_replaces_that_of_shared_memory_and_no_other() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    rig.map_with(0, 1, R, MmapFlags::SHARED);
    rig.map_object(&object, 2, 1, RW, MmapFlags::PRIVATE).unwrap();
    rig.mm.set_anon_name(page(0), PAGE, Some(b"x")).unwrap();
    assert_eq!(rig.mm.set_anon_name(page(2), PAGE, Some(b"x")), Err(Errno::EBADF));
    assert_eq!(names(&rig), ["[anon_shmem:x]", "/test/a\\012b"]);
    rig.mm.set_brk_base(page(16)).unwrap();
    rig.mm.brk(page(17));
    rig.mm.set_anon_name(page(16), PAGE, Some(b"x")).unwrap();
    assert_eq!(names(&rig)[2], "[heap]");
}

#[test]
fn neither_name_nor_advice_cuts_more_mappings_than_there_may_be() {
    let rig = Rig::new();
    let count = MAX_VMAS as u64;
    for index in 0..count - 1 {
        rig.map(2 * index, 1, RW);
    }
    rig.map(2 * count, 3, RW);
    assert_eq!(rig.mm.usage().mappings, MAX_VMAS);
    assert_eq!(rig.mm.set_anon_name(page(2 * count), PAGE, Some(b"x")), Err(Errno::EAGAIN));
    assert_eq!(rig.mm.madvise(page(2 * count), PAGE, DONTFORK), Err(Errno::EAGAIN));
    rig.mm.set_anon_name(page(2 * count), 3 * PAGE, Some(b"x")).unwrap();
    assert_eq!(rig.mm.usage().mappings, MAX_VMAS);
}
