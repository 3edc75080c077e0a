//! `remap_file_pages`. Its errors are compared with the host's by whole programs.

use usermem_types::Errno;

use super::rig::{R, RW, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

#[test]
fn pages_are_shown_in_another_order() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::SHARED).unwrap();
    rig.mm.remap_file_pages(page(1), 2 * PAGE, 0, 0, 0).unwrap();
    let shown = [0, 1, 2, 3].map(|index| rig.load(page(index)).unwrap());
    assert_eq!(shown, [1, 1, 2, 4]);
    rig.store(page(1), b"x").unwrap();
    assert_eq!(rig.load(page(0)), Ok(b'x'));
    rig.check();
}

#[test]
fn what_is_not_one_shared_object_is_refused() {
    let rig = Rig::new();
    let (object, other) = (rig.object(2 * PAGE), rig.object(2 * PAGE));
    rig.map_object(&object, 0, 2, RW, MmapFlags::SHARED).unwrap();
    rig.map_object(&other, 2, 2, RW, MmapFlags::SHARED).unwrap();
    rig.map_object(&object, 8, 2, RW, MmapFlags::PRIVATE).unwrap();
    rig.map(12, 2, R);
    let remap = |index, pages| rig.mm.remap_file_pages(page(index), pages * PAGE, 0, 0, 0);
    assert_eq!([remap(0, 4), remap(8, 1), remap(12, 1), remap(20, 1)], [Err(Errno::EINVAL); 4]);
    assert_eq!(remap(1, 1), Ok(()));
    rig.check();
}
