//! Host files as objects to map.

use std::fs;
use std::sync::{Arc, Mutex, Weak};

use hostfs::FileDescription;
use memmap::{FileRange, InvalidateOpts, MappableRange, MappingSpace, TranslateError};
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{AccessType, Addr, AddrRange, Errno, FaultKind};

use crate::support::{Fixture, unlimited};

const PAGE: u64 = 4096;

fn fixture(pages: u8) -> Fixture {
    safecopy::init().unwrap();
    Fixture::new(&["/"], |dir| {
        let contents: Vec<u8> = (0..pages).flat_map(|page| [b'a' + page; PAGE as usize]).collect();
        fs::write(dir.join("file"), contents).unwrap();
    })
}

fn range(start: u64, end: u64) -> MappableRange {
    MappableRange { start, end }
}

/// Translates a range and returns (start, end) of what came back, and the error.
fn translate(
    file: &dyn FileDescription,
    required: MappableRange,
    optional: MappableRange,
    access: AccessType,
) -> (Vec<(u64, u64)>, Option<TranslateError>) {
    let object = file.mapped_object().unwrap();
    let (translations, error) = object.mappable.translate(required, optional, access);
    for translation in &translations {
        assert_eq!(translation.file.range().start, translation.source.start);
        assert_eq!(translation.file.range().end, translation.source.end);
    }
    (translations.iter().map(|t| (t.source.start, t.source.end)).collect(), error)
}

#[test]
fn translations_end_with_the_file() {
    let fixture = fixture(2);
    fs::File::options().write(true).open(fixture.host("file")).unwrap().set_len(PAGE + 1).unwrap();
    let file = fixture.open("file", libc::O_RDONLY).unwrap();
    let all = range(0, 16 * PAGE);
    let read = AccessType::READ;
    assert_eq!(translate(file.as_ref(), range(0, PAGE), all, read), (vec![(0, 2 * PAGE)], None));
    let beyond = Some(TranslateError::BeyondEnd);
    let required = range(PAGE, 3 * PAGE);
    assert_eq!(translate(file.as_ref(), required, all, read), (vec![(0, 2 * PAGE)], beyond));
    assert_eq!(translate(file.as_ref(), range(2 * PAGE, 3 * PAGE), all, read), (vec![], beyond));
    let refused = Some(TranslateError::Errno(Errno::EACCES));
    let write = AccessType::READ_WRITE;
    assert_eq!(translate(file.as_ref(), range(0, PAGE), all, write), (vec![], refused));
}

#[test]
fn all_opens_of_a_file_share_its_pages() {
    let fixture = fixture(1);
    fs::hard_link(fixture.host("file"), fixture.host("other")).unwrap();
    let reader = fixture.open("file", libc::O_RDONLY).unwrap();
    let writer = fixture.open("other", libc::O_RDWR).unwrap();
    let all = range(0, PAGE);
    let pages = |file: &dyn FileDescription, access| {
        let object = file.mapped_object().unwrap();
        let (mut translations, _) = object.mappable.translate(all, all, access);
        translations.remove(0)
    };
    let read = pages(reader.as_ref(), AccessType::READ);
    assert_eq!(read.perms, AccessType::READ_EXECUTE);
    // Nobody who may write has mapped it yet.
    let page = FileRange::new(0, PAGE);
    assert_eq!(read.file.file().destination(page).err(), Some(Errno::EACCES));
    let write = pages(writer.as_ref(), AccessType::READ_WRITE);
    assert_eq!(write.perms, AccessType::ALL);
    assert!(Arc::ptr_eq(read.file.file(), write.file.file()));
    let owners = [&reader, &writer].map(|file| file.mapped_object().unwrap());
    assert_eq!(owners[0].mappable.owner_of_pages(), owners[1].mappable.owner_of_pages());

    let dst = write.file.file().destination(page).unwrap();
    assert_eq!(safecopy::copy(dst, SrcBlock::from_slice(b"new")), Ok(3));
    assert_eq!(&fs::read(fixture.host("file")).unwrap()[..4], b"newa");
    let mut seen = [0; 4];
    let src = read.file.file().source(page).unwrap();
    assert_eq!(src.len(), PAGE as usize);
    assert_eq!(safecopy::copy(DstBlock::from_slice(&mut seen), src), Ok(4));
    assert_eq!(&seen, b"newa");
    let object = reader.mapped_object().unwrap();
    assert_eq!(object.identity.name(), b"/file");
    assert_eq!(writer.mapped_object().unwrap().identity.name(), b"/other");
    assert_eq!(object.identity.inode(), reader.stat().unwrap().ino);
    assert_eq!(object.identity.msync(all), Ok(()));
}

