//! Sets of addresses.

use usermem_types::{Addr, AddrRange};

/// A set of addresses, as ranges: sorted, disjoint, not adjacent.
#[derive(Debug, Default)]
pub(super) struct Ranges {
    sorted: Vec<(u64, u64)>,
}

impl Ranges {
    pub(super) fn is_empty(&self) -> bool {
        self.sorted.is_empty()
    }

    /// Adds a range, merging it with what it overlaps or touches.
    pub(super) fn insert(&mut self, range: AddrRange) {
        let (mut start, mut end) = (range.start().get(), range.end().get());
        if start == end {
            return;
        }
        let first = self.sorted.partition_point(|(_, other)| *other < start);
        let last = self.sorted.partition_point(|(other, _)| *other <= end);
        if let (Some((low, _)), Some((_, high))) =
            (self.sorted.get(first), self.sorted.get(last.wrapping_sub(1)))
            && first < last
        {
            start = start.min(*low);
            end = end.max(*high);
        }
        self.sorted.splice(first..last, [(start, end)]);
    }

    /// Removes a range.
    pub(super) fn remove(&mut self, range: AddrRange) {
        let (start, end) = (range.start().get(), range.end().get());
        let first = self.sorted.partition_point(|(_, other)| *other <= start);
        let last = self.sorted.partition_point(|(other, _)| *other < end);
        if first >= last || start == end {
            return;
        }
        let low = self.sorted.get(first).map(|(low, _)| (*low, start));
        let high = self.sorted.get(last - 1).map(|(_, high)| (end, *high));
        let rest = [low, high].into_iter().flatten().filter(|(start, end)| start < end);
        self.sorted.splice(first..last, rest);
    }

    /// Returns the smallest range that holds everything of the set within `range`; `None` when
    /// there is nothing.
    pub(super) fn hull_within(&self, range: AddrRange) -> Option<AddrRange> {
        let (start, end) = (range.start().get(), range.end().get());
        let first = self.sorted.partition_point(|(_, other)| *other <= start);
        let last = self.sorted.partition_point(|(other, _)| *other < end);
        if first >= last || start == end {
            return None;
        }
        let (low, _) = self.sorted.get(first)?;
        let (_, high) = self.sorted.get(last - 1)?;
        AddrRange::new(Addr::new(start.max(*low)), Addr::new(end.min(*high)))
    }

    /// Takes one of the ranges.
    pub(super) fn pop(&mut self) -> Option<(u64, u64)> {
        self.sorted.pop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_agree_with_a_table_of_addresses() {
        let mut ranges = Ranges::default();
        let mut model = [false; 48];
        let mut seed = 0x2545_f491_4f6c_dd1du64;
        let mut random = |bound: usize| {
            seed ^= seed << 13;
            seed ^= seed >> 7;
            seed ^= seed << 17;
            usize::try_from(seed % bound as u64).unwrap()
        };
        for step in 0..20_000 {
            let start = random(40);
            let end = start + random(9);
            let range = AddrRange::new(Addr::new(start as u64), Addr::new(end as u64)).unwrap();
            let insert = random(2) == 0;
            if insert {
                ranges.insert(range);
            } else {
                ranges.remove(range);
            }
            model[start..end].fill(insert);
            let mut expected: Vec<(u64, u64)> = Vec::new();
            for (at, set) in (0u64..).zip(model) {
                match expected.last_mut() {
                    Some(last) if set && last.1 == at => last.1 = at + 1,
                    _ if set => expected.push((at, at + 1)),
                    _ => {}
                }
            }
            assert_eq!(ranges.sorted, expected, "step {step}");

            let start = random(40);
            let end = start + random(9);
            let inside = |at: &usize| model[*at];
            let hull = (start..end).find(inside).zip((start..end).rfind(inside));
            let range = AddrRange::new(Addr::new(start as u64), Addr::new(end as u64)).unwrap();
            let found = ranges.hull_within(range);
            let found = found.map(|hull| (hull.start().get(), hull.end().get() - 1));
            assert_eq!(found, hull.map(|(low, high)| (low as u64, high as u64)), "step {step}");
        }
    }
}
