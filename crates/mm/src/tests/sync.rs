//! msync and mincore.

use memmap::MappableRange;
use usermem_types::{Addr, Errno};

use super::rig::{BASE, R, RW, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

#[test]
fn msync_reaches_shared_objects_only() {
    let rig = Rig::new();
    let object = rig.object(8 * PAGE);
    rig.map_object(&object, 0, 2, RW, MmapFlags::SHARED).unwrap();
    rig.map_object(&object, 2, 2, RW, MmapFlags::PRIVATE).unwrap();
    rig.map_object(&object, 6, 8, RW, MmapFlags::SHARED).unwrap();
    assert_eq!(rig.mm.msync(page(1), 7 * PAGE, 4), Err(Errno::ENOMEM));
    let synced = |start, end| MappableRange { start: start * PAGE, end: end * PAGE };
    assert_eq!(object.synced(), [synced(1, 2), synced(0, 2)]);
    assert_eq!(rig.mm.msync(page(0), PAGE, 1), Ok(()));
    assert_eq!(object.synced().len(), 2);
    for (addr, len, flags) in [(BASE, PAGE, 8), (BASE, PAGE, 5), (BASE + 1, PAGE, 1)] {
        assert_eq!(rig.mm.msync(Addr::new(addr), len, flags), Err(Errno::EINVAL));
    }
    assert_eq!(rig.mm.msync(page(0), u64::MAX, 1), Ok(()));
    assert_eq!(rig.mm.msync(page(100), PAGE, 0), Err(Errno::ENOMEM));
}

#[test]
fn mincore_tells_what_is_there() {
    let rig = Rig::new();
    let object = rig.object(2 * PAGE);
    rig.map_object(&object, 0, 2, RW, MmapFlags::PRIVATE).unwrap();
    rig.map(2, 2, R);
    rig.store(page(0), b"x").unwrap();
    let pages = |index, count| -> Result<Vec<u8>, Errno> {
        let pieces: Result<Vec<_>, _> = rig.mm.mincore(page(index), count * PAGE)?.collect();
        pieces.map(|pieces| pieces.concat())
    };
    assert_eq!(pages(0, 4), Ok(vec![1, 1, 0, 0]));
    assert_eq!(pages(1, 0), Ok(vec![]));
    assert_eq!(pages(0, 5), Err(Errno::ENOMEM));
    assert!(rig.mm.mincore(Addr::new(BASE + 1), PAGE).is_err());
    assert!(rig.mm.mincore(page(0), u64::MAX).is_err());
}
