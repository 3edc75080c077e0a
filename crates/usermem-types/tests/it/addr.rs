//! Addresses and pages against arithmetic that cannot overflow.

use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use usermem_types::{Addr, CACHE_LINE, JUMBO_PAGE, PageSize};

const PAGES: [PageSize; 3] = [PageSize::K4, PageSize::K16, PageSize::K64];

/// Returns a value as one of 64 bits, where it is one.
fn narrow(value: u128) -> Option<u64> {
    u64::try_from(value).ok()
}

/// Generates numbers, many of them near the ends and near page boundaries.
fn numbers() -> impl Strategy<Value = u64> {
    prop_oneof![
        any::<u64>(),
        0..0x3_0000u64,
        u64::MAX - 0x3_0000..=u64::MAX,
        (any::<u64>(), 0..3u64).prop_map(|(at, by)| (at & !0xffff).wrapping_sub(by)),
        Just(1 << 47),
    ]
}

proptest! {
    #[test]
    fn sums_are_exact_or_refused(addr in numbers(), len in numbers()) {
        let sum = narrow(u128::from(addr) + u128::from(len));
        let at = Addr::new(addr);
        assert_eq!(at.checked_add(len), sum.map(Addr::new));
        assert_eq!(at.saturating_add(len), Addr::new(sum.unwrap_or(u64::MAX)));
        assert_eq!(at.checked_sub(len).map(Addr::get), addr.checked_sub(len));
        let range = at.to_range(len);
        assert_eq!(range.map(|range| (range.start().get(), range.end().get())), sum.map(|sum| (addr, sum)));
    }

    #[test]
    fn rounding_is_exact_or_refused(value in numbers()) {
        for page in PAGES {
            let (wide, bytes) = (u128::from(value), u128::from(page.bytes()));
            let addr = Addr::new(value);
            assert_eq!(Some(page.round_down(value)), narrow(wide / bytes * bytes));
            assert_eq!(page.round_up(value), narrow(wide.div_ceil(bytes) * bytes));
            assert_eq!(Some(page.offset(value)), narrow(wide % bytes));
            assert_eq!(page.is_aligned(value), wide % bytes == 0);
            // The number of pages is refused where the number of bytes is.
            let pages = page.round_up(value).and_then(|_| narrow(wide.div_ceil(bytes)));
            assert_eq!(page.pages_for(value), pages);
            assert_eq!(addr.round_down(page).get(), page.round_down(value));
            assert_eq!(addr.round_up(page).map(Addr::get), page.round_up(value));
            assert_eq!(addr.page_offset(page), page.offset(value));
            assert_eq!(addr.is_page_aligned(page), page.is_aligned(value));
        }
    }

    #[test]
    fn alignment_is_divisibility(value in numbers()) {
        let addr = Addr::new(value);
        assert_eq!(addr.aligned::<4>().map(|aligned| aligned.addr()), (value % 4 == 0).then_some(addr));
        assert_eq!(addr.aligned::<8>().is_some(), value % 8 == 0);
        assert!(addr.aligned::<1>().is_some());
    }
}

#[test]
fn the_end_of_the_address_space_is_not_an_address() {
    assert_eq!(Addr::MAX.checked_add(0), Some(Addr::MAX));
    assert_eq!(Addr::MAX.checked_add(1), None);
    assert_eq!(Addr::new(1).checked_add(u64::MAX), None);
    assert_eq!(Addr::ZERO.checked_add(0), Some(Addr::ZERO));
    assert_eq!(Addr::MAX.to_range(0).map(|range| range.len()), Some(0));
    assert_eq!(Addr::new(u64::MAX - 4095).round_up(PageSize::K4), Some(Addr::new(u64::MAX - 4095)));
    assert_eq!(Addr::new(u64::MAX - 4094).round_up(PageSize::K4), None);
}

#[test]
fn masks_are_the_offset_bits_of_every_granule() {
    for page in PAGES {
        assert_eq!(page.mask(), page.bytes() - 1);
        assert_eq!(page.bytes(), 1 << page.shift());
        assert_eq!(page.huge_mask(), page.huge_bytes() - 1);
        assert_eq!(page.huge_bytes(), 1 << page.huge_shift());
        // One page of eight-byte table entries.
        assert_eq!(page.huge_bytes(), page.bytes() * (page.bytes() / 8));
    }
    assert_eq!((CACHE_LINE, JUMBO_PAGE), (64, 0x4000_0000));
}

#[test]
fn tags_are_removed_where_the_hardware_ignores_them() {
    let tagged = Addr::new(0x5a00_7fff_ffff_f000);
    let kernel = Addr::new(0x5aff_8000_0000_0000);
    if cfg!(target_arch = "aarch64") {
        assert_eq!(tagged.untagged(), Addr::new(0x7fff_ffff_f000));
        assert_eq!(kernel.untagged(), Addr::new(0xffff_8000_0000_0000));
    } else {
        assert_eq!(tagged.untagged(), tagged);
        assert_eq!(kernel.untagged(), kernel);
    }
    assert_eq!(Addr::new(0x7fff_ffff_f000).untagged(), Addr::new(0x7fff_ffff_f000));
}

#[test]
fn addresses_are_shown_in_hexadecimal() {
    let addr = Addr::new(0x7fff_0010);
    assert_eq!(
        format!("{addr} {addr:?} {addr:x} {addr:#x}"),
        "0x7fff0010 0x7fff0010 7fff0010 0x7fff0010"
    );
}
