//! Pinned pages: what stays, what is copied, and what is counted.

use memfile::AllocOpts;
use memmap::{FileRange, FileRef};
use safecopy::{DstBlock, SrcBlock};
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr, AddrRange, Errno, Fault, FaultKind};

use super::fork::fork;
use super::rig::{CHECKED, NONE, POKE, R, RW, Rig, page};
use crate::range::{PAGE, keys};
use crate::{MmapFlags, Pin};

const W: AccessType = AccessType::WRITE;

fn pages(first: u64, count: u64) -> AddrRange {
    AddrRange::new(page(first), page(first + count)).unwrap()
}

#[track_caller]
fn pin(rig: &Rig, first: u64, count: u64, access: AccessType) -> Pin {
    let (pin, fault) = rig.mm.pin(pages(first, count), access, CHECKED);
    assert_eq!(fault, None);
    let pinned: u64 = pin.pieces().iter().map(|piece| piece.range().len()).sum();
    assert_eq!(pinned, count * PAGE);
    pin
}

/// The first byte of a page of a pin, found as a device finds it.
fn seen(pin: &Pin, index: u64) -> u8 {
    let mut byte = [0];
    for piece in pin.pieces() {
        if piece.range().contains(page(index)) {
            let start =
                piece.pages().range().start + (page(index).get() - piece.range().start().get());
            let range = FileRange::new(start, start + PAGE);
            let src = piece.pages().file().source(range).unwrap();
            safecopy::copy(DstBlock::from_slice(&mut byte), src.take_first(1)).unwrap();
        }
    }
    byte[0]
}

fn write_through(pin: &Pin, value: u8) {
    let piece = &pin.pieces()[0];
    let dst = piece.pages().file().destination(piece.pages().range()).unwrap();
    safecopy::copy(dst.take_first(1), SrcBlock::from_slice(&[value])).unwrap();
}

fn store_all(rig: &Rig, bytes: [u8; 3]) {
    for (index, byte) in (0..).zip(bytes) {
        rig.store(page(index), &[byte]).unwrap();
    }
}

fn load_all(rig: &Rig) -> [u8; 3] {
    [0, 1, 2].map(|index| rig.load(page(index)).unwrap())
}

/// Which pages of the window are the program's own and which are to be copied, one letter each.
fn kinds(rig: &Rig, count: u64) -> String {
    let active = rig.mm.active.read();
    let kind = |index| match active.pmas.get(page(index).get()) {
        Some((_, pma)) if !pma.private => 's',
        Some((_, pma)) if pma.need_cow => 'c',
        Some(_) => 'o',
        None => '-',
    };
    (0..count).map(kind).collect()
}

#[test]
fn pinned_pages_are_copied_on_fork() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    store_all(&rig, [1, 2, 3]);
    let pinned = pin(&rig, 1, 1, W);
    let children = [fork(&rig).unwrap(), fork(&rig).unwrap()];
    assert_eq!(kinds(&rig, 3), "coc");
    store_all(&rig, [11, 12, 13]);
    assert_eq!(seen(&pinned, 1), 12);
    for child in &children {
        assert_eq!(load_all(child), [1, 2, 3]);
        assert_eq!(kinds(child, 3), "coc");
        child.store(page(1), &[22]).unwrap();
        child.check();
    }
    assert_eq!((seen(&pinned, 1), load_all(&rig)), (12, [11, 12, 13]));
    write_through(&pinned, 32);
    assert_eq!(load_all(&rig), [11, 32, 13]);
    assert_eq!(children.each_ref().map(load_all), [[1, 22, 3]; 2]);
    rig.check();
}

#[test]
fn pins_unshare_pages_that_would_be_copied() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    store_all(&rig, [1, 2, 3]);
    let child = fork(&rig).unwrap();
    let pinned = pin(&rig, 1, 1, R);
    assert_eq!((kinds(&rig, 3), kinds(&child, 3)), ("coc".into(), "ccc".into()));
    store_all(&rig, [11, 12, 13]);
    assert_eq!((seen(&pinned, 1), load_all(&child)), (12, [1, 2, 3]));
    // The last one that has a page keeps it.
    drop(child);
    let all = pin(&rig, 0, 3, R);
    assert_eq!(kinds(&rig, 3), "ooo");
    assert_eq!([0, 1, 2].map(|index| seen(&all, index)), [11, 12, 13]);
    rig.check();
}

