//! Files of memory count against the limit on memory.

use std::sync::{Arc, Weak};

use hostfs::FileDescription;
use memfile::{MemoryFile, MemoryFileOptions};
use memmap::{InvalidateOpts, MappableRange, MappingSpace, TranslateError};
use usermem_io::IoCause;
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use crate::support::{write, write_at};

const PAGE: u64 = 4096;
const PAGES: u64 = 16;
const KEEP_SIZE: u32 = libc::FALLOC_FL_KEEP_SIZE as u32;
const PUNCH: u32 = KEEP_SIZE | libc::FALLOC_FL_PUNCH_HOLE as u32;

fn limited() -> (Arc<MemoryFile>, Arc<dyn FileDescription>) {
    let options = MemoryFileOptions {
        limit: Some(PAGES * PAGE),
        reservation: 1 << 26,
        ..MemoryFileOptions::default()
    };
    let memory = MemoryFile::new(options).unwrap();
    let file = hostfs::memfd(b"held", 0, Arc::clone(&memory) as _).unwrap();
    (memory, file)
}

fn no_space<T>() -> Result<T, IoCause> {
    Err(IoCause::Stream(Errno::ENOSPC))
}

fn bytes(pages: u64) -> Vec<u8> {
    vec![1; (pages * PAGE) as usize]
}

/// What Linux does with a file of a full tmpfs.
#[test]
fn writing_stops_at_the_limit() {
    let (memory, file) = limited();
    file.truncate(1 << 40).unwrap();
    assert_eq!(memory.charged_bytes(), 0, "a hole costs nothing");
    assert_eq!(write_at(&*file, &bytes(40), 0), Ok((PAGES * PAGE) as usize));
    assert_eq!(write_at(&*file, &bytes(1), 17 * PAGE), no_space());
    assert_eq!(write_at(&*file, &bytes(1), 3 * PAGE), Ok(PAGE as usize), "there already");
    assert_eq!(file.allocate(0, 20 * PAGE, PAGE), Err(Errno::ENOSPC));
    assert_eq!(file.allocate(KEEP_SIZE, 20 * PAGE, PAGE), Err(Errno::ENOSPC));
    assert_eq!(file.allocate(PUNCH, PAGE + 1, 2 * PAGE), Ok(()));
    assert_eq!(memory.charged_bytes(), (PAGES - 1) * PAGE, "one page is in it whole");
    assert_eq!(write_at(&*file, &bytes(1), 30 * PAGE), Ok(PAGE as usize));
    assert_eq!(write_at(&*file, &bytes(1), 31 * PAGE), no_space());
    file.truncate(2 * PAGE + 1).unwrap();
    // Pages 0 and 1: of the second only a part was punched.
    assert_eq!(memory.charged_bytes(), 2 * PAGE);
    let again = file.reopen(libc::O_RDWR as u32).unwrap();
    drop(file);
    assert_eq!(write_at(&*again, &bytes(40), 10 * PAGE), Ok(((PAGES - 2) * PAGE) as usize));
    drop(again);
    assert_eq!((memory.charged_bytes(), memory.peak_charged_bytes()), (0, PAGES * PAGE));
}

#[test]
fn what_is_refused_counts_nothing() {
    let (memory, file) = limited();
    assert_eq!(file.allocate(0, 0, 40 * PAGE), Err(Errno::ENOSPC));
    assert_eq!(memory.charged_bytes(), 0);
    // The host refuses these, or there is nothing to do.
    assert_eq!(file.allocate(0, u64::MAX - PAGE, PAGE), Err(Errno::EINVAL));
    assert_eq!(file.allocate(0, 0, 0), Err(Errno::EINVAL));
    assert_eq!(file.allocate(libc::FALLOC_FL_ZERO_RANGE as u32, 0, PAGE), Err(Errno::EOPNOTSUPP));
    assert_eq!(write(&*file, b""), Ok(0));
    assert_eq!(memory.charged_bytes(), 0);
    assert_eq!(file.allocate(KEEP_SIZE, 3 * PAGE, PAGE + 1), Ok(()));
    assert_eq!((memory.charged_bytes(), file.stat().unwrap().size), (2 * PAGE, 0));
}

#[test]
fn writes_at_the_files_own_offset_count_where_they_go() {
    let (memory, file) = limited();
    for _ in 0..4 {
        assert_eq!(write(&*file, &[1; 1000]), Ok(1000));
    }
    assert_eq!(memory.charged_bytes(), PAGE);
    assert_eq!(write(&*file, &[1; 1000]), Ok(1000));
    assert_eq!(memory.charged_bytes(), 2 * PAGE);
    let flags = file.status_flags() | hostfs::StatusFlags::APPEND;
    file.seek(0, hostfs::Whence::Start).unwrap();
    file.set_status_flags(flags).unwrap();
    assert_eq!(write(&*file, &bytes(1)), Ok(PAGE as usize));
    assert_eq!(memory.charged_bytes(), 3 * PAGE);
}

struct Nobody(#[expect(dead_code, reason = "not of size zero")] u8);

impl MappingSpace for Nobody {
    fn invalidate(&self, _: AddrRange, _: InvalidateOpts) {}
}

#[test]
fn what_is_shown_counts_and_no_more_is_shown() {
    let (memory, file) = limited();
    file.truncate(1 << 40).unwrap();
    let object = file.mapped_object().unwrap();
    let range = |start: u64, end: u64| MappableRange { start: start * PAGE, end: end * PAGE };
    let all = range(0, 1 << 20);
    let translate = |required| {
        let (pieces, error) = object.mappable.translate(required, all, AccessType::READ_WRITE);
        let shown: Vec<_> = pieces
            .iter()
            .map(|piece| (piece.source.start / PAGE, piece.source.end / PAGE))
            .collect();
        (shown, error)
    };
    let no_memory = Some(TranslateError::Errno(Errno::ENOMEM));
    assert_eq!(write(&*file, &bytes(1)), Ok(PAGE as usize));
    // Around what is required where there is room, and only that otherwise.
    assert_eq!(translate(range(5, 6)), (vec![(0, 16)], None));
    assert_eq!(memory.charged_bytes(), PAGES * PAGE);
    assert_eq!(translate(range(20, 21)), (vec![], no_memory));
    assert_eq!(translate(range(15, 17)), (vec![(15, 16)], no_memory));
    // While it is mapped, a page may come back after it was punched.
    let space: Arc<dyn MappingSpace> = Arc::new(Nobody(0));
    let weak: Weak<dyn MappingSpace> = Arc::downgrade(&space);
    let addrs = AddrRange::new(Addr::new(PAGE), Addr::new(17 * PAGE)).unwrap();
    object.mappable.add_mapping(&weak, addrs, 0, true).unwrap();
    file.allocate(PUNCH, 0, 8 * PAGE).unwrap();
    assert_eq!(memory.charged_bytes(), PAGES * PAGE);
    object.mappable.remove_mapping(&weak, addrs, 0, true);
    file.allocate(PUNCH, 0, 8 * PAGE).unwrap();
    assert_eq!(memory.charged_bytes(), 8 * PAGE);
    assert_eq!(translate(range(100, 101)), (vec![(100, 101)], None), "no room for those around");
    // The mapping keeps the file, and what it holds.
    drop(file);
    assert_ne!(memory.charged_bytes(), 0);
    drop(object);
    assert_eq!(memory.charged_bytes(), 0);
}
