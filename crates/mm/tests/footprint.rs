//! What a memory manager costs, counted by an allocator of its own: hence alone in its process.
#![forbid(unsafe_code)]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

use std::alloc::System;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use memfile::{MemoryFile, MemoryFileOptions};
use memmap::{AddressSpace, File, FileRange};
use mm::{MemoryManager, MmapFlags, MmapRequest};
use parking_lot::Mutex;
use platform::null::NullAddressSpace;
use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};
use usermem_types::{AccessType, Addr, AddrRange, Errno};

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

/// One test at a time: what the others allocate would be counted too.
static ALONE: Mutex<()> = Mutex::new(());

const PAGE: u64 = 4096;
const RW: AccessType = AccessType::READ_WRITE;

/// An address space that counts what it is asked for.
#[derive(Debug, Default)]
struct Counting {
    space: NullAddressSpace,
    calls: AtomicUsize,
}

impl AddressSpace for Counting {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno> {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.space.map_file(addr, file, range, access, populate)
    }

    fn unmap(&self, range: AddrRange) {
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.space.unmap(range);
    }

    fn user_range(&self) -> AddrRange {
        self.space.user_range()
    }
}

fn memory() -> Arc<MemoryFile> {
    let options = MemoryFileOptions { reservation: 1 << 28, ..MemoryFileOptions::default() };
    MemoryFile::new(options).unwrap()
}

/// Returns the bytes on the heap since a region began.
fn held(region: &Region<'_, System>) -> isize {
    let change = region.change();
    change.bytes_allocated as isize - change.bytes_deallocated as isize + change.bytes_reallocated
}

#[test]
fn an_idle_memory_manager_costs_less_than_64_kib() {
    let _alone = ALONE.lock();
    let region = Region::new(ALLOCATOR);
    // Of the default size, except under an emulator that keeps a record of every page.
    let options = MemoryFileOptions::default();
    let reservation = if cfg!(target_arch = "x86_64") { options.reservation } else { 1 << 28 };
    let memory = MemoryFile::new(MemoryFileOptions { reservation, ..options }).unwrap();
    let file = held(&region);
    let space = Arc::new(NullAddressSpace::new());
    let mm = MemoryManager::new(Arc::clone(&space) as _, Arc::clone(&memory));
    let idle = held(&region);
    println!("{file} bytes for the file, {} for the manager", idle - file);
    assert!(idle < 64 << 10, "{idle} bytes, {file} of them for the file");
    // And with a program in it: a few mappings, touched.
    for index in 0..20 {
        let access = if index % 2 == 0 { RW } else { AccessType::READ };
        let addr = Addr::new(0x10_0000 + index * PAGE);
        let request = MmapRequest::anonymous(addr, PAGE, access, MmapFlags::FIXED);
        mm.mmap(request).unwrap();
    }
    mm.madvise(Addr::new(0x10_0000), 20 * PAGE, 22).unwrap();
    let busy = held(&region);
    assert!(busy < 64 << 10, "{busy} bytes");
}

#[test]
fn memory_managers_leave_nothing() {
    const ROUNDS: isize = 64;
    let _alone = ALONE.lock();
    let memory = memory();
    let region = Region::new(ALLOCATOR);
    for _ in 0..ROUNDS {
        let mm = MemoryManager::new(Arc::new(NullAddressSpace::new()), Arc::clone(&memory));
        let request = MmapRequest::anonymous(Addr::ZERO, 64 * PAGE, RW, MmapFlags::POPULATE);
        mm.mmap(request).unwrap();
        mm.fork(Arc::new(NullAddressSpace::new())).unwrap();
    }
    // The harness starts threads meanwhile.
    let each = held(&region) / ROUNDS;
    assert!(each < 512, "{each} bytes for each");
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}

/// A child of a program of many mappings costs what they are, and nothing once it is gone.
#[test]
fn forks_of_many_mappings_cost_in_proportion_and_leave_nothing() {
    const MAPPINGS: u64 = 65_000;
    let _alone = ALONE.lock();
    let memory = memory();
    let mm = MemoryManager::new(Arc::new(NullAddressSpace::new()), Arc::clone(&memory));
    for index in 0..MAPPINGS {
        let addr = Addr::new(0x10_0000 + 2 * index * PAGE);
        mm.mmap(MmapRequest::anonymous(addr, PAGE, RW, MmapFlags::FIXED)).unwrap();
    }
    assert_eq!(memory.allocated_bytes(), MAPPINGS * PAGE);
    let region = Region::new(ALLOCATOR);
    let children: Vec<_> =
        (0..8).map(|_| mm.fork(Arc::new(NullAddressSpace::new())).unwrap()).collect();
    assert_eq!(memory.allocated_bytes(), MAPPINGS * PAGE, "nothing was copied");
    assert_eq!(memory.charged_bytes(), 9 * MAPPINGS * PAGE);
    let each = held(&region) as u64 / 8 / MAPPINGS;
    assert!(each < 512, "{each} bytes for each mapping of each child");
    drop(children);
    assert_eq!(memory.charged_bytes(), MAPPINGS * PAGE);
    drop(mm);
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}

