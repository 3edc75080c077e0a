use usermem_types::FaultKind;

use super::*;
use crate::Direction;
use crate::page_store::RECYCLED_RUN_MAX;

mod huge;
mod model;
mod placement;
mod residency;
mod threads;

const PAGE: u64 = 4096;
const CHUNK: u64 = 1 << 30;

/// A small file: what the host is asked for must not depend on the machine.
fn file(recycle_budget: u64) -> Arc<MemoryFile> {
    let options =
        MemoryFileOptions { reservation: 1 << 31, recycle_budget, ..MemoryFileOptions::default() };
    MemoryFile::new(options).unwrap()
}

fn near(direction: Direction, near: u64) -> AllocOpts {
    AllocOpts { direction, near: Some(near), ..AllocOpts::default() }
}

const TOUCHES: AllocOpts = AllocOpts {
    direction: Direction::BottomUp,
    near: None,
    shown_at: None,
    huge: false,
    commit: Commit::CallerTouches,
};

fn read(pages: &FileRef) -> Vec<u8> {
    let mut bytes = vec![0xee; pages.range().len() as usize];
    let source = pages.file().source(pages.range()).unwrap();
    let copied = safecopy::copy(DstBlock::from_slice(&mut bytes), source);
    assert_eq!(copied, Ok(bytes.len()));
    bytes
}

fn fill(pages: &FileRef, value: u8) {
    let bytes = vec![value; pages.range().len() as usize];
    let destination = pages.file().destination(pages.range()).unwrap();
    assert_eq!(safecopy::copy(destination, SrcBlock::from_slice(&bytes)), Ok(bytes.len()));
}

fn is_zero(pages: &FileRef) -> bool {
    read(pages).iter().all(|byte| *byte == 0)
}

#[test]
fn pages_are_whole_zeroed_and_not_committed() {
    let file = file(0);
    let pages = file.allocate(PAGE + 1, AllocOpts::default()).unwrap();
    assert_eq!(pages.range(), FileRange::new(0, 2 * PAGE));
    assert_eq!((file.allocated_bytes(), file.committed_bytes()), (2 * PAGE, 0));
    fill(&pages, 7);
    assert_eq!(file.committed_bytes(), 2 * PAGE);
    assert_eq!(read(&pages), vec![7; 2 * PAGE as usize]);
    drop(pages);
    assert_eq!((file.allocated_bytes(), file.committed_bytes()), (0, 0));
    assert_eq!(file.peak_allocated_bytes(), 2 * PAGE);
}

#[test]
fn pages_can_be_committed_at_once() {
    let file = file(0);
    let opts = AllocOpts { commit: Commit::Now, ..AllocOpts::default() };
    let pages = file.allocate(5 * PAGE, opts).unwrap();
    assert_eq!(file.committed_bytes(), 5 * PAGE);
    assert!(is_zero(&pages));
}

#[test]
fn nothing_cannot_be_allocated() {
    let file = file(0);
    assert_eq!(file.allocate(0, AllocOpts::default()).unwrap_err(), Errno::EINVAL);
}

#[test]
fn a_file_that_is_full_says_so() {
    let file = file(0);
    for len in [u64::MAX, u64::MAX - PAGE, 1 << 62, (1 << 31) + PAGE] {
        assert_eq!(file.allocate(len, AllocOpts::default()).unwrap_err(), Errno::ENOMEM);
    }
    let all = file.allocate(1 << 31, AllocOpts::default()).unwrap();
    assert_eq!(file.allocate(1, AllocOpts::default()).unwrap_err(), Errno::ENOMEM);
    drop(all);
    assert!(file.allocate(1, AllocOpts::default()).is_ok());
    assert_eq!(file.allocated_bytes(), 0);
}

