//! Windows, checked against a table and against what the host says is mapped.

use std::collections::BTreeMap;
use std::os::fd::AsFd;

use memmap::{AddressSpace, AddressSpaceIo, File, FileRange};
use usermem_types::{AccessType, Addr, AddrRange, Errno, Fault, FaultKind, Partial};

use super::{MirrorAddressSpace, MirrorPlatform};
use crate::test_file::TestFile;
use crate::{Platform, SoftCpu};

const PAGE: u64 = 4096;
const BASE: u64 = 0x10_0000;

fn new_space() -> MirrorAddressSpace {
    MirrorPlatform::new().unwrap().with_window(1 << 24).new_mirror().unwrap()
}

fn page(index: u64) -> Addr {
    Addr::new(BASE + index * PAGE)
}

fn pages(first: u64, count: u64) -> AddrRange {
    page(first).to_range(count * PAGE).unwrap()
}

/// A file whose pages hold their numbers plus one.
fn numbered(count: u64) -> TestFile {
    let file = TestFile::new(count);
    for index in 0..count {
        file.write(index * PAGE, &[u8::try_from(index + 1).unwrap(); 4096]);
    }
    file
}

#[track_caller]
fn map(
    space: &MirrorAddressSpace,
    at: u64,
    file: &TestFile,
    (first, count): (u64, u64),
    access: AccessType,
) {
    let range = FileRange::new(first * PAGE, (first + count) * PAGE);
    space.map_file(page(at), file, range, access, false).unwrap();
}

/// Returns how many mappings of a file the host lists for this process.
fn host_mappings(file: &TestFile) -> usize {
    let inode = rustix::fs::fstat(file.fd().as_fd()).unwrap().st_ino.to_string();
    let maps = std::fs::read_to_string("/proc/self/maps").unwrap();
    maps.lines().filter(|line| line.split_whitespace().nth(4) == Some(&inode)).count()
}

fn fault<T>(done: usize, kind: FaultKind, addr: Addr) -> Result<T, Partial<Fault>> {
    Err(Partial::new(done, Fault::new(kind, addr)))
}

/// Loads, stores, fetches and copies agree, page by page, with a table that has one entry for each
/// page.
#[test]
fn the_window_agrees_with_a_table_of_pages() {
    let file = numbered(64);
    let space = new_space();
    let cpu = SoftCpu::new(&space);
    let mut model: BTreeMap<u64, (u8, AccessType)> = BTreeMap::new();
    let mut seed = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |bound: u64| {
        seed ^= seed << 13;
        seed ^= seed >> 7;
        seed ^= seed << 17;
        seed % bound
    };
    for step in 0..500 {
        let (at, count) = (random(32), 1 + random(8));
        if random(3) == 0 {
            space.unmap(pages(at, count));
            model.retain(|index, _| *index < at || *index >= at + count);
        } else {
            let first = random(32);
            let access = AccessType::from_prot(u32::try_from(random(8)).unwrap());
            map(&space, at, &file, (first, count), access);
            for index in 0..count {
                let number = u8::try_from(first + index + 1).unwrap();
                model.insert(at + index, (number, access.effective()));
            }
        }
        for index in 0..42 {
            let addr = page(index).checked_add(random(PAGE)).unwrap();
            let entry = model.get(&index).copied();
            let (number, access) = entry.unwrap_or((0, AccessType::NONE));
            let expected = |allowed: bool| if allowed { Ok(()) } else { Err(entry.is_some()) };
            let mut byte = [0];
            let loaded = cpu.load(addr, &mut byte).map_err(|fault| fault.denied);
            assert_eq!(loaded, expected(access.read()), "step {step}, load of {addr}");
            assert!(byte[0] == number || !access.read(), "step {step}: {byte:?} at {addr}");
            let stored = cpu.store(addr, &[number]).map_err(|fault| fault.denied);
            assert_eq!(stored, expected(access.write()), "step {step}, store to {addr}");
            let fetched = cpu.fetch(addr, &mut byte).map_err(|fault| fault.denied);
            assert_eq!(fetched, expected(access.execute()), "step {step}, fetch of {addr}");
        }
        assert_eq!(space.mapped_bytes(), PAGE * u64::try_from(model.len()).unwrap());
    }
    drop(space);
    assert_eq!(host_mappings(&file), 0);
}

