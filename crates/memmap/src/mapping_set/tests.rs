use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use parking_lot::Mutex;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, proptest};

use super::*;

/// A space that records what it is told.
#[derive(Default)]
struct Recorder {
    calls: Mutex<Vec<(u64, u64, InvalidateOpts)>>,
}

impl MappingSpace for Recorder {
    fn invalidate(&self, range: AddrRange, opts: InvalidateOpts) {
        self.calls.lock().push((range.start().get(), range.end().get(), opts));
    }
}

impl Recorder {
    fn take(&self) -> Vec<(u64, u64, InvalidateOpts)> {
        std::mem::take(&mut *self.calls.lock())
    }
}

const SHARED: InvalidateOpts = InvalidateOpts { invalidate_private: false };
const PRIVATE: InvalidateOpts = InvalidateOpts { invalidate_private: true };

/// Creates a space, and the way a set knows it.
fn space() -> (Arc<Recorder>, Weak<dyn MappingSpace>) {
    let space = Arc::new(Recorder::default());
    let object: Arc<dyn MappingSpace> = Arc::clone(&space) as _;
    (space, Arc::downgrade(&object))
}

#[track_caller]
fn addrs(start: u64, end: u64) -> AddrRange {
    AddrRange::new(Addr::new(start), Addr::new(end)).unwrap()
}

fn pairs(ranges: &[MappableRange]) -> Vec<(u64, u64)> {
    ranges.iter().map(|range| (range.start, range.end)).collect()
}

#[test]
fn adding_and_removing_tell_what_changed() {
    let (_a, a) = space();
    let (_b, b) = space();
    let mut set = MappingSet::new();
    // One page, and a neighbour with a hole between them.
    assert_eq!(pairs(&set.add(&a, addrs(0x1_0000, 0x1_1000), 0x1000, true)), [(0x1000, 0x2000)]);
    assert_eq!(pairs(&set.add(&a, addrs(0x2_0000, 0x2_1000), 0x3000, true)), [(0x3000, 0x4000)]);
    // Another space over both and around: only what was missing is new.
    let new = set.add(&b, addrs(0x5_0000, 0x5_5000), 0, true);
    assert_eq!(pairs(&new), [(0, 0x1000), (0x2000, 0x3000), (0x4000, 0x5000)]);
    // The same again is no news.
    assert_eq!(pairs(&set.add(&b, addrs(0x5_0000, 0x5_5000), 0, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_1000), 0x1000, true)), []);
    // In two pieces; the second leaves what `a` still maps.
    let gone = set.remove(&b, addrs(0x5_0000, 0x5_2000), 0, true);
    assert_eq!(pairs(&gone), [(0, 0x2000)]);
    let gone = set.remove(&b, addrs(0x5_2000, 0x5_5000), 0x2000, true);
    assert_eq!(pairs(&gone), [(0x2000, 0x3000), (0x4000, 0x5000)]);
    let gone = set.remove(&a, addrs(0x2_0000, 0x2_1000), 0x3000, true);
    assert_eq!(pairs(&gone), [(0x3000, 0x4000)]);
    assert!(set.is_empty());
}

#[test]
fn a_range_mapped_twice_goes_with_the_second() {
    let (_a, a) = space();
    let mut set = MappingSet::new();
    assert_eq!(pairs(&set.add(&a, addrs(0x1_0000, 0x1_2000), 0, true)), [(0, 0x2000)]);
    assert_eq!(pairs(&set.add(&a, addrs(0x7_0000, 0x7_2000), 0, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_2000), 0, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x7_0000, 0x7_2000), 0, true)), [(0, 0x2000)]);
}

#[test]
fn parts_that_are_alike_again_are_one() {
    let (_a, a) = space();
    let (_b, b) = space();
    let mut set = MappingSet::new();
    set.add(&a, addrs(0x1_0000, 0x1_9000), 0, true);
    set.add(&b, addrs(0x2_0000, 0x2_1000), 0x3000, true);
    assert_eq!(set.mappings.len(), 3);
    set.remove(&b, addrs(0x2_0000, 0x2_1000), 0x3000, true);
    assert_eq!(set.mappings.len(), 1);
}

#[test]
fn only_what_was_added_is_removed() {
    let (_a, a) = space();
    let (_b, b) = space();
    let mut set = MappingSet::new();
    set.add(&a, addrs(0x1_0000, 0x1_2000), 0, true);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_2000), 0, false)), []);
    assert_eq!(pairs(&set.remove(&b, addrs(0x1_0000, 0x1_2000), 0, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x2_0000, 0x2_2000), 0, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_2000), 0, true)), [(0, 0x2000)]);
}

#[test]
fn writable_and_read_only_mappings_are_different() {
    let (_a, a) = space();
    let mut set = MappingSet::new();
    let whole = MappableRange { start: 0, end: 0x2000 };
    assert_eq!(pairs(&set.add(&a, addrs(0x1_0000, 0x1_2000), 0, false)), [(0, 0x2000)]);
    assert!(!set.is_mapped_writable(whole));
    assert_eq!(pairs(&set.add(&a, addrs(0x1_0000, 0x1_1000), 0, true)), []);
    assert!(set.is_mapped_writable(whole));
    assert!(!set.is_mapped_writable(MappableRange { start: 0x1000, end: 0x2000 }));
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_2000), 0, false)), [(0x1000, 0x2000)]);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1_0000, 0x1_1000), 0, true)), [(0, 0x1000)]);
}