/// Where the file can become no longer, what a piece reaches beyond it is nothing but a fault.
#[test]
fn a_piece_that_reaches_beyond_the_end_faults_there() {
    safecopy::init().unwrap();
    let file = file(0);
    let all = file.allocate(file.capacity(), AllocOpts::default()).unwrap();
    let mut own = vec![0xee; MemoryFile::PIECE];
    for before in [1, 7, PAGE] {
        let piece = file.source_piece(file.capacity() - before, MemoryFile::PIECE);
        assert_eq!(piece.len(), MemoryFile::PIECE);
        let read = safecopy::copy(DstBlock::from_slice(&mut own), piece).unwrap_err();
        assert_eq!((read.done as u64, read.cause.kind), (before, FaultKind::Bus));
        let piece = file.destination_piece(file.capacity() - before, MemoryFile::PIECE);
        let written = safecopy::zero(piece).unwrap_err();
        assert_eq!((written.done as u64, written.cause.kind), (before, FaultKind::Bus));
    }
    drop(all);
}

#[test]
fn a_piece_is_what_it_is_the_long_way() {
    let file = file(0);
    let pages = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    let start = pages.range().start;
    for (offset, len) in [(start, 0), (start + 1, 8), (start, MemoryFile::PIECE)] {
        let place = |block: SrcBlock<'_>| (block.addr(), block.len());
        let [piece, whole] = [file.source_piece(offset, len), file.source_at(offset, len)];
        assert_eq!(place(piece), place(whole));
        let piece = file.destination_piece(offset, len);
        assert_eq!(place(piece.as_source()), place(whole));
    }
}

#[test]
#[should_panic(expected = "pieces of the memory file start in its reservation, and are short")]
fn a_piece_that_begins_beyond_the_end_is_refused() {
    let file = file(0);
    let _ = file.source_piece(file.capacity(), 1);
}

#[test]
#[should_panic(expected = "pieces of the memory file start in its reservation, and are short")]
fn a_long_piece_is_refused() {
    let _ = file(0).destination_piece(0, MemoryFile::PIECE + 1);
}

#[test]
fn dropping_part_of_a_range_frees_that_part() {
    let file = file(0);
    let mut low = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    let mut middle = low.split_off(PAGE);
    let high = middle.split_off(2 * PAGE);
    drop(middle);
    assert_eq!(file.allocated_bytes(), 2 * PAGE);
    let hole = file.allocate(2 * PAGE, AllocOpts::default()).unwrap();
    assert_eq!(hole.range(), FileRange::new(PAGE, 3 * PAGE));
    low.try_merge(hole).unwrap();
    low.try_merge(high).unwrap();
    assert_eq!(low.range(), FileRange::new(0, 4 * PAGE));
    assert_eq!(file.pages.check(), 1);
    drop(low);
    assert_eq!(file.allocated_bytes(), 0);
    assert_eq!(file.pages.check(), 0);
}

#[test]
fn references_of_different_files_do_not_merge() {
    let (a, b) = (file(0), file(0));
    let mut first = a.allocate(PAGE, AllocOpts::default()).unwrap();
    let _hole = b.allocate(PAGE, AllocOpts::default()).unwrap();
    let second = b.allocate(PAGE, AllocOpts::default()).unwrap();
    assert_eq!(second.range().start, first.range().end);
    assert!(first.try_merge(second).is_err());
    assert_eq!((a.allocated_bytes(), b.allocated_bytes()), (PAGE, PAGE));
}

#[test]
fn a_page_is_unique_while_it_has_one_reference() {
    let file = file(0);
    let pages = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    let all = pages.range();
    assert!(file.has_unique_ref(all));
    let object = Arc::clone(pages.file());
    let second = FileRef::acquire(object, FileRange::new(PAGE, 2 * PAGE));
    assert!(!file.has_unique_ref(all));
    assert!(file.has_unique_ref(FileRange::new(0, PAGE)));
    assert!(!file.has_unique_ref(FileRange::new(PAGE, 2 * PAGE)));
    assert!(file.has_unique_ref(FileRange::new(2 * PAGE, 4 * PAGE)));
    assert!(!file.has_unique_ref(FileRange::new(3 * PAGE, 5 * PAGE)), "partly unreferenced");
    drop(second);
    assert!(file.has_unique_ref(all));
    let mut low = file.allocate(3 * PAGE, AllocOpts::default()).unwrap();
    let mut middle = low.split_off(PAGE);
    let high = middle.split_off(PAGE);
    drop(middle);
    let around = FileRange::new(low.range().start, high.range().end);
    assert!(!file.has_unique_ref(around), "a hole in the middle");
    let second = pages.clone();
    drop(pages);
    assert!(file.has_unique_ref(all));
    drop(second);
    assert!(!file.has_unique_ref(all));
}