#[test]
fn unpinned_pages_are_copied_on_write_after_fork() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    store_all(&rig, [1, 2, 3]);
    let before = rig.memory.allocated_bytes();
    drop((pin(&rig, 0, 3, W), pin(&rig, 1, 1, R)));
    assert!(rig.mm.pinned.is_empty());
    let child = fork(&rig).unwrap();
    assert_eq!((kinds(&rig, 3), kinds(&child, 3)), ("ccc".into(), "ccc".into()));
    assert_eq!(rig.memory.allocated_bytes(), before, "nothing was copied");
}

#[test]
fn private_pages_of_an_object_become_the_programs_own() {
    let rig = Rig::new();
    let object = rig.object(3 * PAGE);
    rig.map_object(&object, 0, 3, RW, MmapFlags::PRIVATE).unwrap();
    let pinned = pin(&rig, 1, 1, R);
    assert_eq!(seen(&pinned, 1), 2);
    rig.store(page(1), b"x").unwrap();
    assert_eq!((seen(&pinned, 1), object.byte(PAGE)), (b'x', 2));
    rig.check();
}

#[test]
fn shared_pages_stay_the_objects() {
    let rig = Rig::new();
    let object = rig.object(3 * PAGE);
    rig.map_object(&object, 0, 3, RW, MmapFlags::SHARED).unwrap();
    let pinned = pin(&rig, 1, 1, W);
    write_through(&pinned, 9);
    assert_eq!((object.byte(PAGE), rig.load(page(1))), (9, Ok(9)));
    assert!(rig.mm.pinned.is_empty(), "a fork has nothing to copy");
    rig.check();
}

#[test]
fn a_pin_ends_where_the_first_page_cannot_be_had() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.map(3, 1, R);
    rig.map(4, 1, NONE);
    let object = rig.object(2 * PAGE);
    rig.map_object(&object, 6, 4, RW, MmapFlags::PRIVATE).unwrap();
    let check = |first, count, access, opts: IoOpts, had: u64, fault: Option<(FaultKind, Addr)>| {
        let (pin, found) = rig.mm.pin(pages(first, count), access, opts);
        let pinned: u64 = pin.pieces().iter().map(|piece| piece.range().len() / PAGE).sum();
        let fault = fault.map(|(kind, addr)| Fault::new(kind, addr));
        assert_eq!((pinned, found), (had, fault), "{first} {count}");
        for piece in pin.pieces() {
            assert_eq!(piece.pages().range().len(), piece.range().len());
        }
    };
    check(0, 2, W, CHECKED, 2, None);
    check(0, 0, W, CHECKED, 0, None);
    check(0, 4, R, CHECKED, 2, Some((FaultKind::Unmapped, page(2))));
    check(2, 1, R, CHECKED, 0, Some((FaultKind::Unmapped, page(2))));
    check(3, 2, R, CHECKED, 1, Some((FaultKind::Protection, page(4))));
    check(3, 1, W, CHECKED, 0, Some((FaultKind::Protection, page(3))));
    check(3, 2, W, POKE, 2, None);
    check(6, 4, R, CHECKED, 2, Some((FaultKind::Bus, page(8))));
    // Not on the page: whole pages are pinned, and the fault is at the first byte that is not.
    let odd = Addr::new(page(1).get() + 8).to_range(PAGE).unwrap();
    let (pin, fault) = rig.mm.pin(odd, R, CHECKED);
    assert_eq!(pin.pieces()[0].range(), pages(1, 1));
    assert_eq!(fault, Some(Fault::new(FaultKind::Unmapped, page(2))));
    let odd = Addr::new(page(4).get() + 8).to_range(8).unwrap();
    let fault = Some(Fault::new(FaultKind::Protection, odd.start()));
    assert_eq!(rig.mm.pin(odd, R, CHECKED).1, fault);
    // Beyond every address space, and below the bit that a tag ends at.
    let end = Addr::new(1 << 54);
    let beyond = rig.mm.pin(end.to_range(PAGE).unwrap(), R, CHECKED).1;
    assert_eq!(beyond, Some(Fault::new(FaultKind::OutOfRange, end)));
    rig.check();
}

#[test]
fn pinned_pages_outlive_their_mapping() {
    let rig = Rig::new();
    let before = rig.memory.allocated_bytes();
    rig.map(0, 3, RW);
    store_all(&rig, [1, 2, 3]);
    let pinned = pin(&rig, 1, 1, R);
    rig.mm.munmap(page(0), 3 * PAGE).unwrap();
    assert_eq!(rig.memory.allocated_bytes(), before + PAGE);
    rig.map(0, 3, RW);
    store_all(&rig, [4, 5, 6]);
    assert_eq!(seen(&pinned, 1), 2);
    let Rig { mm, memory, .. } = rig;
    drop(mm);
    assert_eq!((seen(&pinned, 1), memory.allocated_bytes()), (2, before + PAGE));
    drop(pinned);
    assert_eq!(memory.allocated_bytes(), before);
}