/// Steps and memory are bounded by the mappings and not by the addresses.
#[test]
fn gigantic_ranges_cost_what_is_mapped_there() {
    const GIGANTIC: u64 = 1 << 46;
    const START: Addr = Addr::new(1 << 30);
    let _alone = ALONE.lock();
    let memory = memory();
    let space = Arc::new(Counting::default());
    let mm = MemoryManager::new(Arc::clone(&space) as _, Arc::clone(&memory));
    mm.limits().memlock.set(u64::MAX);
    let request = |access, flags| MmapRequest::anonymous(START, GIGANTIC, access, flags);
    let flags = MmapFlags::FIXED | MmapFlags::NORESERVE;
    let few = |name: &str, call: &mut dyn FnMut() -> Result<(), Errno>| {
        space.calls.store(0, Ordering::Relaxed);
        let region = Region::new(ALLOCATOR);
        let answer = call();
        let change = region.change();
        let calls = space.calls.load(Ordering::Relaxed);
        assert!(calls <= 8, "{name}: {calls} calls of the address space");
        assert!(change.allocations <= 64, "{name}: {change:?}");
        assert!(change.bytes_allocated <= 64 << 10, "{name}: {change:?}");
        answer
    };
    let ok = Ok(());
    assert_eq!(few("mmap", &mut || mm.mmap(request(AccessType::NONE, flags)).map(drop)), ok);
    // A page here and there.
    for part in 1..4 {
        let addr = START.checked_add(part * (GIGANTIC / 4)).unwrap();
        mm.mmap(MmapRequest::anonymous(addr, PAGE, RW, MmapFlags::FIXED)).unwrap();
    }
    assert_eq!(few("mprotect", &mut || mm.mprotect(START, GIGANTIC, 3)), ok);
    // Every advice there is, and some that there are not.
    for advice in (0..110).filter(|advice| ![22, 23].contains(advice)) {
        let answer = few("madvise", &mut || mm.madvise(START, GIGANTIC, advice));
        assert!(answer == Ok(()) || answer == Err(Errno::EINVAL), "{advice}: {answer:?}");
    }
    mm.madvise(START, GIGANTIC, 103).unwrap();
    for advice in [22, 23] {
        let answer = few("populate", &mut || mm.madvise(START, GIGANTIC, advice));
        assert_eq!(answer, Err(Errno::ENOMEM));
    }
    assert_eq!(few("mlock", &mut || mm.mlock(START, GIGANTIC, 0)), Err(Errno::EAGAIN));
    assert_eq!(few("munlock", &mut || mm.munlock(START, GIGANTIC)), ok);
    assert_eq!(few("mlock2", &mut || mm.mlock(START, GIGANTIC, 1)), ok);
    assert_eq!(few("munlock", &mut || mm.munlock(START, GIGANTIC)), ok);
    assert_eq!(few("mlockall", &mut || mm.mlockall(1)), ok);
    mm.munlockall();
    assert_eq!(few("msync", &mut || mm.msync(START, GIGANTIC, 4)), ok);
    let mincore = || mm.mincore(START, GIGANTIC)?.take(4).try_for_each(|piece| piece.map(drop));
    assert_eq!(few("mincore", &mut || mincore()), ok);
    assert_eq!(few("mseal", &mut || mm.mseal(START.checked_add(GIGANTIC).unwrap(), 0, 0)), ok);
    assert_eq!(few("munmap", &mut || mm.munmap(START, GIGANTIC)), ok);
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
    // Memory at once that nobody has: as far as it goes, and then nothing of it.
    let all = flags | MmapFlags::POPULATE;
    assert_eq!(few("populate", &mut || mm.mmap(request(RW, all)).map(drop)), ok);
    assert_eq!(memory.allocated_bytes(), 0);
    let shared = || {
        let request = request(RW, flags);
        let flags = (request.flags - MmapFlags::PRIVATE) | MmapFlags::SHARED;
        mm.mmap(MmapRequest { flags, ..request }).map(drop)
    };
    assert_eq!(few("shared", &mut || shared()), Err(Errno::ENOMEM));
    assert_eq!(few("munmap", &mut || mm.munmap(START, GIGANTIC)), ok);
    drop(mm);
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}
