//! The ranges of a sequence, one after the other.

use core::iter::FusedIterator;

use crate::{AddrRange, AddrRangeSeq};

/// Iterates over the ranges of an [`AddrRangeSeq`], those of length zero included.
///
/// ```
/// use usermem_types::{Addr, AddrRangeSeq};
/// let ranges = [Addr::new(0x10).to_range(4).unwrap(), Addr::new(0x20).to_range(0).unwrap()];
/// let mut iter = AddrRangeSeq::from_slice(&ranges).unwrap().iter();
/// assert_eq!(iter.len(), 2);
/// assert_eq!(iter.next(), Some(ranges[0]));
/// assert_eq!(iter.rest().to_string(), "[[0x20, 0x20)]");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct AddrRangeSeqIter<'a> {
    rest: AddrRangeSeq<'a>,
}

impl<'a> AddrRangeSeqIter<'a> {
    #[inline]
    pub(crate) fn new(seq: AddrRangeSeq<'a>) -> Self {
        Self { rest: seq }
    }

    /// Returns the sequence of the ranges that are still to come.
    #[must_use]
    pub fn rest(self) -> AddrRangeSeq<'a> {
        self.rest
    }
}

impl Iterator for AddrRangeSeqIter<'_> {
    type Item = AddrRange;

    #[inline]
    fn next(&mut self) -> Option<AddrRange> {
        let (head, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(head)
    }

    #[inline]
    fn size_hint(&self) -> (usize, Option<usize>) {
        let len = self.rest.num_ranges();
        (len, Some(len))
    }
}

impl ExactSizeIterator for AddrRangeSeqIter<'_> {}

impl FusedIterator for AddrRangeSeqIter<'_> {}
