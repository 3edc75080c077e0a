//! Huge pages.

use super::*;

const HUGE: u64 = 2 << 20;

/// Returns the bytes that the host maps by huge pages where our mapping shows a range.
fn mapped_by_huge_pages(file: &MemoryFile, range: FileRange) -> u64 {
    let start = file.source_at(range.start, PAGE as usize).as_ptr().addr();
    let smaps = std::fs::read_to_string("/proc/self/smaps").unwrap();
    let mut is_here = false;
    for line in smaps.lines() {
        let ends = line.split(' ').next().and_then(|ends| ends.split_once('-'));
        let hex = |text| usize::from_str_radix(text, 16);
        if let Some((Ok(low), Ok(high))) = ends.map(|(low, high)| (hex(low), hex(high))) {
            is_here = (low..high).contains(&start);
        } else if let Some(rest) = line.strip_prefix("ShmemPmdMapped:").filter(|_| is_here) {
            let kib: u64 = rest.trim().trim_end_matches(" kB").parse().unwrap();
            return kib << 10;
        }
    }
    panic!("no mapping at {start:#x}");
}

/// Returns a file with a huge page at an address, unless the host gives none.
fn with_huge_page(addr: u64) -> Option<(Arc<MemoryFile>, FileRef)> {
    let file = file(0);
    let opts = AllocOpts { shown_at: Some(addr), huge: true, ..AllocOpts::default() };
    let pages = file.allocate(HUGE, opts).unwrap();
    if file.committed_bytes() == 0 {
        println!("skipped: the host gives no huge pages for memory files");
        return None;
    }
    Some((file, pages))
}

#[test]
fn a_huge_page_is_one() {
    let Some((file, pages)) = with_huge_page(5 * HUGE) else { return };
    assert_eq!(pages.range().start % HUGE, 0);
    assert_eq!((file.committed_bytes(), file.allocated_bytes()), (HUGE, HUGE));
    assert_eq!(file.charged_bytes(), 0);
    assert_eq!(pages.file().resident_bytes(pages.range(), PAGE), HUGE);
    assert!(is_zero(&pages));
    assert_eq!(mapped_by_huge_pages(&file, pages.range()), HUGE);
    // The last page of the reservation is as far from a boundary as it is in the file.
    let last = file.source_at(file.capacity() - PAGE, PAGE as usize);
    assert_eq!(last.as_ptr().addr() as u64 % HUGE, HUGE - PAGE);
    drop(pages);
    assert_eq!((file.committed_bytes(), file.allocated_bytes()), (0, 0));
}

/// Pages of one can go one by one, and the others keep what is in them.
#[test]
fn a_part_of_a_huge_page_can_be_given_back() {
    let Some((_file, mut pages)) = with_huge_page(0) else { return };
    fill(&pages, 7);
    let mut middle = pages.split_off(HUGE / 4);
    let end = middle.split_off(HUGE / 2);
    drop(middle);
    assert!(read(&pages).iter().chain(&read(&end)).all(|byte| *byte == 7));
}

#[test]
fn whole_huge_pages_alone_are_backed_and_only_where_they_are_shown() {
    let Some((_, _)) = with_huge_page(0) else { return };
    for (len, addr, huge_pages) in [
        (HUGE - PAGE, 0, 0),
        (2 * HUGE + 3 * PAGE, PAGE, 1),
        (3 * HUGE, HUGE / 2, 2),
        (4 * HUGE, HUGE, 4),
    ] {
        let file = file(0);
        let opts = AllocOpts { shown_at: Some(addr), huge: true, ..AllocOpts::default() };
        let pages = file.allocate(len, opts).unwrap();
        assert_eq!(file.committed_bytes(), huge_pages * HUGE, "{len:#x} at {addr:#x}");
        assert!(is_zero(&pages));
        let file = self::file(0);
        let _first = file.allocate(PAGE, AllocOpts::default()).unwrap();
        let elsewhere = AllocOpts { near: Some(PAGE), shown_at: Some(0), ..opts };
        let _pages = file.allocate(HUGE, elsewhere).unwrap();
        assert_eq!(file.committed_bytes(), 0, "the host could not show it as one");
    }
}

#[test]
fn pages_that_hold_something_can_be_collapsed() {
    let Some((_, _)) = with_huge_page(0) else { return };
    let file = file(0);
    let opts = AllocOpts { shown_at: Some(0), ..AllocOpts::default() };
    let pages = file.allocate(2 * HUGE, opts).unwrap();
    let huge = |index| FileRange::new(index * HUGE, (index + 1) * HUGE);
    assert_eq!(pages.range(), FileRange::new(0, 2 * HUGE));
    assert_eq!(file.collapse(huge(0)), Err(Errno::EINVAL), "nothing is there");
    let written = file.destination_at(9 * PAGE, 1);
    safecopy::copy(written, SrcBlock::from_slice(&[3])).unwrap();
    assert_eq!(file.collapse(huge(0)), Ok(()));
    assert_eq!(file.committed_bytes(), HUGE);
    let bytes = read(&pages);
    assert_eq!(bytes.iter().position(|byte| *byte != 0), Some(9 * PAGE as usize));
    assert_eq!(file.make_huge(huge(1)), Ok(()));
    assert_eq!(file.committed_bytes(), 2 * HUGE);
    for odd in [FileRange::new(PAGE, PAGE + HUGE), FileRange::new(0, PAGE), FileRange::new(0, 0)] {
        assert_eq!(
            (file.collapse(odd), file.make_huge(odd)),
            (Err(Errno::EINVAL), Err(Errno::EINVAL))
        );
    }
}
