//! What happens when something runs out, and what is left of it afterwards: nothing.

use std::sync::Arc;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MmapFlags, MmapRequest};
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, Errno, FaultKind};

use crate::machine::Null;
use crate::rig::{PAGE, RW, Rig, bus, page};

const MIB: u64 = 1 << 20;
const HUGE: u64 = 2 * MIB;

/// A memory file as small as there are.
fn small() -> Arc<MemoryFile> {
    let options = MemoryFileOptions { reservation: 64 * MIB, ..MemoryFileOptions::default() };
    let memory = MemoryFile::new(options).unwrap();
    assert_eq!(memory.capacity(), 64 * MIB);
    memory
}

#[track_caller]
fn nothing_is_left(memory: &MemoryFile) {
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}

/// Returns the first page of a huge page of the window.
fn huge(index: u64) -> Addr {
    page(index * HUGE / PAGE)
}

#[test]
fn a_full_memory_file_is_out_of_memory_and_nothing_else() {
    let memory = small();
    let mut rig = Rig::<Null>::with_memory(&memory);
    let parts = 10_000;
    rig.map(0, parts * (HUGE / PAGE), RW);
    // Half of the file goes for whole neighbourhoods, the rest page by page.
    let fits = 32 * MIB / HUGE + 32 * MIB / PAGE;
    for part in 0..fits {
        assert_eq!(rig.store(huge(part), 1), Ok(()), "{part}");
    }
    assert_eq!(memory.allocated_bytes(), memory.capacity());
    let next = huge(fits);
    assert_eq!(rig.store(next, 1), Err(bus(next)));
    assert_eq!(rig.load(next), Err(bus(next)));
    let refused = rig.poke(next, 1).unwrap_err();
    assert_eq!((refused.done, refused.cause.kind), (0, FaultKind::NoMemory));
    // A long write goes as far as there are pages.
    let last = huge(fits - 1);
    let refused = rig.mm.copy_out(last, &[2; 3 * PAGE as usize], IoOpts::CHECKED).unwrap_err();
    assert_eq!((refused.done, refused.cause.kind), (PAGE as usize, FaultKind::NoMemory));
    assert_eq!(rig.mm.madvise(next, PAGE, 23), Err(Errno::ENOMEM));
    rig.mm.limits().memlock.set(u64::MAX);
    assert_eq!(rig.mm.mlock(next, PAGE, 0), Err(Errno::EAGAIN));
    // What is there stays usable, and one page that goes can be had again.
    assert_eq!(rig.load(huge(7)), Ok(1));
    rig.mm.munmap(huge(100), PAGE).unwrap();
    assert_eq!(rig.store(next, 1), Ok(()));
    assert_eq!(memory.allocated_bytes(), memory.capacity());
    rig.mm.munmap(page(0), parts * HUGE).unwrap();
    nothing_is_left(&memory);
    assert!(memory.committed_bytes() <= 8 * MIB, "what is kept for the next");
}

#[test]
fn the_last_page_of_a_full_memory_file_can_be_copied_to() {
    let memory = small();
    let rig = Rig::<Null>::with_memory(&memory);
    rig.map(0, 64, RW);
    rig.mm.copy_out(page(0), &[1; 64 * PAGE as usize], IoOpts::CHECKED).unwrap();
    let child = rig.fork();
    // Fill the file but for two pages, which lie apart.
    let free = (memory.capacity() - memory.allocated_bytes()) / PAGE;
    rig.map(1024, free, RW);
    rig.mm.madvise(page(1024), free * PAGE, 23).unwrap();
    for index in [5, 9] {
        rig.mm.madvise(page(1024 + index), PAGE, 4).unwrap();
    }
    assert_eq!(memory.allocated_bytes(), memory.capacity() - 2 * PAGE);
    // Copies in order would take more at once, were there more.
    assert_eq!(child.poke(page(0), 2), Ok(()));
    assert_eq!(child.poke(page(1), 2), Ok(()));
    let refused = child.poke(page(2), 2).unwrap_err();
    assert_eq!(refused.cause.kind, FaultKind::NoMemory);
    assert_eq!((child.peek(page(1)), child.peek(page(2))), (Ok(2), Ok(1)));
    // The parent has what it had, and once the child is gone writes without a copy.
    assert_eq!(rig.poke(page(2), 3).unwrap_err().cause.kind, FaultKind::NoMemory);
    drop(child);
    assert_eq!(rig.poke(page(2), 3), Ok(()));
    assert_eq!(rig.peek(page(1)), Ok(1));
    drop(rig);
    nothing_is_left(&memory);
}

#[test]
fn more_than_the_limit_is_refused_at_the_call() {
    let limit = 8 * MIB;
    let options = MemoryFileOptions {
        limit: Some(limit),
        reservation: 64 * MIB,
        ..MemoryFileOptions::default()
    };
    let memory = MemoryFile::new(options).unwrap();
    let rig = Rig::<Null>::with_memory(&memory);
    for flags in [MmapFlags::empty(), MmapFlags::POPULATE, MmapFlags::LOCKED] {
        rig.mm.limits().memlock.set(u64::MAX);
        for kind in [MmapFlags::PRIVATE, MmapFlags::SHARED] {
            let request = |len| MmapRequest {
                flags: flags | kind | MmapFlags::ANONYMOUS,
                ..MmapRequest::anonymous(Addr::ZERO, len, RW, MmapFlags::empty())
            };
            assert_eq!(rig.mm.mmap(request(limit + 1)), Err(Errno::ENOMEM));
            nothing_is_left(&memory);
            // All that was granted can be written.
            let addr = rig.mm.mmap(request(limit)).unwrap();
            let all = vec![1; limit as usize];
            assert_eq!(rig.mm.copy_out(addr, &all, IoOpts::CHECKED), Ok(all.len()));
            assert_eq!(rig.mm.mmap(request(1)), Err(Errno::ENOMEM));
            // A child may write all of it as well, so there can be none.
            if kind == MmapFlags::PRIVATE {
                let space = Arc::new(platform::null::NullAddressSpace::new());
                assert_eq!(rig.mm.fork(space).err(), Some(Errno::ENOMEM));
                assert_eq!(memory.charged_bytes(), limit);
            }
            rig.mm.munmap(addr, limit).unwrap();
            nothing_is_left(&memory);
        }
    }
}

/// Each a child of the one before, each with pages of its own and pages of all those before.
#[test]
fn long_lines_of_forks_leave_nothing_in_any_order() {
    const GENERATIONS: u64 = 60;
    for step in [1, 7, 59] {
        let memory = small();
        let mut line = vec![Rig::<Null>::with_memory(&memory)];
        line[0].map(0, GENERATIONS, RW);
        for generation in 0..GENERATIONS {
            let child = line.last().unwrap().fork();
            child.poke(page(generation), 1 + generation as u8).unwrap();
            line.push(child);
        }
        let mut at = 0;
        while !line.is_empty() {
            at = (at + step) % line.len();
            let gone = line.remove(at);
            drop(gone);
            for left in &line {
                assert_eq!(left.mm.usage().vm_bytes, GENERATIONS * PAGE);
            }
        }
        nothing_is_left(&memory);
    }
}
