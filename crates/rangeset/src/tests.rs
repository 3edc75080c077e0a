//! The map against a sorted list.

extern crate std;

use alloc::vec::Vec;

use proptest::prelude::*;

use crate::{KeyRange, Label, RangeMap, Segment};

/// A tag, and an offset that follows the key: merges only where both continue.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Value {
    tag: u8,
    offset: u64,
}

impl Segment for Value {
    fn can_merge(&self, range: KeyRange, next: &Self, _: KeyRange) -> bool {
        self.tag == next.tag && self.offset + range.len() == next.offset
    }

    fn merge(&mut self, range: KeyRange, next: Self, next_range: KeyRange) {
        assert_eq!(range.end, next_range.start);
        assert!(self.can_merge(range, &next, next_range));
    }

    fn split_off(&mut self, range: KeyRange, at: u64) -> Self {
        assert!(range.start < at && at < range.end);
        Self { tag: self.tag, offset: self.offset + (at - range.start) }
    }
}

/// All that a value says, and what it is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Tag {
    range: KeyRange,
    tag: u8,
    offset: u64,
}

impl Label<Value> for Tag {
    const NONE: Self = Self { range: KeyRange::new(0, 0), tag: 0, offset: 0 };

    fn new(range: KeyRange, value: &Value) -> Self {
        Self { range, tag: value.tag, offset: value.offset }
    }

    fn range(&self) -> KeyRange {
        self.range
    }
}

type Map = RangeMap<Value, Tag>;

/// One cell per key: what the map must mean.
const KEYS: usize = 400;
type Model = Vec<Option<Value>>;

#[derive(Clone, Debug)]
enum Op {
    Insert(u64, u64, u8, bool),
    RemoveRange(u64, u64),
    Isolate(u64, u64),
    Merge(u64, u64),
    Edit(u64, u64, u8),
    Remove(u64),
    Seek(u64),
}

fn op() -> impl Strategy<Value = Op> {
    let key = 0..KEYS as u64 - 1;
    let len = prop_oneof![4 => 1..4u64, 1 => 1..90u64];
    prop_oneof![
        12 => (key.clone(), len.clone(), 0..2u8, any::<bool>())
            .prop_map(|(k, l, t, m)| Op::Insert(k, l, t, m)),
        3 => (key.clone(), len.clone()).prop_map(|(k, l)| Op::RemoveRange(k, l)),
        2 => (key.clone(), len.clone()).prop_map(|(k, l)| Op::Isolate(k, l)),
        1 => (key.clone(), len.clone()).prop_map(|(k, l)| Op::Merge(k, l)),
        2 => (key.clone(), len, 0..2u8).prop_map(|(k, l, t)| Op::Edit(k, l, t)),
        1 => key.clone().prop_map(Op::Remove),
        1 => key.prop_map(Op::Seek),
    ]
}

fn clip(start: u64, len: u64) -> KeyRange {
    KeyRange::new(start, (start + len).min(KEYS as u64))
}

fn indices(range: KeyRange) -> core::ops::Range<usize> {
    range.start as usize..range.end as usize
}

fn apply(map: &mut Map, model: &mut Model, op: &Op) {
    match *op {
        Op::Insert(key, len, tag, merge) => {
            let range = clip(key, len);
            if indices(range).any(|k| model[k].is_some()) {
                return;
            }
            let value = Value { tag, offset: range.start + 1000 };
            for k in indices(range) {
                model[k] = Some(Value { tag, offset: k as u64 + 1000 });
            }
            if merge {
                map.insert(range, value);
            } else {
                map.insert_unmerged(range, value);
            }
        }
        Op::RemoveRange(key, len) => {
            let range = clip(key, len);
            let mut seen = Vec::new();
            map.remove_range(range, |held, value| {
                assert!(range.start <= held.start && held.end <= range.end);
                for k in indices(held) {
                    let offset = value.offset + (k as u64 - held.start);
                    seen.push((k, Value { tag: value.tag, offset }));
                }
            });
            let expected: Vec<_> =
                indices(range).filter_map(|k| model[k].take().map(|value| (k, value))).collect();
            assert_eq!(seen, expected);
        }
        Op::Isolate(key, len) => {
            let range = clip(key, len);
            map.isolate(range);
            for (held, _) in map.iter() {
                for edge in [range.start, range.end] {
                    assert!(held.start >= edge || held.end <= edge);
                }
            }
        }
        Op::Merge(key, len) => map.merge_in(clip(key, len)),
        Op::Edit(key, len, tag) => {
            let range = clip(key, len);
            map.edit(range, |_, value| value.tag = tag);
            for k in indices(range) {
                if let Some(value) = &mut model[k] {
                    value.tag = tag;
                }
            }
        }
        Op::Remove(key) => {
            let removed = map.remove(key);
            assert_eq!(removed.is_some(), model[key as usize].is_some());
            if let Some((held, _)) = removed {
                model[indices(held)].fill(None);
            }
        }
        Op::Seek(key) => map.seek(key),
    }
}