#[test]
fn only_memory_without_a_name_is_anonymous() {
    let fixture = fixture(1);
    let file = fixture.open("file", libc::O_RDWR).unwrap().mapped_object().unwrap();
    let one = hostfs::memfd(b"one", 0, unlimited()).unwrap().mapped_object().unwrap();
    let two = hostfs::memfd(b"two", 0, unlimited()).unwrap().mapped_object().unwrap();
    assert!(!file.mappable.is_anonymous() && one.mappable.is_anonymous());
    assert_ne!(one.mappable.owner_of_pages(), two.mappable.owner_of_pages());
    assert_ne!(one.mappable.owner_of_pages(), file.mappable.owner_of_pages());
}

#[test]
fn files_that_are_not_open_for_reading_are_not_mapped() {
    let fixture = fixture(1);
    let write_only = fixture.open("file", libc::O_WRONLY).unwrap();
    assert_eq!(write_only.mapped_object().err(), Some(Errno::EACCES));
    let place = fixture.open("file", libc::O_PATH).unwrap();
    assert_eq!(place.mapped_object().err(), Some(Errno::EBADF));
    let directory = fixture.open("/", libc::O_RDONLY).unwrap();
    assert_eq!(directory.mapped_object().err(), Some(Errno::ENODEV));
}

#[test]
fn pitfall_27_a_file_that_shrinks_under_a_copy_is_a_bus_error_with_the_exact_count() {
    let fixture = fixture(3);
    let file = fixture.open("file", libc::O_RDONLY).unwrap();
    let object = file.mapped_object().unwrap();
    let all = range(0, 3 * PAGE);
    let (translations, _) = object.mappable.translate(all, all, AccessType::READ);
    let block = translations[0].file.file().source(FileRange::new(0, 3 * PAGE)).unwrap();
    let mut seen = vec![0; 3 * PAGE as usize];
    assert_eq!(safecopy::copy(DstBlock::from_slice(&mut seen), block), Ok(3 * PAGE as usize));

    let shrink = fs::File::options().write(true).open(fixture.host("file")).unwrap();
    shrink.set_len(PAGE + 100).unwrap();
    let partial = safecopy::copy(DstBlock::from_slice(&mut seen), block).unwrap_err();
    assert_eq!((partial.done, partial.cause.kind), (2 * PAGE as usize, FaultKind::Bus));
    assert_eq!(partial.cause.addr, block.addr() + 2 * PAGE as usize);
    // The rest of the last page reads as zero bytes.
    assert_eq!(&seen[PAGE as usize + 99..PAGE as usize + 101], b"b\0");
    shrink.set_len(3 * PAGE).unwrap();
    assert_eq!(safecopy::copy(DstBlock::from_slice(&mut seen), block), Ok(3 * PAGE as usize));
}

#[test]
fn far_offsets_have_windows_of_their_own() {
    let fixture = fixture(1);
    let file = fixture.open("file", libc::O_RDWR).unwrap();
    let far = 3 << 30;
    file.truncate(far + PAGE).unwrap();
    let object = file.mapped_object().unwrap();
    let last = range(far, far + PAGE);
    let (translations, error) = object.mappable.translate(last, last, AccessType::READ_WRITE);
    assert_eq!(error, None);
    let dst = translations[0].file.file().destination(FileRange::new(far, far + PAGE)).unwrap();
    assert_eq!(dst.len(), PAGE as usize);
    assert_eq!(safecopy::copy(dst, SrcBlock::from_slice(b"far")), Ok(3));
    let seen = crate::support::read_at(file.as_ref(), 3, far).unwrap();
    assert_eq!(seen, b"far");
    // A block never crosses the end of a window.
    let crossing = FileRange::new((2 << 20) - PAGE, (2 << 20) + PAGE);
    let src = translations[0].file.file().source(crossing).unwrap();
    assert_eq!(src.len(), PAGE as usize);
}

