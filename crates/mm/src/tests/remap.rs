//! mremap.

use usermem_types::{Addr, Errno};

use super::rig::{BASE, R, RW, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

const MAYMOVE: u32 = 1;
const FIXED: u32 = 3;
const DONTUNMAP: u32 = 5;

fn remap(rig: &Rig, old: u64, pages: (u64, u64), flags: u32, new: u64) -> Result<Addr, Errno> {
    let result = rig.mm.mremap(page(old), pages.0 * PAGE, pages.1 * PAGE, flags, page(new));
    rig.check();
    result
}

#[test]
fn arguments_are_checked() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    let call = |old: u64, old_len, new_len, flags, new: u64| {
        rig.mm.mremap(Addr::new(old), old_len, new_len, flags, Addr::new(new))
    };
    assert_eq!(call(BASE, PAGE, PAGE, 2, BASE + 10 * PAGE), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, PAGE, 8, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, 0, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE + 1, PAGE, PAGE, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, PAGE, FIXED, BASE), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, PAGE, FIXED, BASE + 10 * PAGE + 1), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, 1 << 47, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, (1 << 47) - PAGE, MAYMOVE, 0), Err(Errno::ENOMEM));
    assert_eq!(call(BASE, PAGE, u64::MAX, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, u64::MAX - PAGE, PAGE, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE + 9 * PAGE, PAGE, PAGE, 0, 0), Err(Errno::EFAULT));
    assert_eq!(call(BASE, PAGE, 2 * PAGE, DONTUNMAP, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, PAGE, 4, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, 0, PAGE, MAYMOVE, 0), Err(Errno::EINVAL));
    assert_eq!(call(BASE, PAGE, PAGE, FIXED, 1 << 47), Err(Errno::EINVAL));
    assert_eq!(rig.shape(), "0-2:rw-");
}

#[test]
fn pitfall_09_a_copy_of_nothing_onto_itself() {
    let rig = Rig::new();
    rig.map_with(0, 1, RW, MmapFlags::SHARED);
    assert_eq!(remap(&rig, 0, (0, 1), FIXED, 0), Err(Errno::EFAULT));
    assert_eq!(rig.shape(), "", "the target was unmapped");
    assert_eq!(rig.memory.charged_bytes(), 0);
}

#[test]
fn pitfall_10_growth_keeps_every_attribute() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.mm.madvise(page(0), PAGE, 10).unwrap();
    assert_eq!(remap(&rig, 0, (1, 3), 0, 0), Ok(page(0)));
    assert_eq!(rig.shape(), "0-3:rw-");
    assert_eq!(rig.mm.usage().mappings, 1);
    // mincore tells about a huge range in pieces.
    rig.map(8, 1 << 15, R);
    let pieces: Vec<_> = rig.mm.mincore(page(8), PAGE << 15).unwrap().map(Result::unwrap).collect();
    assert_eq!(pieces.len(), 8);
    assert!(pieces.iter().all(|piece| piece.len() == 4096));
    // msync does not look beyond its range.
    rig.mm.munmap(page(8), PAGE << 15).unwrap();
    rig.map(8, 1, RW);
    rig.mm.mlock(page(8), PAGE, 0).unwrap();
    assert_eq!(rig.mm.msync(page(0), 3 * PAGE, 2), Ok(()));
    assert_eq!(rig.mm.msync(page(4), PAGE, 2), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.msync(page(8), PAGE, 2), Err(Errno::EBUSY));
}

#[test]
fn growth_in_place_needs_a_whole_free_end() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.map(6, 1, R);
    assert_eq!(remap(&rig, 0, (4, 6), 0, 0), Ok(page(0)));
    assert_eq!(remap(&rig, 0, (6, 7), 0, 0), Err(Errno::ENOMEM));
    assert_eq!(remap(&rig, 1, (2, 3), 0, 0), Err(Errno::ENOMEM), "the middle cannot grow");
    assert_eq!(remap(&rig, 0, (7, 8), MAYMOVE, 0), Err(Errno::EFAULT));
    assert_eq!(remap(&rig, 0, (7, 7), 0, 0), Ok(page(0)), "nothing to do");
    assert_eq!(remap(&rig, 0, (7, 5), 0, 0), Ok(page(0)));
    assert_eq!(rig.shape(), "0-5:rw-", "a shrink does not care what it cuts");
}

#[test]
fn moves_take_their_pages_along() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::PRIVATE).unwrap();
    rig.store(page(1), b"m").unwrap();
    let rss = rig.mm.usage().rss_bytes;
    assert_eq!(remap(&rig, 1, (2, 3), FIXED, 10), Ok(page(10)));
    assert_eq!(rig.shape(), "0-1:rw- 3-4:rw- 10-13:rw-");
    assert_eq!(rig.mm.usage().rss_bytes, rss);
    assert_eq!(
        (rig.load(page(10)), rig.load(page(11)), rig.load(page(12))),
        (Ok(b'm'), Ok(3), Ok(4))
    );
    assert_eq!(rig.load(page(1)).unwrap_err().code, 1);
    assert_eq!(object.mapped(), [(BASE, 0, 1), (BASE + 3 * PAGE, 3, 1), (BASE + 10 * PAGE, 1, 3)]);
    rig.check();
}

#[test]
fn a_move_to_a_place_replaces_what_is_there() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.store(page(0), b"a").unwrap();
    rig.map(10, 4, R);
    assert_eq!(remap(&rig, 0, (2, 1), FIXED, 11), Ok(page(11)));
    assert_eq!(rig.shape(), "10-11:r-- 11-12:rw- 12-14:r--");
    assert_eq!(rig.load(page(11)), Ok(b'a'));
}

#[test]
fn dontunmap_leaves_an_empty_mapping() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.store(page(0), b"a").unwrap();
    let moved = remap(&rig, 0, (2, 2), DONTUNMAP, 0x800).unwrap();
    assert_eq!((rig.load(page(0)), rig.load(moved)), (Ok(0), Ok(b'a')));
    assert_eq!(rig.mm.usage().committed_bytes, 4 * PAGE);
    rig.check();
}
