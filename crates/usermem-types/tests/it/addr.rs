//! Addresses against arithmetic that cannot overflow.

use proptest::prelude::proptest;
use usermem_types::{Addr, PageSize};

use crate::{narrow, numbers};

/// Checks every sum and difference of an address and a length.
#[track_caller]
fn check(addr: u64, len: u64) {
    let sum = narrow(u128::from(addr) + u128::from(len));
    let difference = (addr >= len).then(|| addr.wrapping_sub(len));
    let at = Addr::new(addr);
    assert_eq!(at.get(), addr);
    assert_eq!(at.checked_add(len), sum.map(Addr::new));
    assert_eq!(at.saturating_add(len), Addr::new(sum.unwrap_or(u64::MAX)));
    assert_eq!(at.checked_sub(len), difference.map(Addr::new));
    let range = at.to_range(len).map(|range| (range.start().get(), range.end().get(), range.len()));
    assert_eq!(range, sum.map(|sum| (addr, sum, len)));
}

proptest! {
    #[test]
    fn sums_are_exact_or_refused(addr in numbers(), len in numbers()) {
        check(addr, len);
    }

    #[test]
    fn alignment_is_divisibility(value in numbers()) {
        let addr = Addr::new(value);
        assert_eq!(addr.aligned::<4>().map(|aligned| aligned.addr()), (value % 4 == 0).then_some(addr));
        assert_eq!(addr.aligned::<1>().map(|aligned| aligned.addr()), Some(addr));
        assert_eq!(addr.aligned::<2>().is_some(), value % 2 == 0);
        assert_eq!(addr.aligned::<8>().is_some(), value % 8 == 0);
        assert_eq!(addr.aligned::<4096>().is_some(), addr.is_page_aligned(PageSize::K4));
    }
}

#[test]
fn sums_of_the_first_the_middle_and_the_last_addresses() {
    let edges = || {
        [0, 1 << 47, 1 << 63]
            .into_iter()
            .flat_map(|at: u64| (0..9).map(move |by| at.wrapping_add(by).wrapping_sub(4)))
    };
    for addr in edges() {
        for len in edges() {
            check(addr, len);
        }
    }
}

#[test]
fn the_end_of_the_address_space_is_not_an_address() {
    assert_eq!(Addr::MAX.checked_add(0), Some(Addr::MAX));
    assert_eq!(Addr::MAX.checked_add(1), None);
    assert_eq!(Addr::new(1).checked_add(u64::MAX), None);
    assert_eq!(Addr::ZERO.checked_add(0), Some(Addr::ZERO));
    assert_eq!(Addr::ZERO.checked_sub(1), None);
    assert_eq!(Addr::MAX.to_range(0).map(|range| range.len()), Some(0));
    assert_eq!(Addr::MAX.to_range(1), None);
    assert_eq!(Addr::new(u64::MAX - 1).to_range(1).map(|range| range.end()), Some(Addr::MAX));
    for page in PageSize::ALL {
        let last = Addr::new(u64::MAX - page.mask());
        assert_eq!(last.round_up(page), Some(last));
        assert_eq!(last.saturating_add(1).round_up(page), None);
        assert_eq!(Addr::MAX.round_up(page), None);
        assert_eq!(Addr::MAX.round_down(page), last);
        assert_eq!(Addr::MAX.round_up(page.huge()), None);
    }
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
    let addr = Addr::new(0x7fff_0ab0);
    assert_eq!(
        format!("{addr} {addr:?} {addr:x} {addr:#x}"),
        "0x7fff0ab0 0x7fff0ab0 7fff0ab0 0x7fff0ab0"
    );
    assert_eq!(Addr::default().to_string(), "0x0");
    assert_eq!(Addr::MAX.to_string(), "0xffffffffffffffff");
}