#[test]
fn a_moved_page_is_still_pinned() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.store(page(0), &[1]).unwrap();
    let pinned = pin(&rig, 0, 1, W);
    let flags = crate::flags::MREMAP_MAYMOVE | crate::flags::MREMAP_FIXED;
    rig.mm.mremap(page(0), PAGE, PAGE, flags, page(8)).unwrap();
    let child = fork(&rig).unwrap();
    rig.store(page(8), &[2]).unwrap();
    assert_eq!((seen(&pinned, 0), child.load(page(8))), (2, Ok(1)));
    rig.check();
    child.check();
}

/// Every pin of every page is counted: what a fork copies is what some pin still holds.
#[test]
fn forks_copy_what_is_pinned_and_no_more() {
    const PAGES: u64 = 8;
    let rig = Rig::new();
    rig.map(0, PAGES, RW);
    rig.mm.zero_out(page(0), (PAGES * PAGE) as usize, CHECKED).unwrap();
    let mut held: Vec<(u64, u64, Pin)> = Vec::new();
    let mut state = 7u64;
    let mut below = |bound: u64| {
        state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        (state >> 33) % bound
    };
    for _ in 0..300 {
        if held.is_empty() || below(2) == 0 {
            let first = below(PAGES);
            let count = 1 + below(PAGES - first);
            held.push((first, count, pin(&rig, first, count, R)));
        } else {
            let gone = below(held.len() as u64) as usize;
            held.swap_remove(gone);
        }
        let expected: String = (0..PAGES)
            .map(|index| {
                let holds =
                    |(first, count, _): &(u64, u64, Pin)| (*first..first + count).contains(&index);
                if held.iter().any(holds) { 'o' } else { 'c' }
            })
            .collect();
        let child = fork(&rig).unwrap();
        assert_eq!((kinds(&rig, PAGES), kinds(&child, PAGES)), (expected.clone(), expected));
        drop(child);
        rig.check();
    }
    held.clear();
    assert!(rig.mm.pinned.is_empty());
}

#[test]
fn a_pinned_page_that_cannot_be_copied_fails_the_fork() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    store_all(&rig, [1, 2, 3]);
    // Up to here pages are shared before the next ones are looked at.
    rig.map(5, 1, RW);
    rig.mm.madvise(page(5), PAGE, 18).unwrap();
    rig.map(8, 2, RW);
    rig.store(page(9), &[9]).unwrap();
    let pinned = pin(&rig, 9, 1, W);
    let hog = everything_left(&rig);
    let (charged, allocated) = (rig.memory.charged_bytes(), rig.memory.allocated_bytes());
    assert_eq!(fork(&rig).err(), Some(Errno::ENOMEM));
    assert_eq!(rig.memory.charged_bytes(), charged);
    assert_eq!(rig.memory.allocated_bytes(), allocated);
    // The first mapping was shared already. Nobody else has it, so that no copy is needed, for
    // which there were no memory.
    assert_eq!(kinds(&rig, 3), "ccc");
    for (_, pma) in rig.mm.active.read().pmas.iter_in(keys(pages(0, 3))) {
        assert!(pma.file.file().has_unique_ref(pma.file.range()), "the child's reference is left");
    }
    rig.check();
    store_all(&rig, [11, 12, 13]);
    rig.store(page(9), &[19]).unwrap();
    assert_eq!((load_all(&rig), seen(&pinned, 9)), ([11, 12, 13], 19));
    drop(hog);
    let child = fork(&rig).unwrap();
    assert_eq!((load_all(&child), child.load(page(9))), ([11, 12, 13], Ok(19)));
}

/// Takes all that the memory file has.
fn everything_left(rig: &Rig) -> Vec<FileRef> {
    let mut taken = Vec::new();
    let mut len = rig.memory.capacity();
    while len >= PAGE {
        match rig.memory.allocate(len, AllocOpts::default()) {
            Ok(pages) => taken.push(pages),
            Err(_) => len /= 2,
        }
    }
    // Those that were used before are kept apart.
    let again = AllocOpts { commit: memfile::Commit::CallerOverwrites, ..AllocOpts::default() };
    while let Ok(pages) = rig.memory.allocate(PAGE, again) {
        taken.push(pages);
    }
    taken
}
