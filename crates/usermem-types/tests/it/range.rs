//! Ranges against sets of addresses: every range of a few bytes at both ends of the address space
//! and in its middle.

use std::collections::BTreeSet;

use proptest::prelude::proptest;
use usermem_types::{Addr, AddrRange, Granule, PageSize};

use crate::{narrow, numbers, r};

/// The number of positions, ends included, in a window of the address space.
const WINDOW: u64 = 8;

const BASES: [u64; 4] = [0, (1 << 47) - 4, (1 << 63) - 4, u64::MAX - WINDOW];

/// Returns every range in the window at `base`, the empty ones included.
fn ranges(base: u64) -> impl Iterator<Item = AddrRange> {
    (0..=WINDOW).flat_map(move |start| (start..=WINDOW).map(move |end| r(base + start, base + end)))
}

/// Returns the addresses in a range.
fn set(range: AddrRange) -> BTreeSet<u64> {
    (range.start().get()..range.end().get()).collect()
}

#[test]
fn one_range_is_a_set_of_addresses() {
    for base in BASES {
        for range in ranges(base) {
            let all = set(range);
            assert_eq!((range.len(), range.is_empty()), (all.len() as u64, all.is_empty()));
            for by in 0..=WINDOW {
                let addr = Addr::new(base + by);
                assert_eq!(range.contains(addr), all.contains(&addr.get()), "{range} {addr}");
                let below = all.range(..addr.get()).next().is_some();
                let above = all.range(addr.get()..).next().is_some();
                assert_eq!(range.can_split_at(addr), below && above, "{range} {addr}");

                let (first, rest) = (range.take_first(by), range.drop_first(by));
                assert!(set(first).iter().eq(all.iter().take(by as usize)), "{range} {by}");
                assert!(set(rest).iter().eq(all.iter().skip(by as usize)), "{range} {by}");
                // Both parts keep their place, even when they are empty.
                assert_eq!((first.start(), rest.end()), (range.start(), range.end()));
                assert_eq!(first.end(), rest.start());
            }
            assert_eq!(range.take_first(u64::MAX), range);
            assert_eq!(range.drop_first(u64::MAX), r(range.end().get(), range.end().get()));
        }
    }
}

#[test]
fn two_ranges_are_two_sets_of_addresses() {
    // An empty range is a position: it overlaps what it lies strictly inside.
    let inside =
        |empty: AddrRange, other: AddrRange| empty.is_empty() && other.can_split_at(empty.start());
    let positions = |range: AddrRange| range.start().get()..=range.end().get();
    for base in BASES {
        for a in ranges(base) {
            for b in ranges(base) {
                let common = &set(a) & &set(b);
                assert_eq!(set(a.intersect(b)), common, "{a} {b}");
                let overlap = !common.is_empty() || inside(a, b) || inside(b, a);
                assert_eq!(a.overlaps(b), overlap, "{a} {b}");
                let superset = positions(b).all(|at| positions(a).contains(&at));
                assert_eq!(a.is_superset_of(b), superset, "{a} {b}");
                if superset {
                    assert_eq!(a.intersect(b), b);
                }
            }
        }
    }
}

#[test]
fn empty_ranges_contain_nothing_and_overlap_only_inside() {
    assert!(!r(5, 5).contains(Addr::new(5)));
    assert!(r(5, 5).overlaps(r(0, 10)));
    assert!(!r(0, 0).overlaps(r(0, 10)));
    assert!(!r(10, 10).overlaps(r(0, 10)));
    assert!(!r(5, 5).overlaps(r(5, 5)));
    assert!(r(0, 10).is_superset_of(r(10, 10)));
    assert!(!r(0, 10).is_superset_of(r(11, 11)));
    assert!(r(0, 4).intersect(r(8, 12)).is_empty());
    assert!(r(8, 12).intersect(r(0, 4)).is_empty());
}

proptest! {
    #[test]
    fn ranges_are_well_formed_or_refused(start in numbers(), end in numbers()) {
        let range = AddrRange::new(Addr::new(start), Addr::new(end));
        let parts = range.map(|range| (range.start().get(), range.end().get(), range.len()));
        assert_eq!(parts, end.checked_sub(start).map(|len| (start, end, len)));
    }

    #[test]
    fn rounding_out_adds_what_is_missing_of_granules(a in numbers(), b in numbers(), shift in 0..64u32) {
        let range = r(a.min(b), a.max(b));
        let granules = PageSize::ALL.into_iter().flat_map(|page| [page.page(), page.huge()]);
        for granule in granules.chain(Granule::new(1 << shift)) {
            let bytes = u128::from(granule.bytes());
            let down = u128::from(a.min(b)) / bytes * bytes;
            let up = u128::from(a.max(b)).div_ceil(bytes) * bytes;
            let expected = narrow(down).zip(narrow(up)).map(|(start, end)| r(start, end));
            assert_eq!(range.round_out(granule), expected);
            assert_eq!(range.is_page_aligned(granule), expected == Some(range));
        }
    }
}

#[test]
fn both_ends_of_a_range_are_to_be_aligned() {
    let (page, huge) = (PageSize::K4, PageSize::K4.huge());
    for (range, pages, huge_pages) in [
        (r(0, 0), true, true),
        (r(0x1000, 0x3000), true, false),
        (r(0x1000, 0x3001), false, false),
        (r(0x1001, 0x3000), false, false),
        (r(0x20_0000, 0x40_0000), true, true),
        (r(0x20_0000, 0x40_1000), true, false),
        (r(0x10_0000, 0x40_0000), true, false),
        (r(0, u64::MAX), false, false),
        (r(0, u64::MAX - 0xfff), true, false),
    ] {
        assert_eq!(range.is_page_aligned(page), pages, "{range}");
        assert_eq!(range.is_page_aligned(huge), huge_pages, "{range}");
    }
    assert_eq!(r(1, u64::MAX).round_out(page), None);
    assert_eq!(r(1, u64::MAX - 0xfff).round_out(page), Some(r(0, u64::MAX - 0xfff)));
    assert_eq!(r(1, u64::MAX - 0xfff).round_out(huge), None);
}

#[test]
fn ranges_are_shown_half_open() {
    assert_eq!(r(0x10, 0x20).to_string(), "[0x10, 0x20)");
    assert_eq!(format!("{:?}", r(0, 0)), "[0x0, 0x0)");
    assert_eq!(r(0, u64::MAX).to_string(), "[0x0, 0xffffffffffffffff)");
}
