//! Which pages have memory.

use super::*;

fn residency(pages: &FileRef) -> Vec<u8> {
    let mut present = vec![7; (pages.range().len() / PAGE) as usize];
    pages.file().residency(pages.range(), &mut present);
    present
}

fn page_of(pages: &FileRef, index: u64) -> FileRange {
    let start = pages.range().start + index * PAGE;
    FileRange::new(start, start + PAGE)
}

#[test]
fn touched_pages_have_memory_and_no_others() {
    let file = file(0);
    let _before = file.allocate(3 * PAGE, AllocOpts::default()).unwrap();
    let pages = file.allocate(1200 * PAGE, AllocOpts::default()).unwrap();
    assert_eq!(residency(&pages), vec![0; 1200]);
    let mut byte = [1];
    let written = file.destination_at(page_of(&pages, 2).start + 5, 1);
    safecopy::copy(written, SrcBlock::from_slice(&[1])).unwrap();
    let read = file.source_at(page_of(&pages, 700).start, 1);
    safecopy::copy(DstBlock::from_slice(&mut byte), read).unwrap();
    let mut expected = vec![0; 1200];
    expected[2] = 1;
    expected[700] = 1;
    assert_eq!(residency(&pages), expected);
    assert_eq!(pages.file().resident_bytes(pages.range(), PAGE), 2 * PAGE);
    file.decommit(page_of(&pages, 2)).unwrap();
    expected[2] = 0;
    assert_eq!(residency(&pages), expected);
}

/// Pages that get memory behind our back, and not through our mapping.
#[test]
fn it_does_not_matter_who_touched_a_page() {
    let file = file(0);
    let pages = file.allocate(8 * PAGE, AllocOpts::default()).unwrap();
    assert_eq!(rustix::io::pwrite(file.fd(), b"x", page_of(&pages, 1).start + 7), Ok(1));
    assert_eq!(residency(&pages), [0, 1, 0, 0, 0, 0, 0, 0]);
    // What reads as a hole stays one.
    assert_eq!(rustix::io::pread(file.fd(), &mut [1], page_of(&pages, 4).start), Ok(1));
    assert_eq!(residency(&pages), [0, 1, 0, 0, 0, 0, 0, 0]);
}

/// Memory of freed pages is handed only to those who ask for it.
#[test]
fn recycled_pages_are_for_those_who_touch_them() {
    let file = file(1 << 20);
    let pages = file.allocate(8 * PAGE, AllocOpts::default()).unwrap();
    fill(&pages, 1);
    drop(pages);
    assert_eq!(file.committed_bytes(), 8 * PAGE);
    let lazy = file.allocate(4 * PAGE, AllocOpts::default()).unwrap();
    assert_eq!(residency(&lazy), [0; 4]);
    let touched = file.allocate(4 * PAGE, TOUCHES).unwrap();
    assert_eq!(residency(&touched), [1; 4]);
}

#[test]
fn populating_leaves_contents_and_fills_the_gaps() {
    let file = file(0);
    let pages = file.allocate(1100 * PAGE, AllocOpts::default()).unwrap();
    for index in [0, 511, 512, 600] {
        let written = file.destination_at(page_of(&pages, index).start, 1);
        safecopy::copy(written, SrcBlock::from_slice(&[9])).unwrap();
    }
    let most = FileRange::new(pages.range().start, page_of(&pages, 1098).end);
    file.populate(most).unwrap();
    let mut expected = vec![1; 1100];
    expected[1099] = 0;
    assert_eq!(residency(&pages), expected);
    let bytes = read(&pages);
    assert_eq!(bytes.iter().map(|byte| usize::from(*byte)).sum::<usize>(), 4 * 9);
}
