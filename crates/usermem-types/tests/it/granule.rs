//! Rounding against arithmetic that cannot overflow.

use proptest::prelude::proptest;
use usermem_types::{Addr, Granule, MAX_RW_COUNT, PageSize, max_rw_count};

use crate::{narrow, numbers};

/// Checks everything that a granule says about a value.
#[track_caller]
fn check(granule: Granule, value: u64) {
    let (wide, bytes) = (u128::from(value), u128::from(granule.bytes()));
    let up = narrow(wide.div_ceil(bytes) * bytes);
    assert_eq!(Some(granule.round_down(value)), narrow(wide / bytes * bytes));
    assert_eq!(granule.round_up(value), up);
    assert_eq!(Some(granule.offset(value)), narrow(wide % bytes));
    assert_eq!(granule.is_aligned(value), wide % bytes == 0);
    assert_eq!(granule.count_for(value), up.and(narrow(wide.div_ceil(bytes))));

    let addr = Addr::new(value);
    assert_eq!(addr.round_down(granule).get(), granule.round_down(value));
    assert_eq!(addr.round_up(granule).map(Addr::get), granule.round_up(value));
    assert_eq!(addr.offset_in(granule), granule.offset(value));
    assert_eq!(addr.is_page_aligned(granule), granule.is_aligned(value));
}

/// Returns the granule of `2^shift` bytes.
fn granule(shift: u32) -> Granule {
    Granule::new(1 << shift).unwrap()
}

#[test]
fn every_granule_at_the_ends_and_middle_of_the_address_space() {
    let around = |middle: u64| (0..64u64).map(move |at| middle.wrapping_add(at).wrapping_sub(32));
    for shift in 0..64 {
        let granule = granule(shift);
        let bytes = granule.bytes();
        // The ends of the address space are zero and what lies below it, by wrapping.
        let middles =
            [0, 1 << 32, 1 << 47, 1 << 63, bytes, bytes.wrapping_mul(3) / 2, bytes.wrapping_mul(2)];
        let negatives = middles.map(u64::wrapping_neg);
        for value in middles.into_iter().chain(negatives).flat_map(around) {
            check(granule, value);
        }
    }
}

#[test]
fn every_value_of_sixteen_bits_at_both_ends_for_small_granules() {
    for shift in 0..=10 {
        let granule = granule(shift);
        for value in 0..=u64::from(u16::MAX) {
            check(granule, value);
            check(granule, u64::MAX - value);
        }
    }
}

proptest! {
    #[test]
    fn rounding_is_exact_or_refused(value in numbers(), shift in 0..64u32) {
        check(granule(shift), value);
        check(Granule::CACHE_LINE, value);
        check(Granule::JUMBO_PAGE, value);
        for page in PageSize::ALL {
            check(page.page(), value);
            check(page.huge(), value);
            assert_eq!(page.round_down(value), page.page().round_down(value));
            assert_eq!(page.round_up(value), page.page().round_up(value));
            assert_eq!(page.offset(value), page.page().offset(value));
            assert_eq!(page.is_aligned(value), page.page().is_aligned(value));
            assert_eq!(page.pages_for(value), page.page().count_for(value));
            assert_eq!(Addr::new(value).round_down(page), Addr::new(value).round_down(page.page()));
        }
    }

    #[test]
    fn granules_are_powers_of_two(bytes in numbers()) {
        let granule = Granule::new(bytes);
        assert_eq!(granule.is_some(), bytes.count_ones() == 1);
        assert_eq!(granule.map_or(bytes, Granule::bytes), bytes);
    }
}

#[test]
fn masks_are_the_offset_bits_of_every_granule() {
    let named = [Granule::CACHE_LINE, Granule::JUMBO_PAGE];
    let pages = PageSize::ALL.into_iter().flat_map(|page| [page.page(), page.huge()]);
    for granule in named.into_iter().chain(pages).chain((0..64).map(granule)) {
        assert_eq!(granule.bytes(), 1 << granule.shift());
        assert_eq!(granule.mask(), granule.bytes() - 1);
        assert_eq!(granule.mask().count_ones(), granule.shift());
    }
    assert_eq!(Granule::new(0), None);
    assert_eq!((Granule::CACHE_LINE.bytes(), Granule::CACHE_LINE.shift()), (64, 6));
    assert_eq!((Granule::JUMBO_PAGE.bytes(), Granule::JUMBO_PAGE.mask()), (1 << 30, 0x3fff_ffff));
}

#[test]
fn pages_and_huge_pages_have_the_sizes_of_the_hardware() {
    let shifts = PageSize::ALL.map(|page| (page.shift(), page.huge().shift()));
    assert_eq!(shifts, [(12, 21), (14, 25), (16, 29)]);
    let bytes = PageSize::ALL.map(|page| (page.bytes(), page.huge_bytes()));
    assert_eq!(bytes, [(4 << 10, 2 << 20), (16 << 10, 32 << 20), (64 << 10, 512 << 20)]);
    for page in PageSize::ALL {
        // One page of eight-byte table entries.
        assert_eq!(page.huge_bytes(), page.bytes() * (page.bytes() / 8));
        assert_eq!(page.mask(), page.page().mask());
        assert_eq!(PageSize::from_bytes(page.bytes()), Some(page));
    }
    for bytes in [0, 1, 4095, 4097, 8192, 32 << 10, 128 << 10, 2 << 20, u64::MAX] {
        assert_eq!(PageSize::from_bytes(bytes), None, "{bytes}");
    }
}

#[test]
fn cache_lines_are_rounded_up_or_refused() {
    let up = |value| Granule::CACHE_LINE.round_up(value);
    let expected = [(0, 0), (63, 64), (64, 64), (65, 128), (66, 128), (99, 128), (127, 128)];
    for (value, rounded) in expected.into_iter().chain([(128, 128), (129, 192)]) {
        assert_eq!(up(value), Some(rounded), "{value}");
    }
    assert_eq!(up(u64::from(u32::MAX)), Some(1 << 32));
    assert_eq!(up(u64::MAX - 63), Some(u64::MAX - 63));
    assert_eq!([up(u64::MAX - 62), up(u64::MAX - 1), up(u64::MAX)], [None; 3]);
}

#[test]
fn pages_are_counted_up_or_refused() {
    let pages = |bytes| PageSize::K4.pages_for(bytes);
    assert_eq!(pages(0), Some(0));
    assert_eq!(pages(1), Some(1));
    assert_eq!(pages(4096), Some(1));
    assert_eq!(pages(4097), Some(2));
    assert_eq!(pages(0u64.wrapping_sub(4096)), Some((1 << 52) - 1));
    assert_eq!(pages(0u64.wrapping_sub(4095)), None);
    assert_eq!(pages(u64::MAX), None);
    assert_eq!(PageSize::K64.pages_for(u64::MAX - 0xffff), Some((1 << 48) - 1));
    assert_eq!(PageSize::K64.pages_for(u64::MAX - 0xfffe), None);
}

#[test]
fn transfers_are_cut_to_whole_pages() {
    assert_eq!(PageSize::ALL.map(max_rw_count), [0x7fff_f000, 0x7fff_c000, 0x7fff_0000]);
    assert_eq!(MAX_RW_COUNT, max_rw_count(PageSize::K4));
}
