//! The map from ranges to values that the memory manager looks everything up in.

use std::collections::BTreeMap;

use rangemap::RangeMap as Peer;
use rangeset::{KeyRange, RangeMap, Segment};

use super::tables::Numbers;
use crate::bench::Bench;
use crate::lap::{Lap, expect, time};
use crate::plan::Plan;
use crate::row::At;

const LEVEL: &str = "structure";
const PAGE: u64 = 4096;
/// Length of a table of random keys.
const KEYS: usize = 1 << 14;

/// A value that never merges with its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Number(u64);

impl Segment for Number {
    fn can_merge(&self, _: KeyRange, _: &Self, _: KeyRange) -> bool {
        false
    }

    fn merge(&mut self, _: KeyRange, _: Self, _: KeyRange) {}

    fn split_off(&mut self, _: KeyRange, _: u64) -> Self {
        *self
    }
}

fn start(index: usize) -> u64 {
    2 * index as u64 * PAGE
}

pub(super) fn rows(bench: &mut Bench<'_>) {
    for ranges in [1, 16, 1000, 10_000, 65_000] {
        look_up(bench, ranges);
    }
    for ranges in [1000, 65_000] {
        replace(bench, ranges);
    }
}

/// Three maps of the same ranges, of a page each with a hole behind each.
struct Maps {
    ours: RangeMap<Number>,
    /// The start of each range to its end and value: what the standard library has.
    plain: BTreeMap<u64, (u64, Number)>,
    peer: Peer<u64, Number>,
    /// The numbers of ranges in random order.
    order: Vec<usize>,
}

impl Maps {
    fn new(ranges: usize) -> Self {
        let (mut ours, mut plain, mut peer) = (RangeMap::new(), BTreeMap::new(), Peer::new());
        for index in 0..ranges {
            let (from, to, value) = (start(index), start(index) + PAGE, Number(index as u64));
            ours.insert(KeyRange::new(from, to), value);
            plain.insert(from, (to, value));
            peer.insert(from..to, value);
        }
        let mut numbers = Numbers::new();
        let order = (0..KEYS).map(|_| numbers.below(ranges)).collect();
        Self { ours, plain, peer, order }
    }

    /// Returns the sum of the values that `count` look-ups find.
    fn answer(&self, count: u64) -> u64 {
        let sum = |len: usize| self.order[..len].iter().map(|index| *index as u64).sum::<u64>();
        count / KEYS as u64 * sum(KEYS) + sum(count as usize % KEYS)
    }
}

fn look_up(bench: &mut Bench<'_>, ranges: usize) {
    bench.row(LEVEL, &format!("look up one of {ranges} ranges"), |setting, name| {
        let maps = Maps::new(setting.effort.size(ranges, ranges.min(100)));
        let keys: Vec<u64> = maps.order.iter().map(|index| start(*index) + 100).collect();
        let (maps, keys) = (&maps, &keys);
        fn lap<'a>(
            maps: &'a Maps,
            keys: &'a [u64],
            get: impl Fn(u64) -> Option<Number> + 'a,
        ) -> Lap<'a> {
            Box::new(move |count| {
                let mut sum = 0_u64;
                let nanoseconds = time(count, |index| {
                    sum = sum.wrapping_add(get(keys[index % KEYS]).map_or(!0, |value| value.0));
                });
                expect(sum, maps.answer(count)).map(|()| nanoseconds)
            })
        }
        let plain = |key: u64| {
            let (_, (end, value)) = maps.plain.range(..=key).next_back()?;
            (key < *end).then_some(*value)
        };
        let plan = Plan::new(name)
            .at(At::Mappings(ranges as u64))
            .at_least(KEYS as u64)
            .ours(lap(maps, keys, |key| maps.ours.get(key).map(|(_, value)| *value)))
            .beside("BTreeMap", Some(lap(maps, keys, plain)))
            .beside("rangemap", Some(lap(maps, keys, |key| maps.peer.get(&key).copied())));
        setting.measure(plan)
    });
}

/// Removes a range and puts it back.
fn replace(bench: &mut Bench<'_>, ranges: usize) {
    bench.row(LEVEL, &format!("remove and insert one of {ranges} ranges"), |setting, name| {
        let maps = Maps::new(setting.effort.size(ranges, ranges.min(100)));
        let Maps { mut ours, mut plain, mut peer, order } = maps;
        let (order, len) = (&order, plain.len());
        let range = |index: usize| {
            let index = order[index % KEYS];
            (start(index), start(index) + PAGE, Number(index as u64))
        };
        let plan = Plan::new(name)
            .at_least(KEYS as u64)
            .ours(|count| {
                let nanoseconds = time(count, |index| {
                    let (from, to, value) = range(index);
                    ours.remove_range(KeyRange::new(from, to), |_, _| ());
                    ours.insert(KeyRange::new(from, to), value);
                });
                expect(ours.len() as u64, len as u64).map(|()| nanoseconds)
            })
            .beside(
                "BTreeMap",
                Some(Box::new(|count| {
                    let nanoseconds = time(count, |index| {
                        let (from, to, value) = range(index);
                        plain.remove(&from);
                        plain.insert(from, (to, value));
                    });
                    expect(plain.len() as u64, len as u64).map(|()| nanoseconds)
                })),
            )
            .beside(
                "rangemap",
                Some(Box::new(|count| {
                    let nanoseconds = time(count, |index| {
                        let (from, to, value) = range(index);
                        peer.remove(from..to);
                        peer.insert(from..to, value);
                    });
                    expect(peer.iter().count() as u64, len as u64).map(|()| nanoseconds)
                })),
            );
        setting.measure(plan)
    });
}