/// Records what is invalidated.
#[derive(Default)]
struct Space(Mutex<Vec<(AddrRange, InvalidateOpts)>>);

impl MappingSpace for Space {
    fn invalidate(&self, range: AddrRange, opts: InvalidateOpts) {
        self.0.lock().unwrap().push((range, opts));
    }
}

fn pages(first: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(first * PAGE), Addr::new(end * PAGE)).unwrap()
}

#[test]
fn truncating_takes_the_pages_from_those_who_map_them() {
    let fixture = fixture(8);
    let file = fixture.open("file", libc::O_RDWR).unwrap();
    let mappable = file.mapped_object().unwrap().mappable;
    let space = Arc::new(Space::default());
    let weak: Weak<dyn MappingSpace> = Arc::downgrade(&(Arc::clone(&space) as Arc<_>));
    // Pages 2..6 of the file at page 100, and pages 0..8 at page 200, less 203..205.
    mappable.add_mapping(&weak, pages(100, 104), 2 * PAGE, false).unwrap();
    mappable.add_mapping(&weak, pages(200, 208), 0, true).unwrap();
    mappable.remove_mapping(&weak, pages(203, 205), 3 * PAGE, true);

    file.truncate(4 * PAGE + 1).unwrap();
    let taken = |space: &Space| -> Vec<AddrRange> {
        let taken = std::mem::take(&mut *space.0.lock().unwrap());
        assert!(taken.iter().all(|(_, opts)| opts.invalidate_private));
        taken.into_iter().map(|(range, _)| range).collect()
    };
    assert_eq!(taken(&space), [pages(103, 104), pages(205, 208)]);
    let root = fixture.root.as_ref();
    fixture.namespace.truncate(root, b"file", PAGE).unwrap();
    assert_eq!(taken(&space), [pages(100, 104), pages(201, 203), pages(205, 208)]);
    mappable.remove_mapping(&weak, pages(200, 208), 0, true);
    drop(fixture.open("file", libc::O_WRONLY | libc::O_TRUNC).unwrap());
    assert_eq!(taken(&space), [pages(100, 104)]);
    drop(space);
    file.truncate(0).unwrap();
}

/// What has memory is what anyone has touched, on whichever way, and nothing beyond the end.
#[test]
fn a_file_tells_which_pages_are_in_memory() {
    safecopy::init().unwrap();
    let file = hostfs::memfd(b"m", 0, unlimited()).unwrap();
    file.truncate(8 * PAGE).unwrap();
    let object = file.mapped_object().unwrap();
    let present = |start: u64, pages: u64| {
        let mut present = vec![7; usize::try_from(pages).unwrap()];
        object.mappable.residency(range(start, start + pages * PAGE), &mut present);
        present
    };
    assert_eq!(present(0, 10), [0; 10]);
    let all = range(0, 8 * PAGE);
    let (translations, _) = object.mappable.translate(all, all, AccessType::READ_WRITE);
    let pages = translations[0].file.file();
    let page = |index| FileRange::new(index * PAGE, (index + 1) * PAGE);
    safecopy::copy(pages.destination(page(2)).unwrap(), SrcBlock::from_slice(&[1])).unwrap();
    let mut byte = [1];
    let read = pages.source(page(5)).unwrap();
    safecopy::copy(DstBlock::from_slice(&mut byte), read).unwrap();
    assert_eq!(present(0, 10), [0, 0, 1, 0, 0, 1, 0, 0, 0, 0]);
    assert_eq!(present(4 * PAGE, 2), [0, 1]);
    pages.populate(FileRange::new(0, 4 * PAGE)).unwrap();
    assert_eq!(present(0, 10), [1, 1, 1, 1, 0, 1, 0, 0, 0, 0]);
    object.mappable.punch_hole(range(PAGE, 3 * PAGE)).unwrap();
    assert_eq!(present(0, 4), [1, 0, 0, 1]);
    // Wherever that is, far away in a file that is not so long.
    for start in [1 << 21, (1 << 31) - 2 * PAGE, 1 << 50, (1 << 63) - 6 * PAGE] {
        assert_eq!(present(start, 4), [0; 4], "{start:#x}");
    }
}