#[test]
fn a_hint_is_continued_upwards_and_downwards() {
    let file = file(0);
    let top_down = AllocOpts { direction: Direction::TopDown, ..AllocOpts::default() };
    let high = file.allocate(PAGE, top_down).unwrap();
    let low = file.allocate(PAGE, AllocOpts::default()).unwrap();
    // The part of the file that serves one serves the other.
    assert_eq!((high.range().end, low.range().start), (CHUNK, CHUNK - (64 << 20)));
    let above = file.allocate(PAGE, near(Direction::BottomUp, low.range().end)).unwrap();
    assert_eq!(above.range().start, low.range().end);
    let below = file.allocate(3 * PAGE, near(Direction::TopDown, high.range().start)).unwrap();
    assert_eq!(below.range().end, high.range().start);
    // Far from the ends as well.
    let far = file.allocate(PAGE, near(Direction::BottomUp, 1 << 20)).unwrap();
    assert_eq!(far.range().start, 1 << 20);
    let far = file.allocate(PAGE, near(Direction::TopDown, 1 << 20)).unwrap();
    assert_eq!(far.range().end, 1 << 20);
    // In the middle of what is free, too.
    let far = file.allocate(PAGE, near(Direction::TopDown, 1 << 22)).unwrap();
    assert_eq!(far.range().end, 1 << 22);
}

#[test]
fn a_hint_that_is_taken_or_senseless_is_only_a_hint() {
    let file = file(0);
    let held = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    let next = file.allocate(PAGE, near(Direction::BottomUp, PAGE)).unwrap();
    assert_eq!(next.range().start, held.range().end);
    for at in [0, PAGE, 1 << 40, u64::MAX] {
        for direction in [Direction::BottomUp, Direction::TopDown] {
            assert!(file.allocate(PAGE, near(direction, at)).is_ok(), "{direction:?} {at:#x}");
        }
    }
}

#[test]
fn small_holes_are_passed_over_and_small_enough_requests_fill_them() {
    let file = file(0);
    // Holes of one page between allocations, more than a search by position looks at.
    let mut pages: Vec<_> =
        (0..200).map(|_| file.allocate(PAGE, AllocOpts::default()).unwrap()).collect();
    let holes: Vec<u64> = pages.iter().step_by(2).map(|page| page.range().start).collect();
    let mut index = 0;
    pages.retain(|_| {
        index += 1;
        index % 2 == 0
    });
    let big = file.allocate(2 * PAGE, AllocOpts::default()).unwrap();
    assert_eq!(big.range().start, 200 * PAGE);
    assert_eq!(file.pages.size(), CHUNK, "the file did not grow for it");
    let one = file.allocate(PAGE, AllocOpts::default()).unwrap();
    assert_eq!(one.range().start, holes[0]);
}

#[test]
fn recycled_pages_are_zero_and_keep_their_memory() {
    let file = file(1 << 20);
    let pages = file.allocate(2 * PAGE, TOUCHES).unwrap();
    let range = pages.range();
    fill(&pages, 0xff);
    drop(pages);
    assert_eq!((file.allocated_bytes(), file.committed_bytes()), (0, 2 * PAGE));
    let pages = file.allocate(2 * PAGE, TOUCHES).unwrap();
    assert_eq!(pages.range(), range);
    assert!(is_zero(&pages));
    assert_eq!(file.committed_bytes(), 2 * PAGE);
}