#[test]
fn counts_and_addresses_of_faults_are_exact() {
    let file = numbered(3);
    let space = new_space();
    map(&space, 0, &file, (0, 2), AccessType::READ_WRITE);
    map(&space, 2, &file, (2, 1), AccessType::READ);
    let mut bytes = vec![0; 4 * 4096];
    for before in [1, 2, 7, 8, 15, 16, 31, 33, 64, 255, 600, 4095, 4096, 5000] {
        let start = |end: Addr| end.checked_sub(before).unwrap();
        let done = usize::try_from(before).unwrap();
        let read = space.copy_in(start(page(3)), &mut bytes[..done + 100]);
        assert_eq!(read, fault(done, FaultKind::Unmapped, page(3)));
        let written = space.copy_out(start(page(2)), &bytes[..done + 100]);
        assert_eq!(written, fault(done, FaultKind::Protection, page(2)));
        let zeroed = space.zero_out(start(page(2)), done + 100);
        assert_eq!(zeroed, fault(done, FaultKind::Protection, page(2)));
    }
    assert_eq!(file.read::<2>(2 * PAGE), [3, 3]);
    assert_eq!(space.copy_in(page(2), &mut bytes[..4096]), Ok(4096));
    assert_eq!(bytes[..4096], [3; 4096]);
}

#[test]
fn accesses_outside_of_the_window_reach_nothing() {
    let file = numbered(2);
    let space = new_space();
    let user = space.user_range();
    let mut bytes = [0; 4096];
    for addr in [0, 0xffff, user.end().get(), 1 << 47, 1 << 63, u64::MAX - 100, u64::MAX] {
        let addr = Addr::new(addr);
        let unmapped = Fault::new(FaultKind::Unmapped, addr);
        assert_eq!(space.copy_in(addr, &mut bytes), fault(0, FaultKind::Unmapped, addr));
        assert_eq!(space.copy_out(addr, &bytes), fault(0, FaultKind::Unmapped, addr));
        assert_eq!(space.zero_out(addr, usize::MAX), fault(0, FaultKind::Unmapped, addr));
        assert_eq!(space.load_u32(addr), Err(unmapped));
        assert_eq!(SoftCpu::new(&space).fetch(addr, &mut bytes).unwrap_err().addr, addr);
    }
    let last = user.end().checked_sub(PAGE).unwrap();
    let range = FileRange::new(0, PAGE);
    space.map_file(last, &file, range, AccessType::READ_WRITE, false).unwrap();
    let start = user.end().checked_sub(10).unwrap();
    assert_eq!(space.copy_in(start, &mut bytes), fault(10, FaultKind::Unmapped, user.end()));
    assert_eq!(space.copy_out(start, &bytes), fault(10, FaultKind::Unmapped, user.end()));
    assert_eq!(space.zero_out(start, usize::MAX), fault(10, FaultKind::Unmapped, user.end()));
    assert_eq!(space.copy_in(Addr::ZERO, &mut []), Ok(0));
}

#[test]
fn words_are_accessed_where_the_application_has_them() {
    let file = TestFile::new(2);
    let space = new_space();
    map(&space, 0, &file, (0, 1), AccessType::READ_WRITE);
    map(&space, 1, &file, (1, 1), AccessType::READ);
    let word = page(0).checked_add(8).unwrap();
    assert_eq!(space.swap_u32(word, 7), Ok(0));
    assert_eq!(space.compare_exchange_u32(word, 6, 9), Ok(7));
    assert_eq!(space.compare_exchange_u32(word, 7, 9), Ok(7));
    assert_eq!(space.load_u32(word), Ok(9));
    assert_eq!(file.read::<4>(8), 9u32.to_ne_bytes());
    let denied = Err(Fault::new(FaultKind::Protection, page(1)));
    assert_eq!((space.load_u32(page(1)), space.swap_u32(page(1), 1)), (Ok(0), denied));
    assert_eq!(space.compare_exchange_u32(page(1), 5, 1), denied);
    assert_eq!(space.load_u32(page(2)), Err(Fault::new(FaultKind::Unmapped, page(2))));
    let odd = page(0).checked_add(1).unwrap();
    assert_eq!(space.load_u32(odd), Err(Fault::new(FaultKind::Misaligned, odd)));
}

#[test]
fn pages_beyond_the_end_of_the_file_are_bus_errors() {
    let file = numbered(2);
    let space = new_space();
    map(&space, 0, &file, (0, 3), AccessType::READ_WRITE);
    let mut bytes = [0; 2 * 4096];
    assert_eq!(space.copy_in(page(1), &mut bytes), fault(4096, FaultKind::Bus, page(2)));
    assert_eq!(space.swap_u32(page(2), 1), Err(Fault::new(FaultKind::Bus, page(2))));
    rustix::fs::ftruncate(file.fd(), PAGE).unwrap();
    assert_eq!(space.copy_in(page(0), &mut bytes), fault(4096, FaultKind::Bus, page(1)));
    assert!(SoftCpu::new(&space).store(page(1), b"x").unwrap_err().bus);
}

