//! Which pages an allocation gets, exactly.

use super::*;

const MIB: u64 = 1 << 20;
const HUGE: u64 = 2 * MIB;
const SHARD: u64 = 64 * MIB;

/// What is in the file before, and what is asked for then.
struct Case {
    name: &'static str,
    /// Ranges that are in use; the others below the last one's end are free.
    used: &'static [(u64, u64)],
    len: u64,
    opts: AllocOpts,
    /// Where it goes, and the size of the file then.
    expected: (u64, u64),
}

const UP: AllocOpts = AllocOpts {
    direction: Direction::BottomUp,
    near: None,
    shown_at: None,
    huge: false,
    commit: Commit::Lazy,
};
const DOWN: AllocOpts = AllocOpts { direction: Direction::TopDown, ..UP };

const fn at(near: u64, opts: AllocOpts) -> AllocOpts {
    AllocOpts { near: Some(near), ..opts }
}

const fn shown(addr: u64, opts: AllocOpts) -> AllocOpts {
    AllocOpts { shown_at: Some(addr), ..opts }
}

/// Uses exactly `used` of a file.
fn occupy(file: &Arc<MemoryFile>, used: &[(u64, u64)]) -> Vec<FileRef> {
    used.iter()
        .map(|&(start, end)| {
            let pages = file.allocate(end - start, near(Direction::BottomUp, start)).unwrap();
            assert_eq!(pages.range(), FileRange::new(start, end), "the case is set up");
            pages
        })
        .collect()
}

fn check(cases: &[Case], page_size: PageSize) {
    for case in cases {
        let options = MemoryFileOptions {
            reservation: 1 << 32,
            recycle_budget: 0,
            page_size,
            ..MemoryFileOptions::default()
        };
        let file = MemoryFile::new(options).unwrap();
        let used = occupy(&file, case.used);
        let pages = file.allocate(case.len, case.opts).unwrap();
        let got = (pages.range().start, file.pages.size());
        assert_eq!(got, case.expected, "{}: {:#x?}", case.name, got);
        drop((pages, used));
        assert_eq!(file.pages.check(), 0, "{}", case.name);
    }
}

#[test]
fn an_empty_file() {
    check(
        &[
            Case { name: "up", used: &[], len: PAGE, opts: UP, expected: (0, CHUNK) },
            Case {
                name: "down",
                used: &[],
                len: PAGE,
                opts: DOWN,
                expected: (CHUNK - PAGE, CHUNK),
            },
            Case { name: "large, up", used: &[], len: SHARD, opts: UP, expected: (0, CHUNK) },
            Case {
                name: "large, down",
                used: &[],
                len: SHARD + PAGE,
                opts: DOWN,
                expected: (CHUNK - SHARD - PAGE, CHUNK),
            },
            Case {
                name: "several chunks, up",
                used: &[],
                len: 2 * CHUNK + PAGE,
                opts: UP,
                expected: (0, 3 * CHUNK),
            },
            Case {
                name: "several chunks, down: the end is the file's",
                used: &[],
                len: 2 * CHUNK + PAGE,
                opts: DOWN,
                expected: (CHUNK - PAGE, 3 * CHUNK),
            },
        ],
        PageSize::K4,
    );
}

#[test]
fn holes() {
    // One page at 2, two at 4, one at 7.
    const HOLES: &[(u64, u64)] =
        &[(0, 2 * PAGE), (3 * PAGE, 4 * PAGE), (6 * PAGE, 7 * PAGE), (8 * PAGE, SHARD / 2)];
    check(
        &[
            Case { name: "lowest", used: HOLES, len: PAGE, opts: UP, expected: (2 * PAGE, CHUNK) },
            Case {
                name: "too small a hole is passed over",
                used: HOLES,
                len: 2 * PAGE,
                opts: UP,
                expected: (4 * PAGE, CHUNK),
            },
            Case {
                name: "none is large enough",
                used: HOLES,
                len: 3 * PAGE,
                opts: UP,
                expected: (SHARD / 2, CHUNK),
            },
            Case {
                name: "highest, in the one shard that is open",
                used: HOLES,
                len: PAGE,
                opts: DOWN,
                expected: (SHARD - PAGE, CHUNK),
            },
            Case {
                name: "at the hint",
                used: HOLES,
                len: PAGE,
                opts: at(5 * PAGE, UP),
                expected: (5 * PAGE, CHUNK),
            },
            Case {
                name: "above the hint",
                used: HOLES,
                len: PAGE,
                opts: at(3 * PAGE, UP),
                expected: (4 * PAGE, CHUNK),
            },
            Case {
                name: "ends at the hint",
                used: HOLES,
                len: PAGE,
                opts: at(8 * PAGE, DOWN),
                expected: (7 * PAGE, CHUNK),
            },
            Case {
                name: "below the hint",
                used: HOLES,
                len: PAGE,
                opts: at(7 * PAGE, DOWN),
                expected: (5 * PAGE, CHUNK),
            },
            Case {
                name: "below the hint, large enough",
                used: HOLES,
                len: 2 * PAGE,
                opts: at(8 * PAGE, DOWN),
                expected: (4 * PAGE, CHUNK),
            },
        ],
        PageSize::K4,
    );
}