#[test]
fn pages_that_are_about_to_be_overwritten_are_not_zeroed_first() {
    let file = file(1 << 20);
    let opts = AllocOpts { commit: Commit::CallerOverwrites, ..AllocOpts::default() };
    assert!(is_zero(&file.allocate(PAGE, opts).unwrap()), "never used");
    fill(&file.allocate(PAGE, opts).unwrap(), 0xff);
    let pages = file.allocate(PAGE, opts).unwrap();
    assert_eq!((read(&pages), file.committed_bytes()), (vec![0xff; PAGE as usize], PAGE));
    // Not written after all: whoever is next gets zeros.
    drop(pages);
    assert!(is_zero(&file.allocate(PAGE, TOUCHES).unwrap()));
}

#[test]
fn pages_that_nobody_promises_to_touch_are_not_recycled() {
    let file = file(1 << 20);
    fill(&file.allocate(PAGE, TOUCHES).unwrap(), 0xff);
    let pages = file.allocate(PAGE, AllocOpts::default()).unwrap();
    assert_eq!(pages.range().start, PAGE);
    assert_eq!(file.committed_bytes(), PAGE);
}

#[test]
fn a_hint_wins_over_recycling() {
    let file = file(1 << 20);
    fill(&file.allocate(PAGE, TOUCHES).unwrap(), 0xff);
    let first = file.allocate(PAGE, AllocOpts::default()).unwrap();
    let opts = AllocOpts { near: Some(first.range().end), ..TOUCHES };
    let second = file.allocate(PAGE, opts).unwrap();
    assert_eq!(second.range().start, first.range().end);
}

#[test]
fn beyond_the_recycling_budget_a_quarter_of_it_is_given_back() {
    let file = file(8 * PAGE);
    // Apart from each other, so that they do not become one run.
    let mut rest = file.allocate(40 * PAGE, AllocOpts::default()).unwrap();
    let (mut pages, mut between) = (Vec::new(), Vec::new());
    for len in [1, 2, 1, 3, 1, 1] {
        let mut run = rest.split_off(PAGE);
        between.push(std::mem::replace(&mut rest, run.split_off(len * PAGE)));
        fill(&run, 0xff);
        pages.push(run);
    }
    let longest = pages[3].range();
    drop(pages.drain(..5).collect::<Vec<_>>());
    assert_eq!(file.committed_bytes(), 9 * PAGE);
    drop(pages);
    // Six stay: the longest run went.
    assert_eq!(file.committed_bytes(), 6 * PAGE);
    assert!(file.pages.check() > 0);
    let again = file.allocate(3 * PAGE, TOUCHES).unwrap();
    assert_eq!((again.range(), file.committed_bytes()), (longest, 6 * PAGE), "clean");
    assert!(is_zero(&again));
    drop((again, rest, between));
    assert_eq!((file.allocated_bytes(), file.pages.check()), (0, 0));
}

#[test]
fn a_run_longer_than_what_has_to_go_is_cut() {
    let file = file(16 * PAGE);
    let mut pages = file.allocate(17 * PAGE, TOUCHES).unwrap();
    fill(&pages, 0xff);
    let start = pages.range().start;
    while pages.range().len() > PAGE {
        let last = pages.split_off(pages.range().len() - PAGE);
        drop(last);
    }
    assert_eq!(file.committed_bytes(), 17 * PAGE);
    drop(pages);
    assert_eq!(file.committed_bytes(), 12 * PAGE);
    let kept = file.allocate(12 * PAGE, TOUCHES).unwrap();
    assert_eq!(kept.range(), FileRange::new(start, start + 12 * PAGE));
    assert!(is_zero(&kept));
    assert_eq!(file.committed_bytes(), 12 * PAGE);
}

#[test]
fn large_runs_are_given_back_at_once() {
    let file = file(1 << 30);
    fill(&file.allocate(RECYCLED_RUN_MAX + PAGE, TOUCHES).unwrap(), 0xff);
    assert_eq!(file.committed_bytes(), 0);
    fill(&file.allocate(RECYCLED_RUN_MAX, TOUCHES).unwrap(), 0xff);
    assert_eq!(file.committed_bytes(), RECYCLED_RUN_MAX);
}

