//! Ranges against sets of addresses.

use std::collections::BTreeSet;

use proptest::prelude::{Strategy, proptest};
use usermem_types::{Addr, AddrRange, PageSize};

use crate::r;

/// Generates ranges that are short enough to be written down.
fn ranges() -> impl Strategy<Value = AddrRange> {
    (0..12u64, 0..8u64).prop_map(|(start, len)| r(start, start + len))
}

fn set(range: AddrRange) -> BTreeSet<u64> {
    (range.start().get()..range.end().get()).collect()
}

proptest! {
    #[test]
    fn behaves_like_a_set_of_addresses(a in ranges(), b in ranges(), at in 0..20u64) {
        let (set_a, set_b) = (set(a), set(b));
        let addr = Addr::new(at);
        assert_eq!(a.len(), set_a.len() as u64);
        assert_eq!(a.is_empty(), set_a.is_empty());
        assert_eq!(a.contains(addr), set_a.contains(&at));
        assert_eq!(set(a.intersect(b)), &set_a & &set_b);
        if !a.is_empty() && !b.is_empty() {
            assert_eq!(a.overlaps(b), !set_a.is_disjoint(&set_b));
            assert_eq!(a.is_superset_of(b), set_a.is_superset(&set_b));
        }
        let below = set_a.range(..at).next().is_some();
        let above = set_a.range(at..).next().is_some();
        assert_eq!(a.can_split_at(addr), below && above);
        assert_eq!(set(a.take_first(at)), set_a.iter().copied().take(at as usize).collect());
        assert_eq!(set(a.drop_first(at)), set_a.iter().copied().skip(at as usize).collect());
        assert_eq!(a.take_first(at).start(), a.start());
        assert_eq!(a.drop_first(at).end(), a.end());
    }

    #[test]
    fn rounding_out_adds_what_is_missing_of_pages(start in 0..0x9000u64, len in 0..0x9000u64) {
        let page = PageSize::K4;
        let range = r(start, start + len);
        let rounded = range.round_out(page).unwrap();
        assert!(rounded.is_page_aligned(page) && rounded.is_superset_of(range));
        assert!(range.start().get() - rounded.start().get() < page.bytes());
        assert!(rounded.end().get() - range.end().get() < page.bytes());
        assert_eq!(range.is_page_aligned(page), rounded == range);
    }
}

#[test]
fn ranges_are_well_formed_or_refused() {
    assert_eq!(AddrRange::new(Addr::new(2), Addr::new(1)), None);
    assert!(r(1, 1).is_empty());
    assert_eq!(r(0, u64::MAX).len(), u64::MAX);
    assert_eq!(r(1, u64::MAX).round_out(PageSize::K4), None);
}

#[test]
fn ranges_are_shown_half_open() {
    assert_eq!(r(0x10, 0x20).to_string(), "[0x10, 0x20)");
    assert_eq!(format!("{:?}", r(0, 0)), "[0x0, 0x0)");
}
