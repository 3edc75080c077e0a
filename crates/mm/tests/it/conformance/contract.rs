//! The address space itself, without a memory manager.

use memmap::FileRange;
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use crate::machine::{Access, CALL, Machine};
use crate::objects::HostPages;
use crate::rig::{PAGE, R, RW, page};

/// Every page begins with something to jump to, and has its number after it.
fn numbered(pages: u64) -> HostPages {
    let file = HostPages::new(pages);
    for index in 0..pages {
        file.write(index * PAGE, &CALL);
        file.write(index * PAGE + 2, &[u8::try_from(index).unwrap()]);
    }
    file
}

fn map<M: Machine>(machine: &M, at: u64, file: &HostPages, pages: (u64, u64), access: AccessType) {
    let (first, count) = pages;
    let range = FileRange::new(first * PAGE, (first + count) * PAGE);
    machine.space().map_file(page(at), file, range, access, false).unwrap();
}

fn range(first: u64, count: u64) -> AddrRange {
    page(first).to_range(count * PAGE).unwrap()
}

/// Returns the number that the program finds in a page.
fn number<M: Machine>(machine: &mut M, at: u64) -> Option<u64> {
    machine.access(Access::Load(page(at).checked_add(2).unwrap())).ok()
}

pub(super) fn each_access_is_allowed_or_denied<M: Machine>() {
    let mut machine = M::new();
    let file = numbered(1);
    for prot in 0..8 {
        let access = AccessType::from_prot(prot);
        map(&machine, 0, &file, (0, 1), access);
        let accesses = [
            (Access::Load(page(0)), access.effective().read()),
            (Access::Fetch(page(0)), access.execute()),
            (Access::Store(page(0), CALL[0]), access.write()),
        ];
        for (tried, allowed) in accesses {
            match machine.access(tried) {
                Ok(_) => assert!(allowed, "{access} allows {tried:?}"),
                Err(fault) => {
                    assert!(!allowed, "{access} refuses {tried:?}");
                    assert_eq!((fault.addr, fault.denied, fault.bus), (page(0), true, false));
                    assert_eq!(fault.maybe_execute, matches!(tried, Access::Fetch(_)));
                }
            }
        }
        machine.space().unmap(range(0, 1));
        for (tried, _) in accesses {
            let fault = machine.access(tried).unwrap_err();
            assert_eq!((fault.addr, fault.denied, fault.bus), (page(0), false, false));
        }
    }
}

pub(super) fn a_mapping_replaces_what_was_there<M: Machine>() {
    let mut machine = M::new();
    let file = numbered(16);
    map(&machine, 0, &file, (0, 8), R);
    map(&machine, 2, &file, (10, 3), RW);
    let expected = [0, 1, 10, 11, 12, 5, 6, 7];
    for (at, expected) in (0..).zip(expected) {
        assert_eq!(number(&mut machine, at), Some(expected));
        let stored = machine.access(Access::Store(page(at), CALL[0])).is_ok();
        assert_eq!(stored, expected >= 10);
    }
    assert!(machine.mapped_bytes().is_none_or(|bytes| bytes == 8 * PAGE));
}

pub(super) fn unmapping_reaches_every_page<M: Machine>() {
    let mut machine = M::new();
    let file = numbered(16);
    for (first, count) in [(0, 1), (3, 2), (7, 1), (0, 8), (2, 0)] {
        map(&machine, 0, &file, (0, 8), R);
        assert_eq!((0..8).filter_map(|at| number(&mut machine, at)).count(), 8);
        machine.space().unmap(range(first, count));
        for at in 0..8 {
            let is_left = at < first || at >= first + count;
            assert_eq!(number(&mut machine, at), is_left.then_some(at));
        }
    }
    // What was never mapped can be unmapped, and all of it at once.
    machine.space().unmap(range(100, 1000));
    machine.space().unmap(machine.space().user_range());
    assert_eq!((0..8).find_map(|at| number(&mut machine, at)), None);
    assert!(machine.mapped_bytes().is_none_or(|bytes| bytes == 0));
}

pub(super) fn a_refusal_takes_what_was_there<M: Machine>() {
    let mut machine = M::new();
    let file = numbered(4);
    map(&machine, 0, &file, (0, 4), RW);
    assert_eq!(number(&mut machine, 1), Some(1));
    let pages = FileRange::new(0, 2 * PAGE);
    let refused = machine.space().map_file(page(1), &HostPages::folder(), pages, R, false);
    if refused.is_ok() {
        // Mappings that are only recorded are refused by nobody.
        machine.space().unmap(range(1, 2));
    } else {
        assert_eq!(refused, Err(Errno::ENODEV));
    }
    let left: Vec<_> = (0..4).map(|at| number(&mut machine, at)).collect();
    assert_eq!(left, [Some(0), None, None, Some(3)]);
}

pub(super) fn bad_ranges_are_refused<M: Machine>() {
    let machine = M::new();
    let file = numbered(2);
    let user = machine.space().user_range();
    assert_eq!(user.start(), Addr::new(0x1_0000));
    let below = user.start().checked_sub(PAGE).unwrap();
    let odd = page(0).checked_add(1).unwrap();
    for addr in [Addr::ZERO, below, odd, user.end(), Addr::new(u64::MAX - 4095)] {
        let pages = FileRange::new(0, PAGE);
        let refused = machine.space().map_file(addr, &file, pages, R, false);
        assert_eq!(refused, Err(Errno::EINVAL), "{addr}");
    }
    for (start, end) in [(1, 4097), (0, 100), (0, 0)] {
        let refused = machine.space().map_file(page(0), &file, FileRange { start, end }, R, false);
        assert_eq!(refused, Err(Errno::EINVAL), "{start}-{end}");
    }
    assert!(machine.mapped_bytes().is_none_or(|bytes| bytes == 0));
}