#[test]
fn decommitted_pages_stay_and_read_as_zero() {
    let file = file(0);
    let pages = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    fill(&pages, 0xff);
    file.decommit(FileRange::new(PAGE, 3 * PAGE)).unwrap();
    file.decommit(FileRange::new(PAGE, PAGE)).unwrap();
    assert_eq!((file.allocated_bytes(), file.committed_bytes()), (4 * PAGE, 2 * PAGE));
    let bytes = read(&pages);
    let (page, end) = (PAGE as usize, 4 * PAGE as usize);
    assert!(bytes[..page].iter().chain(&bytes[3 * page..end]).all(|byte| *byte == 0xff));
    assert!(bytes[page..3 * page].iter().all(|byte| *byte == 0));
    assert!(file.has_unique_ref(pages.range()));
}

#[test]
fn charges_end_at_the_limit() {
    let options = MemoryFileOptions {
        limit: Some(10 * PAGE),
        reservation: 1 << 31,
        ..MemoryFileOptions::default()
    };
    let file = MemoryFile::new(options).unwrap();
    let mut first = file.charge(6 * PAGE).unwrap();
    assert_eq!(file.charge(4 * PAGE + 1).unwrap_err(), Errno::ENOMEM);
    assert_eq!(file.charge(u64::MAX).unwrap_err(), Errno::ENOMEM);
    let second = file.charge(4 * PAGE).unwrap();
    assert_eq!(first.grow(1), Err(Errno::ENOMEM));
    assert_eq!((file.charged_bytes(), first.bytes()), (10 * PAGE, 6 * PAGE));
    first.shrink(5 * PAGE);
    assert_eq!(file.charged_bytes(), 5 * PAGE);
    first.grow(PAGE).unwrap();
    drop(first);
    assert_eq!(file.charged_bytes(), 4 * PAGE);
    drop(second);
    assert_eq!((file.charged_bytes(), file.peak_charged_bytes()), (0, 10 * PAGE));
    assert_eq!(file.limit(), Some(10 * PAGE));
}

#[test]
fn without_a_limit_charges_are_counted_and_never_overflow() {
    let file = file(0);
    let _most = file.charge(u64::MAX - 1).unwrap();
    assert_eq!(file.charge(2).unwrap_err(), Errno::ENOMEM);
    assert_eq!(file.limit(), None);
}

#[test]
fn a_reservation_that_the_host_refuses_is_halved() {
    let options = MemoryFileOptions { reservation: 1 << 47, ..MemoryFileOptions::default() };
    let file = MemoryFile::new(options).unwrap();
    assert!(file.capacity() < 1 << 47);
    assert!(file.allocate(PAGE, AllocOpts::default()).is_ok());
}

#[test]
fn another_mapping_of_the_descriptor_shows_the_same_pages() {
    let file = file(0);
    let _below = file.allocate(3 * PAGE, AllocOpts::default()).unwrap();
    let pages = file.allocate(PAGE, AllocOpts::default()).unwrap();
    fill(&pages, 0x5a);
    let mut bytes = [0; 4];
    let read = rustix::io::pread(file.fd(), &mut bytes, pages.range().start);
    assert_eq!((read, bytes), (Ok(4), [0x5a; 4]));
}

#[test]
fn whoever_gets_the_descriptor_cannot_truncate_or_seal_the_file() {
    let file = file(0);
    let _pages = file.allocate(PAGE, AllocOpts::default()).unwrap();
    let truncated = rustix::fs::ftruncate(file.fd(), 0);
    assert_eq!(truncated, Err(rustix::io::Errno::PERM));
    let sealed = rustix::fs::fcntl_add_seals(file.fd(), rustix::fs::SealFlags::GROW);
    assert_eq!(sealed, Err(rustix::io::Errno::PERM));
}
