//! What becomes of mappings when the host allows this process no more of them. Alone in its
//! process, whose mappings it uses up.

use std::sync::Arc;

use memfile::{AllocOpts, MemoryFile, MemoryFileOptions};
use memmap::{AddressSpace, AddressSpaceIo, FileRange, FileRef};
use platform::mirror::{MirrorAddressSpace, MirrorPlatform};
use usermem_types::{AccessType, Addr, AddrRange, Errno, FaultKind};

const PAGE: u64 = 4096;
const BASE: u64 = 0x10_0000;

fn page(index: u64) -> Addr {
    Addr::new(BASE + index * PAGE)
}

fn pages(first: u64, count: u64) -> AddrRange {
    page(first).to_range(count * PAGE).expect("a small range")
}

fn map(space: &MirrorAddressSpace, at: u64, file: &FileRef, count: u64) -> Result<(), Errno> {
    let start = file.range().start;
    let range = FileRange::new(start, start + count * PAGE);
    space.map_file(page(at), &**file.file(), range, AccessType::READ_WRITE, false)
}

fn is_reachable(space: &MirrorAddressSpace, index: u64) -> bool {
    match space.copy_in(page(index), &mut [0]) {
        Ok(_) => true,
        Err(partial) => {
            assert_eq!(partial.cause.kind, FaultKind::Unmapped);
            false
        }
    }
}

/// Uses up what the host allows, as far as a mirror gets.
fn fill(space: &MirrorAddressSpace, file: &FileRef) -> u64 {
    let mut at = 0;
    while let Ok(()) = map(space, at, file, 1) {
        at += 2;
        assert!(at < 1 << 18, "the host allows any number of mappings");
    }
    at
}

fn memory(reservation: u64) -> Option<Arc<MemoryFile>> {
    MemoryFile::new(MemoryFileOptions { reservation, ..MemoryFileOptions::default() }).ok()
}

/// Takes the last mappings there are, which a mirror leaves, and one more than can be cut.
fn exhaust() -> Vec<Arc<MemoryFile>> {
    let mut files = Vec::new();
    while let Some(file) = memory(1 << 26) {
        files.push(file);
        assert!(files.len() < 1000, "the host allows any number of mappings");
    }
    files
}

/// Maps runs of three pages, from the start of the window, two pages apart.
#[track_caller]
fn map_runs(space: &MirrorAddressSpace, file: &FileRef, runs: u64) {
    for run in 0..runs {
        map(space, run * 5, file, 3).expect("there is room");
    }
}

#[test]
fn nothing_stays_reachable_at_the_hosts_limit() {
    const RUNS: u64 = 16;
    let memory = memory(1 << 28).unwrap();
    let file = memory.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    let platform = MirrorPlatform::new().unwrap().with_window(1 << 30).with_max_pieces(usize::MAX);
    let space = platform.new_mirror().unwrap();
    let filler = platform.new_mirror().unwrap();

    // A refused mapping takes what was there with it.
    map_runs(&space, &file, RUNS);
    fill(&filler, &file);
    let before = space.mapped_bytes();
    assert_eq!(map(&space, 0, &file, 1), Err(Errno::ENOMEM));
    assert!(!is_reachable(&space, 0));
    assert!(is_reachable(&space, 5) && space.mapped_bytes() == before - PAGE);

    // Cutting a mapping is refused some time; then everything goes.
    for run in 1..RUNS {
        space.unmap(pages(run * 5 + 1, 1));
        assert!((1..=run).all(|run| !is_reachable(&space, run * 5 + 1)));
    }
    assert!(space.mapped_bytes() < RUNS * PAGE, "everything was hidden at some time");
    drop(filler);
    space.unmap(space.user_range());
    assert_eq!(space.mapped_bytes(), 0);

    // The same when the host has one mapping too many already to replace any.
    let filler = platform.new_mirror().unwrap();
    map_runs(&space, &file, RUNS);
    fill(&filler, &file);
    let rest = exhaust();
    assert!(!rest.is_empty());
    space.unmap(pages(6, 1));
    assert_eq!(space.mapped_bytes(), 0);
    assert!((0..RUNS * 5).all(|index| !is_reachable(&space, index)));
    assert_eq!(map(&space, 0, &file, 1), Err(Errno::ENOMEM));
    assert!(!is_reachable(&space, 0));

    // And all is well again when there is room.
    drop(rest);
    space.unmap(space.user_range());
    drop(filler);
    map_runs(&space, &file, RUNS);
    assert!((0..RUNS * 5).all(|index| is_reachable(&space, index) == (index % 5 < 3)));
    drop(space);
    drop(file);
    assert_eq!(memory.allocated_bytes(), 0);
}