#[test]
fn shards() {
    check(
        &[
            Case {
                name: "a full shard is passed over",
                used: &[(0, SHARD / 2), (SHARD / 2, SHARD), (SHARD, SHARD + PAGE)],
                len: PAGE,
                opts: UP,
                expected: (SHARD + PAGE, CHUNK),
            },
            Case {
                name: "the first with room",
                used: &[(0, PAGE), (SHARD, SHARD + PAGE)],
                len: PAGE,
                opts: UP,
                expected: (PAGE, CHUNK),
            },
            Case {
                name: "continued where a shard begins",
                used: &[(0, SHARD / 2), (SHARD / 2, SHARD)],
                len: PAGE,
                opts: at(SHARD, UP),
                expected: (SHARD, CHUNK),
            },
            Case {
                name: "continued downwards where a shard ends",
                used: &[(3 * SHARD, 3 * SHARD + PAGE)],
                len: PAGE,
                opts: at(3 * SHARD, DOWN),
                expected: (3 * SHARD - PAGE, CHUNK),
            },
            Case {
                name: "no room for it before the shard ends",
                used: &[(0, SHARD / 2), (SHARD / 2, SHARD - PAGE)],
                len: 2 * PAGE,
                opts: at(SHARD - PAGE, UP),
                expected: (SHARD, CHUNK),
            },
            Case {
                name: "large ones go beside the shards",
                used: &[(0, PAGE)],
                len: SHARD,
                opts: UP,
                expected: (SHARD, CHUNK),
            },
            Case {
                name: "large ones continue",
                used: &[(0, PAGE), (SHARD, 3 * SHARD)],
                len: SHARD,
                opts: at(3 * SHARD, UP),
                expected: (3 * SHARD, CHUNK),
            },
            Case {
                name: "a shard is a whole one",
                used: &[(0, SHARD + PAGE)],
                len: PAGE,
                opts: UP,
                expected: (2 * SHARD, CHUNK),
            },
            Case {
                name: "where a large one ends there is no whole one",
                used: &[(0, SHARD + PAGE)],
                len: PAGE,
                opts: at(SHARD + PAGE, UP),
                expected: (2 * SHARD, CHUNK),
            },
            Case {
                name: "nor where one begins",
                used: &[(0, PAGE), (3 * SHARD + PAGE, 5 * SHARD)],
                len: SHARD / 2,
                opts: at(3 * SHARD + PAGE, DOWN),
                expected: (SHARD / 2, CHUNK),
            },
            Case {
                name: "the file grows when a chunk has no room",
                used: &[(0, CHUNK - PAGE)],
                len: PAGE,
                opts: UP,
                expected: (CHUNK, 2 * CHUNK),
            },
            Case {
                name: "the rest of a chunk and the next are one",
                used: &[(0, CHUNK - SHARD)],
                len: 2 * SHARD,
                opts: UP,
                expected: (CHUNK - SHARD, 2 * CHUNK),
            },
        ],
        PageSize::K4,
    );
}

#[test]
fn where_a_huge_page_could_be() {
    check(
        &[
            Case {
                name: "aligned",
                used: &[(0, PAGE)],
                len: HUGE,
                opts: shown(5 * HUGE, UP),
                expected: (HUGE, CHUNK),
            },
            Case {
                name: "as far from the boundary",
                used: &[(0, 4 * PAGE)],
                len: HUGE,
                opts: shown(5 * HUGE + 3 * PAGE, UP),
                expected: (HUGE + 3 * PAGE, CHUNK),
            },
            Case {
                name: "downwards",
                used: &[],
                len: HUGE,
                opts: shown(HUGE + PAGE, DOWN),
                expected: (CHUNK - 2 * HUGE + PAGE, CHUNK),
            },
            Case {
                name: "smaller ones need no boundary",
                used: &[(0, PAGE)],
                len: HUGE - PAGE,
                opts: shown(0, UP),
                expected: (PAGE, CHUNK),
            },
            Case {
                name: "large ones",
                used: &[(0, SHARD + PAGE)],
                len: SHARD,
                opts: shown(0, UP),
                expected: (SHARD + HUGE, CHUNK),
            },
            Case {
                name: "what continues wins",
                used: &[(0, PAGE)],
                len: HUGE,
                opts: shown(0, at(PAGE, UP)),
                expected: (PAGE, CHUNK),
            },
        ],
        PageSize::K4,
    );
}