#[test]
fn bad_ranges_are_refused() {
    let file = TestFile::new(1);
    let space = new_space();
    let end = space.user_range().end().get();
    for addr in [0, 0xf000, BASE + 1, end, u64::MAX - 4095] {
        let range = FileRange::new(0, PAGE);
        let result = space.map_file(Addr::new(addr), &file, range, AccessType::READ, false);
        assert_eq!(result, Err(Errno::EINVAL), "{addr:#x}");
    }
    for range in [FileRange::new(1, 4097), FileRange::new(0, 100), FileRange::new(0, 0)] {
        let result = space.map_file(page(0), &file, range, AccessType::READ, false);
        assert_eq!(result, Err(Errno::EINVAL), "{range:?}");
    }
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (0, 0));
}

#[test]
fn a_mapping_that_is_refused_leaves_nothing_of_what_was_there() {
    let file = numbered(4);
    let space = new_space();
    let before = host_mappings(&file);
    map(&space, 0, &file, (0, 4), AccessType::READ_WRITE);
    let range = FileRange::new(0, 2 * PAGE);
    let folder = TestFile::folder();
    let refused = space.map_file(page(1), &folder, range, AccessType::READ, false);
    assert_eq!(refused, Err(Errno::ENODEV));
    let mut byte = [0];
    for index in [1, 2] {
        let unmapped = fault(0, FaultKind::Unmapped, page(index));
        assert_eq!(space.copy_in(page(index), &mut byte), unmapped);
    }
    for (index, number) in [(0, 1), (3, 4)] {
        assert_eq!(space.copy_in(page(index), &mut byte), Ok(1));
        assert_eq!(byte, [number]);
    }
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (2 * PAGE, before + 2));
}

#[test]
fn a_space_shows_so_many_pieces_and_no_more() {
    let file = numbered(8);
    let platform = MirrorPlatform::new().unwrap().with_window(1 << 24).with_max_pieces(4);
    let space = platform.new_mirror().unwrap();
    for at in 0..4 {
        map(&space, 2 * at, &file, (at, 1), AccessType::READ);
    }
    map(&space, 2, &file, (7, 1), AccessType::READ);
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (4 * PAGE, 4));
    map(&space, 8, &file, (0, 8), AccessType::READ);
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (8 * PAGE, 1), "older ones are gone");
    for at in [9, 11, 13] {
        space.unmap(pages(at, 1));
    }
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (5 * PAGE, 4));
    space.unmap(pages(15, 1));
    assert_eq!(host_mappings(&file), 4);
    map(&space, 13, &file, (0, 3), AccessType::READ);
    space.unmap(pages(14, 1));
    assert_eq!((space.mapped_bytes(), host_mappings(&file)), (0, 0), "a cut makes one too many");
}

#[test]
fn neighbouring_windows_are_strangers() {
    let file = numbered(16);
    // Fresh reservations usually lie side by side.
    let platform = MirrorPlatform::new().unwrap().with_window(16 * PAGE);
    let mut spaces: Vec<_> = (0..8).map(|_| platform.new_mirror().unwrap()).collect();
    let whole = FileRange::new(0, 16 * PAGE);
    for space in &spaces {
        let start = space.user_range().start();
        space.map_file(start, &file, whole, AccessType::READ_WRITE, false).unwrap();
    }
    while let Some(space) = spaces.pop() {
        space.unmap(space.user_range());
        for other in &spaces {
            let mut bytes = [0; 16 * 4096];
            assert_eq!(other.copy_in(other.user_range().start(), &mut bytes), Ok(bytes.len()));
        }
    }
}

#[test]
fn the_platform_runs_no_code() {
    let platform = MirrorPlatform::new().unwrap().with_window(1);
    let space = platform.new_address_space().unwrap();
    assert_eq!(space.user_range().len(), 1 << 16, "whole pages of every size");
    assert_eq!(platform.new_context(&space).map(drop).unwrap_err().errno, Errno::ENOSYS);
    let huge = platform.with_window(u64::MAX).new_mirror().map(drop).unwrap_err();
    assert_eq!(huge.errno, Errno::ENOMEM);
}