#[test]
fn invalidation_reaches_whole_mappings() {
    let (a, weak_a) = space();
    let (b, weak_b) = space();
    let mut set = MappingSet::new();
    set.add(&weak_a, addrs(0x1_0000, 0x1_1000), 0x1000, true);
    set.add(&weak_b, addrs(0x2_0000, 0x2_2000), 0x4000, false);
    set.invalidate_all(SHARED);
    assert_eq!(a.take(), [(0x1_0000, 0x1_1000, SHARED)]);
    assert_eq!(b.take(), [(0x2_0000, 0x2_2000, SHARED)]);
    set.invalidate(MappableRange { start: 0x1000, end: 0x2000 }, PRIVATE);
    assert_eq!(a.take(), [(0x1_0000, 0x1_1000, PRIVATE)]);
    assert_eq!(b.take(), []);
}

#[test]
fn invalidation_reaches_parts_of_mappings() {
    let (a, weak_a) = space();
    let mut set = MappingSet::new();
    set.add(&weak_a, addrs(0x1_0000, 0x1_8000), 0x1000, true);
    set.invalidate(MappableRange { start: 0x3000, end: 0x5000 }, SHARED);
    assert_eq!(a.take(), [(0x1_2000, 0x1_4000, SHARED)]);
    set.invalidate(MappableRange { start: 0, end: 0x2000 }, SHARED);
    assert_eq!(a.take(), [(0x1_0000, 0x1_1000, SHARED)]);
    set.invalidate(MappableRange { start: 0x8000, end: 0xa000 }, PRIVATE);
    assert_eq!(a.take(), [(0x1_7000, 0x1_8000, PRIVATE)]);
    for outside in [(0x9000, 0xa000), (0, 0x1000), (0x3000, 0x3000)] {
        set.invalidate(MappableRange { start: outside.0, end: outside.1 }, PRIVATE);
        assert_eq!(a.take(), []);
    }
}

#[test]
fn invalidation_reaches_a_range_at_every_address() {
    let (a, weak_a) = space();
    let mut set = MappingSet::new();
    set.add(&weak_a, addrs(0x1_0000, 0x1_2000), 0, true);
    set.add(&weak_a, addrs(0x2_0000, 0x2_2000), 0x1000, true);
    set.invalidate(MappableRange { start: 0x1000, end: 0x2000 }, SHARED);
    let mut calls = a.take();
    calls.sort_by_key(|call| call.0);
    assert_eq!(calls, [(0x1_1000, 0x1_2000, SHARED), (0x2_0000, 0x2_1000, SHARED)]);
}

#[test]
fn a_space_that_is_gone_hears_nothing() {
    let (a, weak_a) = space();
    let mut set = MappingSet::new();
    set.add(&weak_a, addrs(0x1_0000, 0x1_2000), 0, true);
    drop(a);
    set.invalidate_all(SHARED);
    assert_eq!(pairs(&set.remove(&weak_a, addrs(0x1_0000, 0x1_2000), 0, true)), [(0, 0x2000)]);
}

#[test]
fn nothing_can_be_mapped() {
    let (_a, a) = space();
    let mut set = MappingSet::new();
    assert_eq!(pairs(&set.add(&a, addrs(0x1000, 0x1000), 5, true)), []);
    assert_eq!(pairs(&set.remove(&a, addrs(0x1000, 0x1000), 5, true)), []);
    assert!(set.is_empty());
}

/// A change: which space, first page, page offset, pages, writable, add.
fn changes() -> impl Strategy<Value = Vec<(usize, u64, u64, u64, bool, bool)>> {
    vec((0usize..2, 0u64..6, 0u64..6, 0u64..5, any::<bool>(), any::<bool>()), 0..30)
}

proptest! {
    /// Against a set of the mappings of every single page.
    #[test]
    fn behaves_like_a_set_per_page(changes in changes()) {
        const PAGE: u64 = 0x1000;
        let spaces = [space(), space()];
        let mut set = MappingSet::new();
        let mut model: BTreeMap<u64, BTreeSet<(usize, u64, bool)>> = BTreeMap::new();
        for (space, first, offset, pages, writable, add) in changes {
            let range = addrs(first * PAGE, (first + pages) * PAGE);
            let mut expected = Vec::new();
            for page in 0..pages {
                let users = model.entry(offset + page).or_default();
                let user = (space, first + page, writable);
                let was_empty = users.is_empty();
                let changed = if add { users.insert(user) } else { users.remove(&user) };
                if changed && (if add { was_empty } else { users.is_empty() }) {
                    expected.push(offset + page);
                }
            }
            let object = offset * PAGE;
            let changed = if add {
                set.add(&spaces[space].1, range, object, writable)
            } else {
                set.remove(&spaces[space].1, range, object, writable)
            };
            let changed: Vec<u64> = changed
                .iter()
                .flat_map(|range| range.start / PAGE..range.end / PAGE)
                .collect();
            assert_eq!(changed, expected);
        }
        set.invalidate_all(SHARED);
        for (index, (space, _)) in spaces.iter().enumerate() {
            let mut told: Vec<u64> = space
                .take()
                .into_iter()
                .flat_map(|(start, end, _)| start / PAGE..end / PAGE)
                .collect();
            let mut expected: Vec<u64> = model
                .values()
                .flatten()
                .filter(|user| user.0 == index)
                .map(|user| user.1)
                .collect();
            told.sort_unstable();
            expected.sort_unstable();
            assert_eq!(told, expected);
        }
        assert_eq!(set.is_empty(), model.values().all(BTreeSet::is_empty));
    }
}
