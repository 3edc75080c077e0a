use super::*;
use crate::MemoryFileOptions;

const PAGE: u64 = 4096;

fn file(limit: Option<u64>) -> Arc<MemoryFile> {
    let options = MemoryFileOptions { limit, reservation: 1 << 31, ..MemoryFileOptions::default() };
    MemoryFile::new(options).unwrap()
}

fn translate(
    memory: &SharedMemory,
    required: (u64, u64),
    optional: (u64, u64),
) -> (Vec<(u64, u64)>, Option<TranslateError>) {
    let range = |(start, end)| MappableRange { start, end };
    let (pieces, error) =
        memory.translate(range(required), range(optional), AccessType::READ_WRITE);
    for piece in &pieces {
        assert_eq!(piece.source.len(), piece.file.range().len());
        assert_eq!(piece.perms, AccessType::ALL);
    }
    (pieces.iter().map(|piece| (piece.source.start, piece.source.end)).collect(), error)
}

#[test]
fn an_offset_always_is_the_same_page() {
    let file = file(None);
    let memory = SharedMemory::new(&file, 3 * PAGE).unwrap();
    let at = |start, end| MappableRange { start, end };
    let whole = at(0, 3 * PAGE);
    let (all, _) = memory.translate(whole, whole, AccessType::READ);
    let (one, _) = memory.translate(at(PAGE, 2 * PAGE), at(PAGE, 2 * PAGE), AccessType::READ);
    assert_eq!(one[0].file.range().start, all[0].file.range().start + PAGE);
    assert!(Arc::ptr_eq(one[0].file.file(), all[0].file.file()));
}

#[test]
fn translations_end_with_the_object() {
    let file = file(None);
    // Sizes count in whole pages.
    let memory = SharedMemory::new(&file, 2 * PAGE + 1).unwrap();
    assert_eq!(memory.size(), 3 * PAGE);
    let beyond = Some(TranslateError::BeyondEnd);
    let end = (0, 10 * PAGE);
    assert_eq!(translate(&memory, (0, PAGE), end), (vec![(0, 3 * PAGE)], None));
    assert_eq!(translate(&memory, (2 * PAGE, 3 * PAGE), end), (vec![(0, 3 * PAGE)], None));
    assert_eq!(translate(&memory, (2 * PAGE, 4 * PAGE), end), (vec![(0, 3 * PAGE)], beyond));
    assert_eq!(translate(&memory, (3 * PAGE, 4 * PAGE), end), (vec![], beyond));
    let top = (u64::MAX - PAGE + 1, u64::MAX);
    assert_eq!(translate(&memory, top, top), (vec![], beyond));
}

#[test]
fn translations_stay_in_what_is_optional_and_near_what_is_required() {
    let file = file(None);
    let memory = SharedMemory::new(&file, 4 * WINDOW).unwrap();
    let required = (PAGE, 2 * PAGE);
    assert_eq!(translate(&memory, required, required), (vec![required], None));
    assert_eq!(translate(&memory, required, (0, 4 * WINDOW)), (vec![(0, WINDOW)], None));
    let across = (WINDOW - PAGE, WINDOW + PAGE);
    assert_eq!(translate(&memory, across, (PAGE, 4 * WINDOW)), (vec![(PAGE, 2 * WINDOW)], None));
}

#[test]
fn everything_is_released_with_the_last_of_object_and_translations() {
    let file = file(None);
    let memory = SharedMemory::new(&file, 4 * PAGE).unwrap();
    assert_eq!((file.allocated_bytes(), file.charged_bytes()), (4 * PAGE, 4 * PAGE));
    let range = MappableRange { start: PAGE, end: 2 * PAGE };
    let (pieces, _) = memory.translate(range, range, AccessType::READ);
    drop(memory);
    assert_eq!((file.allocated_bytes(), file.charged_bytes()), (PAGE, 0));
    drop(pieces);
    assert_eq!(file.allocated_bytes(), 0);
}

#[test]
fn creation_fails_at_the_limit_and_leaves_nothing() {
    let file = file(Some(4 * PAGE));
    assert_eq!(SharedMemory::new(&file, 5 * PAGE).unwrap_err(), Errno::ENOMEM);
    assert_eq!(SharedMemory::new(&file, u64::MAX).unwrap_err(), Errno::ENOMEM);
    assert_eq!(SharedMemory::new(&file, 0).unwrap_err(), Errno::EINVAL);
    assert_eq!((file.allocated_bytes(), file.charged_bytes()), (0, 0));
    let held = SharedMemory::new(&file, 4 * PAGE).unwrap();
    assert_eq!(SharedMemory::new(&file, PAGE).unwrap_err(), Errno::ENOMEM);
    drop(held);
    assert!(SharedMemory::new(&file, PAGE).is_ok());
}

#[test]
fn objects_have_a_name_and_numbers_of_their_own() {
    let file = file(None);
    let first = SharedMemory::new(&file, PAGE).unwrap();
    let second = SharedMemory::new(&file, PAGE).unwrap();
    assert_eq!(first.name(), b"/dev/zero (deleted)");
    assert_eq!((first.device(), second.device()), ((0, 1), (0, 1)));
    assert_ne!(first.inode(), second.inode());
    let object = first.into_object();
    assert_eq!(object.identity.msync(MappableRange { start: 0, end: PAGE }), Ok(()));
}