fn model_gaps(model: &Model, bounds: KeyRange) -> Vec<KeyRange> {
    let mut gaps = Vec::new();
    let mut start = None;
    for k in bounds.start..=bounds.end {
        let free = k < bounds.end && model.get(k as usize).is_none_or(Option::is_none);
        match (free, start) {
            (true, None) => start = Some(k),
            (false, Some(s)) => {
                gaps.push(KeyRange::new(s, k));
                start = None;
            }
            _ => {}
        }
    }
    gaps
}

fn compare(map: &Map, model: &Model) {
    map.check();
    for (k, cell) in model.iter().enumerate() {
        let key = k as u64;
        let got = map.get(key).map(|(held, value)| Value {
            tag: value.tag,
            offset: value.offset + (key - held.start),
        });
        assert_eq!(&got, cell, "at {key}");
        let label = map.get(key).map(|(held, value)| Tag::new(held, value));
        assert_eq!(map.label(key).copied(), label, "at {key}");
        let above = model.iter().enumerate().skip(k).find(|(_, cell)| cell.is_some());
        assert_eq!(
            map.at_or_after(key).map(|(held, _)| held.start.max(key)),
            above.map(|(k, _)| k as u64)
        );
        let below = model[..k].iter().rposition(Option::is_some);
        assert_eq!(map.before(key).map(|(held, _)| held.end.min(key) - 1), below.map(|k| k as u64));
        if cell.is_some() {
            assert_eq!(map.gap_at(key), None);
        } else {
            let gap = map.gap_at(key).unwrap();
            assert!(gap.contains(key));
        }
    }
    let forward: Vec<_> = map.iter().map(|(range, _)| range).collect();
    let mut backward: Vec<_> = map.iter_back_from(u64::MAX).map(|(range, _)| range).collect();
    backward.reverse();
    assert_eq!(forward, backward);
    assert_eq!(forward.len(), map.len());
    assert_eq!(map.first().map(|(r, _)| r), forward.first().copied());
    assert_eq!(map.last().map(|(r, _)| r), forward.last().copied());
}

fn compare_gaps(map: &Map, model: &Model, bounds: KeyRange, min_len: u64) {
    let is_taken = indices(bounds).any(|k| model.get(k).is_some_and(Option::is_some));
    assert_eq!(map.overlaps(bounds), is_taken, "{bounds:?}");
    let all = model_gaps(model, bounds);
    assert_eq!(map.gaps_in(bounds).collect::<Vec<_>>(), all);
    assert_eq!(map.span_in(bounds), bounds.len() - all.iter().map(|gap| gap.len()).sum::<u64>());
    let long: Vec<_> = all.into_iter().filter(|gap| gap.len() >= min_len).collect();
    let mut offered = Vec::new();
    assert_eq!(
        map.find_gap(bounds, min_len, |gap| {
            offered.push(gap);
            None::<()>
        }),
        None
    );
    assert_eq!(offered, long);
    offered.clear();
    assert_eq!(
        map.find_gap_back(bounds, min_len, |gap| {
            offered.push(gap);
            None::<()>
        }),
        None
    );
    offered.reverse();
    assert_eq!(offered, long);
    assert_eq!(map.find_gap(bounds, min_len, Some), long.first().copied());
    assert_eq!(map.find_gap_back(bounds, min_len, Some), long.last().copied());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn behaves_like_a_list_of_cells(
        ops in prop::collection::vec(op(), 1..220),
        bounds in prop::collection::vec((0..KEYS as u64 + 20, 0..300u64, 1..12u64), 8),
    ) {
        let mut map = Map::default();
        let mut model: Model = alloc::vec![None; KEYS];
        for (step, op) in ops.iter().enumerate() {
            apply(&mut map, &mut model, op);
            map.check();
            // Not every key every time: what is remembered is of before some changes, too.
            for (key, cell) in model.iter().enumerate().skip(step % 3).step_by(3) {
                let found = map.get(key as u64).map(|(held, value)| (held.start, value.offset));
                let wanted = cell.as_ref().map(|cell| cell.offset - key as u64);
                assert_eq!(found.map(|(start, offset)| offset - start), wanted, "at {key}");
                let label = map.label(key as u64).map(|label| label.offset - label.range.start);
                assert_eq!(label, wanted, "at {key}");
            }
        }
        compare(&map, &model);
        for (start, len, min_len) in bounds {
            compare_gaps(&map, &model, KeyRange::new(start, start + len), min_len);
        }
    }
}