#[test]
fn pages_of_64_kib() {
    const LARGE: u64 = 64 << 10;
    check(
        &[
            Case { name: "up", used: &[], len: 1, opts: UP, expected: (0, CHUNK) },
            Case { name: "down", used: &[], len: 1, opts: DOWN, expected: (CHUNK - LARGE, CHUNK) },
            Case {
                name: "a hole",
                used: &[(0, LARGE), (2 * LARGE, 3 * LARGE)],
                len: LARGE,
                opts: UP,
                expected: (LARGE, CHUNK),
            },
            Case {
                name: "too small a hole",
                used: &[(0, LARGE), (2 * LARGE, 3 * LARGE)],
                len: LARGE + 1,
                opts: UP,
                expected: (3 * LARGE, CHUNK),
            },
        ],
        PageSize::K64,
    );
}

/// A small file: one shard is all of it, or most.
#[test]
fn the_last_pages_are_found_wherever_they_are() {
    for (reservation, whole) in [(SHARD, true), (SHARD + 3 * PAGE, false), (2 * SHARD, false)] {
        let reservation = PageSize::K4.round_up(reservation).unwrap();
        let options = MemoryFileOptions {
            reservation,
            recycle_budget: 8 * PAGE,
            ..MemoryFileOptions::default()
        };
        let file = MemoryFile::new(options).unwrap();
        assert_eq!(file.capacity(), reservation);
        // An idle shard does not stand in the way of a large allocation.
        fill(&file.allocate(PAGE, TOUCHES).unwrap(), 0xff);
        let all = file.allocate(reservation, UP).unwrap();
        assert!(is_zero_at(&all, 0));
        assert_eq!(file.allocate(PAGE, UP).unwrap_err(), Errno::ENOMEM);
        drop(all);
        // Page by page in shards, and then what no shard can be made of.
        let large = file.allocate(SHARD / 2 - PAGE, UP).unwrap();
        let mut held = vec![large];
        while let Ok(pages) = file.allocate(256 * PAGE, UP).or_else(|_| file.allocate(PAGE, UP)) {
            held.push(pages);
        }
        assert_eq!(file.allocated_bytes(), reservation, "whole: {whole}");
        assert_eq!(file.allocate(PAGE, DOWN).unwrap_err(), Errno::ENOMEM);
        held.clear();
        assert_eq!((file.allocated_bytes(), file.pages.check()), (0, 0));
        assert!(file.allocate(reservation, UP).is_ok());
    }
}

/// Free is free, whatever is in it.
#[test]
fn dirty_pages_serve_everyone_when_there_are_no_others() {
    let options = MemoryFileOptions {
        reservation: SHARD,
        recycle_budget: SHARD,
        ..MemoryFileOptions::default()
    };
    let file = MemoryFile::new(options).unwrap();
    let mut rest = file.allocate(SHARD - 4 * PAGE, UP).unwrap();
    let last = file.allocate(4 * PAGE, TOUCHES).unwrap();
    fill(&last, 0xff);
    let mut first = rest;
    rest = first.split_off(2 * PAGE);
    fill(&first, 0xff);
    drop((first, last));
    // Dirty, in two places, and wanted by someone who may never touch them.
    assert_eq!(file.allocate(5 * PAGE, UP).unwrap_err(), Errno::ENOMEM);
    let pages = file.allocate(3 * PAGE, UP).unwrap();
    assert!(is_zero(&pages));
    assert!(is_zero(&file.allocate(2 * PAGE, UP).unwrap()));
    drop((pages, rest));
    assert_eq!((file.allocated_bytes(), file.pages.check()), (0, 0));
}

/// Returns whether a page reads as zero.
fn is_zero_at(pages: &FileRef, offset: u64) -> bool {
    let page = FileRange::new(pages.range().start + offset, pages.range().start + offset + PAGE);
    is_zero(&FileRef::acquire(Arc::clone(pages.file()), page))
}

/// What the table of an idle file costs, however large the file may grow.
#[test]
fn a_large_file_costs_little() {
    let table = |capacity| PageStore::new(capacity, Geometry::default(), 0, PAGE).table_bytes();
    assert_eq!(table(SHARD), 16);
    assert_eq!(table(1 << 42), 4096);
}
