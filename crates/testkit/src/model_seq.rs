//! Sequences of ranges in the most naive way.

use usermem_types::{Addr, AddrRange, AddrRangeSeq};

/// A sequence of ranges as a list of those that are left, with what an
/// [`AddrRangeSeq`] promises spelled out.
///
/// ```
/// use testkit::ModelSeq;
/// use usermem_types::{Addr, AddrRangeSeq};
///
/// let ranges = [Addr::new(0x10).to_range(4).unwrap(), Addr::new(0x20).to_range(4).unwrap()];
/// let mut model = ModelSeq::new(&ranges);
/// model.drop_first(5);
/// assert_eq!(model.ranges(), [Addr::new(0x21).to_range(3).unwrap()]);
/// model.assert_same(AddrRangeSeq::from_slice(&ranges).unwrap().drop_first(5));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModelSeq {
    /// Start and length of every range that is left.
    ranges: Vec<(u64, u64)>,
}

impl ModelSeq {
    /// Creates a sequence of ranges.
    #[must_use]
    pub fn new(ranges: &[AddrRange]) -> Self {
        Self { ranges: ranges.iter().map(|range| (range.start().get(), range.len())).collect() }
    }

    /// Returns the number of bytes that are left.
    #[must_use]
    pub fn num_bytes(&self) -> u64 {
        self.ranges.iter().map(|(_, len)| len).sum()
    }

    /// Returns the ranges that are left.
    #[must_use]
    pub fn ranges(&self) -> Vec<AddrRange> {
        let range = |(start, len): &(u64, u64)| {
            let start = Addr::new(*start);
            AddrRange::new(start, start.saturating_add(*len)).unwrap_or_default()
        };
        self.ranges.iter().map(range).collect()
    }

    /// Removes the first range.
    pub fn tail(&mut self) {
        if !self.ranges.is_empty() {
            self.ranges.remove(0);
        }
    }

    /// Removes bytes from the front.
    pub fn drop_first(&mut self, mut bytes: u64) {
        if bytes > self.num_bytes() {
            self.ranges.clear();
            return;
        }
        if self.ranges.first().is_some_and(|(_, len)| *len == 0) {
            self.ranges.remove(0);
        }
        while bytes > 0 {
            let (start, len) = &mut self.ranges[0];
            if bytes < *len {
                *start += bytes;
                *len -= bytes;
                return;
            }
            bytes -= *len;
            self.ranges.remove(0);
        }
    }

    /// Removes bytes from the end, and no range.
    pub fn take_first(&mut self, bytes: u64) {
        let mut left = bytes;
        for (_, len) in &mut self.ranges {
            *len = left.min(*len);
            left -= *len;
        }
    }

    /// Checks that a sequence is the same in everything that can be asked of it.
    ///
    /// # Panics
    /// When it is not.
    #[track_caller]
    pub fn assert_same(&self, seq: AddrRangeSeq<'_>) {
        let ranges = self.ranges();
        assert_eq!(seq.iter().collect::<Vec<_>>(), ranges);
        assert_eq!(seq.num_ranges(), ranges.len());
        assert_eq!(seq.num_bytes(), self.num_bytes());
        assert_eq!(seq.is_empty(), ranges.is_empty());
        assert_eq!(seq.head(), ranges.first().copied());
    }
}
