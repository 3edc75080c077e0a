//! Memory that nobody may write: it is not counted, and takes none.

use memfile::MemoryFile;
use usermem_io::Io;
use usermem_types::{Addr, Errno, FaultKind};

use super::rig::{CHECKED, NONE, POKE, R, RW, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, MmapRequest};

/// `MADV_POPULATE_READ`.
const POPULATE_READ: i32 = 22;
/// `MADV_COLLAPSE`.
const COLLAPSE: i32 = 25;
const PAGES: u64 = 3 * MemoryFile::ZEROS / PAGE;

/// Reads all of `pages` pages at page `index` of the window; returns whether they are zero.
fn are_zero(rig: &Rig, index: u64, pages: u64) -> bool {
    let mut bytes = vec![1; (pages * PAGE) as usize];
    assert_eq!(rig.mm.copy_in(page(index), &mut bytes, CHECKED), Ok(bytes.len()));
    bytes.iter().all(|byte| *byte == 0)
}

#[test]
fn reading_takes_no_memory() {
    let rig = Rig::with_limit(Some(PAGE));
    rig.map(5, PAGES, R);
    assert!(are_zero(&rig, 5, PAGES));
    for index in 5..5 + PAGES {
        assert_eq!(rig.load(page(index)), Ok(0));
    }
    assert_eq!((rig.memory.charged_bytes(), rig.memory.allocated_bytes()), (0, 0));
    assert!(rig.memory.committed_bytes() <= MemoryFile::ZEROS);
    rig.check();
    rig.mm.munmap(page(5), PAGES * PAGE).unwrap();
    rig.check();
}

#[test]
fn populating_for_reads_takes_no_memory() {
    let rig = Rig::new();
    rig.map(0, PAGES, R);
    rig.map_with(PAGES, PAGES, R, MmapFlags::PRIVATE | MmapFlags::POPULATE);
    rig.mm.madvise(page(0), PAGES * PAGE, POPULATE_READ).unwrap();
    rig.mm.mlock(page(0), PAGES * PAGE, 0).unwrap();
    assert_eq!(rig.memory.allocated_bytes(), 0);
    assert!(rig.memory.committed_bytes() <= MemoryFile::ZEROS);
    rig.check();
}

#[test]
fn zeros_are_nothing_to_make_huge_pages_of() {
    let rig = Rig::new();
    let start = (2 * MemoryFile::ZEROS - (super::rig::BASE % MemoryFile::ZEROS)) / PAGE;
    rig.map(start, PAGES, R);
    assert_eq!(rig.load(page(start + 7)), Ok(0));
    let collapse = || rig.mm.madvise(page(start), MemoryFile::ZEROS, COLLAPSE);
    assert_eq!(collapse(), Err(Errno::EINVAL));
    // Nor is what a debugger wrote beside them, which is not counted either.
    assert_eq!(rig.mm.copy_out(page(start + 8), b"poked", POKE), Ok(5));
    assert_eq!(collapse(), Err(Errno::EINVAL));
    assert!(rig.memory.committed_bytes() <= MemoryFile::ZEROS + 16 * PAGE);
    rig.check();
}

#[test]
fn memory_that_may_be_written_later_is_counted_then() {
    let rig = Rig::with_limit(Some(2 * PAGE));
    rig.map(0, 8, R);
    assert!(are_zero(&rig, 0, 8));
    assert_eq!(rig.mm.mprotect(page(0), 3 * PAGE, 3), Err(Errno::ENOMEM));
    rig.mm.mprotect(page(2), 2 * PAGE, 3).unwrap();
    rig.store(page(2), b"written").unwrap();
    assert_eq!(rig.mm.copy_out(page(3), b"also", CHECKED), Ok(4));
    assert_eq!((rig.load(page(2)), rig.load(page(3))), (Ok(b'w'), Ok(b'a')));
    assert!(are_zero(&rig, 0, 2) && are_zero(&rig, 4, 4));
    rig.check();
    // What was written stays when it cannot be written any more.
    rig.mm.mprotect(page(2), 2 * PAGE, 1).unwrap();
    assert_eq!((rig.load(page(2)), rig.load(page(3))), (Ok(b'w'), Ok(b'a')));
    rig.check();
}

#[test]
fn a_debugger_does_not_write_what_all_share() {
    let rig = Rig::new();
    rig.map(0, 4, R);
    rig.map(4, 4, NONE);
    assert!(are_zero(&rig, 0, 4));
    let mut word = [1; 8];
    assert_eq!(rig.mm.copy_in(page(5), &mut word, POKE), Ok(8));
    assert_eq!(word, [0; 8]);
    for index in [1, 5, 6] {
        assert_eq!(rig.mm.copy_out(page(index), b"poked", POKE), Ok(5));
    }
    assert_eq!(rig.load(page(1)), Ok(b'p'));
    rig.mm.mprotect(page(4), 4 * PAGE, 1).unwrap();
    assert_eq!((rig.load(page(5)), rig.load(page(6))), (Ok(b'p'), Ok(b'p')));
    // The same zeros as those of the pages that were poked.
    rig.map(512, 16, R);
    assert!(are_zero(&rig, 512, 16));
    rig.check();
}

#[test]
fn a_child_has_zeros_too() {
    let rig = Rig::new();
    rig.map(0, 4, R);
    assert!(are_zero(&rig, 0, 4));
    let space = std::sync::Arc::new(platform::null::NullAddressSpace::new());
    let child = rig.mm.fork(space).unwrap();
    child.mprotect(page(1), PAGE, 3).unwrap();
    assert_eq!(child.copy_out(page(1), b"child", CHECKED), Ok(5));
    assert!(are_zero(&rig, 0, 4));
    let mut bytes = vec![1; 4 * PAGE as usize];
    assert_eq!(child.copy_in(page(0), &mut bytes, CHECKED), Ok(bytes.len()));
    assert_eq!(&bytes[PAGE as usize..][..6], b"child\0");
    assert_eq!(bytes.iter().filter(|byte| **byte != 0).count(), 5);
    rig.check();
}

#[test]
fn a_terabyte_of_zeros_is_too_much() {
    let rig = Rig::new();
    let request = MmapRequest::anonymous(Addr::ZERO, 1 << 40, R, MmapFlags::empty());
    let start = rig.mm.mmap(request).unwrap();
    assert_eq!(rig.mm.madvise(start, 1 << 40, POPULATE_READ), Err(Errno::ENOMEM));
    let last = start.checked_add((1 << 40) - 1).unwrap();
    let fault = rig.mm.copy_in(last, &mut [0], CHECKED).unwrap_err();
    assert_eq!((fault.done, fault.cause.kind), (0, FaultKind::NoMemory));
    assert_eq!(rig.load(last).unwrap_err().signal, 7);
    // Others are not concerned.
    rig.map(0, 1, RW);
    rig.store(page(0), b"there").unwrap();
    rig.mm.munmap(start, 1 << 40).unwrap();
    rig.map(1, 1, R);
    assert_eq!(rig.load(page(1)), Ok(0));
    rig.check();
}