#[test]
fn many_entries_split_and_join_blocks() {
    let mut map = Map::default();
    for step in 0..3000u64 {
        let start = (step * 1237 % 3000) * 10;
        map.insert(KeyRange::new(start, start + 5), Value { tag: 0, offset: start });
    }
    map.check();
    assert_eq!((map.len(), map.span()), (3000, 15_000));
    let bounds = KeyRange::new(0, 30_000);
    assert_eq!(map.find_gap(bounds, 6, Some), None);
    assert_eq!(map.find_gap_back(bounds, 6, Some), None);
    assert!(map.remove(15_001).is_some());
    map.check();
    assert_eq!(map.find_gap(bounds, 6, Some), Some(KeyRange::new(14_995, 15_010)));
    assert_eq!(map.find_gap_back(bounds, 6, Some), Some(KeyRange::new(14_995, 15_010)));
    map.remove_range(KeyRange::new(3, 29_993), |_, _| {});
    map.check();
    assert_eq!(map.len(), 2);
}

/// Entries are found where they were before, and where they have moved to, and not where they are
/// gone: in small maps, in growing and in shrinking ones.
#[test]
fn what_is_remembered_is_only_a_hint() {
    const ENTRIES: u64 = 5000;
    let mut map = Map::default();
    let place = |index: u64| KeyRange::new(index * 10, index * 10 + 5);
    let check = |map: &Map, held: &dyn Fn(u64) -> bool| {
        for index in 0..ENTRIES {
            let expected = held(index).then(|| place(index));
            assert_eq!(map.get(index * 10 + 4).map(|(range, _)| range), expected);
            assert_eq!(map.get(index * 10 + 5), None);
            assert_eq!(map.label(index * 10 + 3).map(Tag::range), expected);
            assert_eq!(map.label(index * 10 + 5), None);
        }
    };
    let value = |index: u64| Value { tag: 0, offset: index };
    // The odd ones first, so that the others push them away.
    for (step, index) in (1..ENTRIES).step_by(2).enumerate() {
        map.insert(place(index), value(index));
        if step % 500 == 0 {
            check(&map, &|other| other % 2 == 1 && other <= index);
        }
    }
    for (step, index) in (0..ENTRIES).step_by(2).enumerate() {
        map.insert(place(index), value(index));
        if step % 500 == 0 {
            check(&map, &|other| other % 2 == 1 || other <= index);
        }
    }
    for index in 0..ENTRIES {
        map.remove_range(place(index), |_, _| {});
        if index % 500 == 0 {
            check(&map, &|other| other > index);
        }
    }
    map.check();
    assert!(map.is_empty());
}

/// What is removed is found by nobody, not even where the one who was told of it panics.
#[test]
fn a_panic_leaves_no_label_behind() {
    use std::panic::{AssertUnwindSafe, catch_unwind};
    let mut map = Map::default();
    for index in 0..10 {
        map.insert(KeyRange::new(index * 10, index * 10 + 5), Value { tag: 0, offset: index });
    }
    let remove = || map.remove_range(KeyRange::new(20, 50), |_, _| panic!("of the test"));
    assert!(catch_unwind(AssertUnwindSafe(remove)).is_err());
    for index in 0..10 {
        let found = map.label(index * 10).map(|label| label.offset);
        assert_eq!(found, (!(2..5).contains(&index)).then_some(index));
    }
}

#[test]
fn an_empty_map_finds_nothing() {
    let mut map = Map::default();
    assert_eq!((map.label(0), map.get(0)), (None, None));
    map.insert(KeyRange::new(0, 1), Value { tag: 0, offset: 7 });
    assert_eq!(map.label(0).map(|label| label.offset), Some(7));
    assert!(map.remove(0).is_some());
    assert_eq!((map.label(0), map.get(0), map.label(u64::MAX)), (None, None, None));
    map.check();
}

#[test]
fn the_last_key_is_usable() {
    let mut map = RangeMap::<()>::new();
    map.insert(KeyRange::new(u64::MAX - 1, u64::MAX), ());
    assert!(map.get(u64::MAX - 1).is_some());
    assert_eq!(map.gap_at(u64::MAX), None);
    assert_eq!(map.gap_at(0), Some(KeyRange::new(0, u64::MAX - 1)));
}

#[test]
#[should_panic(expected = "entries must not overlap")]
fn overlapping_inserts_are_refused() {
    let mut map = RangeMap::<()>::new();
    map.insert(KeyRange::new(0, 10), ());
    map.insert(KeyRange::new(9, 11), ());
}
