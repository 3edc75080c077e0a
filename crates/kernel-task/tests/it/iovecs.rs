//! iovec arrays: what is accepted, what is cut, and which error wins.

use usermem_io::IoOpts;
use usermem_types::{Addr, Errno, MAX_RW_COUNT};

use crate::fixture::Fixture;

const DATA: Addr = Addr::new(0x20_0000);
const END: u64 = 0x20_2000;
const USER_END: u64 = 0x7fff_ffff_f000;

fn write_entries(fixture: &Fixture, at: u64, entries: &[(u64, u64)]) {
    let bytes: Vec<u8> = entries
        .iter()
        .flat_map(|(base, len)| [base.to_le_bytes(), len.to_le_bytes()].concat())
        .collect();
    fixture.task.copy_out_bytes(Addr::new(at), &bytes).unwrap();
}

#[track_caller]
fn import(fixture: &Fixture, at: u64, count: u64) -> Result<Vec<(u64, u64)>, Errno> {
    let vectors = fixture.task.iovecs_io_sequence(Addr::new(at), count, IoOpts::CHECKED)?;
    Ok(vectors.ranges().iter().map(|range| (range.start().get(), range.len())).collect())
}

#[test]
fn counts_are_limited_and_zero_touches_nothing() {
    let fixture = Fixture::new(&[0x90]);
    assert_eq!(import(&fixture, 1, 0), Ok(vec![]));
    assert_eq!(import(&fixture, 1, 1025), Err(Errno::EINVAL));
    assert_eq!(import(&fixture, 1, u64::MAX), Err(Errno::EINVAL));
    assert_eq!(import(&fixture, u64::MAX - 3, 1), Err(Errno::EFAULT));
}

#[test]
fn buffers_are_checked_against_the_end_of_user_addresses() {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    let at = DATA.get();
    write_entries(&fixture, at, &[(0, 0), (USER_END - 1, 1)]);
    assert_eq!(import(&fixture, at, 2), Ok(vec![(0, 0), (USER_END - 1, 1)]));
    write_entries(&fixture, at, &[(0, 0), (USER_END, 1)]);
    assert_eq!(import(&fixture, at, 2), Err(Errno::EFAULT));
    write_entries(&fixture, at, &[(u64::MAX, 0)]);
    assert_eq!(import(&fixture, at, 1), Err(Errno::EFAULT));
    write_entries(&fixture, at, &[(0, 1 << 63)]);
    assert_eq!(import(&fixture, at, 1), Err(Errno::EINVAL));
}

#[test]
fn totals_are_cut_and_later_buffers_stay_with_length_zero() {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    let at = DATA.get();
    write_entries(&fixture, at, &[(0x1000, 16), (0x2000, MAX_RW_COUNT), (0x3000, 8)]);
    assert_eq!(
        import(&fixture, at, 3),
        Ok(vec![(0x1000, 16), (0x2000, MAX_RW_COUNT - 16), (0x3000, 0)])
    );
}

#[test]
fn a_bad_length_before_an_unreadable_entry_wins_and_one_after_does_not() {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    write_entries(&fixture, END - 16, &[(0, 1 << 63)]);
    assert_eq!(import(&fixture, END - 16, 2), Err(Errno::EINVAL));
    write_entries(&fixture, END - 16, &[(0, 1)]);
    assert_eq!(import(&fixture, END - 16, 2), Err(Errno::EFAULT));
}

#[test]
fn pitfall_20_the_array_is_fetched_once() {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    let at = DATA.get();
    write_entries(&fixture, at, &[(0x1000, 1), (0x2000, 2)]);
    let vectors = fixture.task.iovecs_io_sequence(DATA, 2, IoOpts::CHECKED).unwrap();
    let before = vectors.sequence();
    write_entries(&fixture, at, &[(0x5000, 500), (u64::MAX, 600)]);
    assert_eq!(vectors.sequence().ranges(), before.ranges());
    assert_eq!(before.ranges().to_string(), "[[0x1000, 0x1001) [0x2000, 0x2002)]");
}

#[test]
fn pitfall_26_empty_entries_count_and_are_checked_for_their_address_only() {
    let fixture = Fixture::new(&[0x90]);
    fixture.map_two_pages(DATA);
    let at = DATA.get();
    write_entries(&fixture, at, &[(0xdead_0000, 0), (at, 4), (USER_END, 0)]);
    assert_eq!(import(&fixture, at, 3), Ok(vec![(0xdead_0000, 0), (at, 4), (USER_END, 0)]));
}
