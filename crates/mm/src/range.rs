//! Pages, and ranges of addresses as keys.

use memmap::{FileRange, MappableRange};
use rangeset::KeyRange;
use usermem_types::{Addr, AddrRange, PageSize};

/// The granule of every mapping.
pub(crate) const PAGE_SIZE: PageSize = PageSize::K4;
/// Bytes in a page.
pub(crate) const PAGE: u64 = PAGE_SIZE.bytes();
/// Bytes in the neighbourhood that is made present at once.
pub(crate) const HUGE: u64 = PAGE_SIZE.huge_bytes();

/// Returns the keys of a range of addresses, without their tag.
pub(crate) fn keys(range: AddrRange) -> KeyRange {
    let start = range.start().untagged().get();
    KeyRange::new(start, start.saturating_add(range.len()))
}

/// Returns the addresses of a range of keys.
pub(crate) fn addrs(range: KeyRange) -> AddrRange {
    AddrRange::new(Addr::new(range.start), Addr::new(range.end))
        .expect("our own invariant: a range of keys is well-formed")
}

/// Returns the range of whole pages that holds `range`, which ends below the last page.
pub(crate) fn whole_pages(range: KeyRange) -> KeyRange {
    let end = PAGE_SIZE.round_up(range.end).expect("our own invariant: user addresses do not wrap");
    KeyRange::new(PAGE_SIZE.round_down(range.start), end)
}

/// Returns the range grown to huge-page boundaries.
pub(crate) fn neighbourhood(range: KeyRange) -> KeyRange {
    let start = range.start & !(HUGE - 1);
    let end = range.end.checked_next_multiple_of(HUGE).unwrap_or(range.end);
    KeyRange::new(start, end)
}

/// Returns the offsets, in an object that shows `offset` at `at`, of `range`, which lies above.
pub(crate) fn offsets(range: KeyRange, at: u64, offset: u64) -> MappableRange {
    let start = offset + (range.start - at);
    MappableRange { start, end: start + range.len() }
}

/// Returns the pages, in a file range that begins at `at`, of `range`, which lies inside.
pub(crate) fn file_part(file: FileRange, at: u64, range: KeyRange) -> FileRange {
    let start = file.start + (range.start - at);
    FileRange::new(start, start + range.len())
}
