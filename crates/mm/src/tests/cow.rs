//! Private mappings of objects, and copies.

use usermem_io::Io;
use usermem_types::FaultKind;

use super::rig::{CHECKED, POKE, R, RW, RX, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

#[test]
fn private_pages_show_the_object_until_they_are_written() {
    let rig = Rig::new();
    let object = rig.object(8 * PAGE);
    rig.map_object(&object, 0, 8, RW, MmapFlags::PRIVATE).unwrap();
    assert_eq!((rig.load(page(0)), rig.load(page(7))), (Ok(1), Ok(8)));
    assert_eq!(rig.mm.usage().faults, 1, "one fault shows all of it");
    rig.store(page(2), b"c").unwrap();
    rig.check();
    assert_eq!(object.byte(2 * PAGE), 3);
    assert_eq!((rig.load(page(2)), rig.load(page(3))), (Ok(b'c'), Ok(4)));
    assert_eq!((rig.peek(page(2)), rig.peek(page(1))), (Ok(b'c'), Ok(2)));
    rig.mm.copy_out(page(3), b"kernel", CHECKED).unwrap();
    assert_eq!((rig.load(page(3)), object.byte(3 * PAGE)), (Ok(b'k'), 4));
    rig.check();
    rig.mm.madvise(page(0), 8 * PAGE, 4).unwrap();
    assert_eq!((rig.load(page(2)), rig.load(page(3))), (Ok(3), Ok(4)));
    rig.check();
}

#[test]
fn sequential_writes_copy_ever_more() {
    let rig = Rig::new();
    let object = rig.object(64 * PAGE);
    rig.map_object(&object, 0, 64, RW, MmapFlags::PRIVATE).unwrap();
    rig.load(page(0)).unwrap();
    let before = rig.mm.usage().faults;
    for index in 0..64 {
        rig.store(page(index), b"w").unwrap();
    }
    // Up to page 1, 4, 16 and 64.
    assert_eq!(rig.mm.usage().faults - before, 4);
    rig.map_object(&object, 0, 64, RW, MmapFlags::PRIVATE).unwrap();
    rig.load(page(0)).unwrap();
    rig.store(page(40), b"w").unwrap();
    rig.store(page(20), b"w").unwrap();
    let private = rig.mm.active.read().pmas.iter().filter(|(_, pma)| pma.private).count();
    assert_eq!(private, 2);
    rig.check();
}

#[test]
fn dense_writes_copy_what_is_around() {
    let rig = Rig::new();
    let object = rig.object(64 * PAGE);
    rig.map_object(&object, 0, 64, RW, MmapFlags::PRIVATE).unwrap();
    rig.load(page(0)).unwrap();
    let before = rig.mm.usage().faults;
    for step in 0..64 {
        let index = step * 37 % 64;
        rig.store(page(index), b"w").unwrap();
        assert_eq!(rig.load(page(index)), Ok(b'w'));
    }
    assert!(rig.mm.usage().faults - before <= 16, "{}", rig.mm.usage().faults - before);
    rig.check();
    // Few writes far apart copy a page each.
    rig.map_object(&object, 0, 64, RW, MmapFlags::PRIVATE).unwrap();
    for index in [60, 40, 20, 0] {
        rig.store(page(index), b"w").unwrap();
    }
    let active = rig.mm.active.read();
    let own = active.pmas.iter().filter(|(_, pma)| pma.private).map(|(held, _)| held.len());
    assert_eq!(own.sum::<u64>(), 4 * PAGE);
}

#[test]
fn a_debugger_writes_to_read_only_code() {
    let rig = Rig::new();
    let object = rig.object(2 * PAGE);
    rig.map_object(&object, 0, 2, RX, MmapFlags::PRIVATE).unwrap();
    assert_eq!(rig.fetch(page(0)), Ok(1));
    assert_eq!(rig.mm.copy_out(page(0), b"\xcc", CHECKED).unwrap_err().done, 0);
    assert_eq!(rig.mm.copy_out(page(0), b"\xcc", POKE), Ok(1));
    assert_eq!(rig.fetch(page(0)), Ok(0xcc), "the program executes the change");
    assert_eq!((rig.fetch(page(1)), object.byte(0)), (Ok(2), 1));
    assert_eq!(rig.store(page(0), b"x").unwrap_err().code, 2);
    rig.check();
}

#[test]
fn pitfall_27_beyond_the_end_of_the_object() {
    let rig = Rig::new();
    let object = rig.object(2 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::SHARED).unwrap();
    assert_eq!(rig.load(page(1)), Ok(2));
    let fault = rig.load(page(2)).unwrap_err();
    assert_eq!((fault.signal, fault.code, fault.addr), (7, 2, page(2)));
    let mut buffer = [0u8; 4096];
    let start = page(1).checked_add(4000).unwrap();
    let partial = rig.mm.copy_in(start, &mut buffer, CHECKED).unwrap_err();
    assert_eq!((partial.done, partial.cause.kind), (96, FaultKind::Bus));
    assert_eq!(partial.cause.addr, page(2));
    rig.check();
    // A truncation takes pages away that were there, private copies as well.
    rig.map_object(&object, 8, 2, RW, MmapFlags::PRIVATE).unwrap();
    rig.store(page(9), b"p").unwrap();
    object.truncate(PAGE);
    rig.check();
    assert_eq!(rig.load(page(1)).unwrap_err().signal, 7);
    assert_eq!(rig.load(page(9)).unwrap_err().signal, 7);
    assert_eq!(rig.peek(page(9)).unwrap_err().cause.kind, FaultKind::Bus);
    assert_eq!((rig.load(page(0)), rig.load(page(8))), (Ok(1), Ok(1)));
    object.truncate(2 * PAGE);
    assert_eq!(rig.load(page(9)), Ok(2));
    rig.check();
}

#[test]
fn pages_are_released_only_when_nothing_shows_them() {
    let rig = Rig::new();
    // The object's file checks it at every release.
    let object = rig.object(8 * PAGE);
    rig.map_object(&object, 0, 8, RW, MmapFlags::PRIVATE).unwrap();
    for index in [0, 3, 4, 7] {
        rig.load(page(index)).unwrap();
        rig.store(page(index), b"1").unwrap();
    }
    rig.mm.mremap(page(0), 4 * PAGE, 8 * PAGE, 1, page(0)).unwrap();
    rig.mm.munmap(page(5), PAGE).unwrap();
    rig.map(6, 1, R);
    rig.check();
    drop(rig);
}

/// Makes the pages of the window copy-on-write, as a fork does.
fn share(rig: &Rig, pages: u64) {
    let range = rangeset::KeyRange::new(page(0).get(), page(pages).get());
    let mapping = rig.mm.mapping.read();
    let (_, vma) = mapping.vmas.get(range.start).unwrap();
    rig.mm.active.write().pmas.edit(range, |_, pma| {
        pma.need_cow = true;
        pma.set_accesses(vma);
    });
    rig.mm.space.unmap(crate::range::addrs(range));
}

#[test]
fn pages_that_nobody_else_has_are_adopted() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.store(page(0), &[1; 4 * 4096]).unwrap();
    let offset_of = |index| {
        let active = rig.mm.active.read();
        let (held, pma) = active.pmas.get(page(index).get()).unwrap();
        pma.file.range().start + (page(index).get() - held.start)
    };
    let before = [offset_of(0), offset_of(2)];
    share(&rig, 4);
    rig.store(page(0), b"x").unwrap();
    assert_eq!(offset_of(0), before[0], "adopted, not copied");
    rig.check();

    share(&rig, 4);
    let other = {
        let active = rig.mm.active.read();
        let (_, pma) = active.pmas.get(page(2).get()).unwrap();
        pma.file.clone()
    };
    rig.store(page(2), b"y").unwrap();
    assert_ne!(offset_of(2), before[1], "copied");
    assert_eq!(
        (rig.load(page(2)), rig.load(page(3)), rig.load(page(0))),
        (Ok(b'y'), Ok(1), Ok(b'x'))
    );
    drop(other);
    rig.check();
}
