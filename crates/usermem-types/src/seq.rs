//! An immutable, copyable sequence of address ranges.

use core::fmt;

use crate::{AddrRange, AddrRangeSeqIter};

/// The most bytes of a sequence: a count of them must fit what a system call returns.
const MAX_BYTES: u64 = i64::MAX as u64;

/// The ranges of a sequence hold more than `i64::MAX` bytes together.
///
/// ```
/// use usermem_types::{Addr, AddrRangeSeq, SeqTooLong};
/// let most = Addr::ZERO.to_range(u64::MAX).unwrap();
/// assert_eq!(AddrRangeSeq::of(most), Err(SeqTooLong));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SeqTooLong;

impl fmt::Display for SeqTooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the ranges hold more than i64::MAX bytes")
    }
}

impl core::error::Error for SeqTooLong {}

/// An ordered sequence of address ranges, worked on like Linux's `iov_iter`.
///
/// Copyable, borrows the ranges, allocates nothing. Ranges of length zero are legal, kept and
/// iterated: a memory manager validates their addresses. So [`AddrRangeSeq::is_empty`] means "no
/// ranges left", which is not the same as "no bytes left".
///
/// All operations are defined on *effective* ranges: those that remain after what was dropped and
/// taken so far. A range beyond the byte limit is still there, with length zero.
///
/// ```
/// use usermem_types::{Addr, AddrRangeSeq};
/// let ranges = [Addr::new(0x10).to_range(4).unwrap(), Addr::new(0x20).to_range(5).unwrap()];
/// let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
/// assert_eq!(seq.drop_first(6).to_string(), "[[0x22, 0x25)]");
/// ```
#[derive(Clone, Copy)]
pub struct AddrRangeSeq<'a> {
    repr: Repr<'a>,
}

#[derive(Clone, Copy)]
enum Repr<'a> {
    One(Option<AddrRange>),
    /// Invariant: one or more ranges; `offset` is at most the length of the first; `limit` is at
    /// most the length of all of them less `offset`.
    Slice {
        ranges: &'a [AddrRange],
        offset: u64,
        limit: u64,
    },
}

impl Default for AddrRangeSeq<'_> {
    #[inline]
    fn default() -> Self {
        Self { repr: Repr::One(None) }
    }
}

impl<'a> AddrRangeSeq<'a> {
    /// Creates a sequence of one range.
    ///
    /// # Errors
    /// [`SeqTooLong`] when the range is longer than `i64::MAX` bytes.
    #[inline]
    pub fn of(range: AddrRange) -> Result<Self, SeqTooLong> {
        if range.len() > MAX_BYTES {
            return Err(SeqTooLong);
        }
        Ok(Self { repr: Repr::One(Some(range)) })
    }

    /// Creates a sequence of the ranges of a slice, in its order.
    ///
    /// # Errors
    /// [`SeqTooLong`] when they hold more than `i64::MAX` bytes together.
    pub fn from_slice(ranges: &'a [AddrRange]) -> Result<Self, SeqTooLong> {
        let mut total = 0u64;
        for range in ranges {
            total =
                total.checked_add(range.len()).filter(|sum| *sum <= MAX_BYTES).ok_or(SeqTooLong)?;
        }
        Ok(Self::slice(ranges, 0, total))
    }

    #[inline]
    fn slice(ranges: &'a [AddrRange], offset: u64, limit: u64) -> Self {
        let repr = match ranges {
            [] => Repr::One(None),
            _ => Repr::Slice { ranges, offset, limit },
        };
        Self { repr }
    }

    /// Returns whether no ranges are left.
    #[inline]
    #[must_use]
    pub fn is_empty(self) -> bool {
        matches!(self.repr, Repr::One(None))
    }

    /// Returns how many ranges are left, those of length zero included.
    #[inline]
    #[must_use]
    pub fn num_ranges(self) -> usize {
        match self.repr {
            Repr::One(range) => usize::from(range.is_some()),
            Repr::Slice { ranges, .. } => ranges.len(),
        }
    }

    /// Returns how many bytes are left, in constant time; at most `i64::MAX`.
    #[inline]
    #[must_use]
    pub fn num_bytes(self) -> u64 {
        match self.repr {
            Repr::One(range) => range.map_or(0, AddrRange::len),
            Repr::Slice { limit, .. } => limit,
        }
    }

    /// Returns the first range; `None` when no ranges are left.
    #[inline]
    #[must_use]
    pub fn head(self) -> Option<AddrRange> {
        match self.repr {
            Repr::One(range) => range,
            Repr::Slice { ranges, offset, limit } => {
                Some(ranges.first()?.drop_first(offset).take_first(limit))
            }
        }
    }

    /// Returns the first range and the rest of the sequence; `None` when no ranges are left.
    #[inline]
    #[must_use]
    pub fn split_first(self) -> Option<(AddrRange, Self)> {
        let head = self.head()?;
        let tail = match self.repr {
            Repr::One(_) => Self::default(),
            Repr::Slice { ranges, limit, .. } => {
                Self::slice(ranges.get(1..)?, 0, limit - head.len())
            }
        };
        Some((head, tail))
    }

    /// Returns the first range and those that follow it, which may go on beyond the last byte: the
    /// sequence ends after [`num_bytes`](Self::num_bytes). For whoever counts bytes, this is the
    /// quickest way through a sequence.
    ///
    /// ```
    /// use usermem_types::{Addr, AddrRangeSeq};
    /// let ranges = [Addr::new(0x10).to_range(4).unwrap(), Addr::new(0x20).to_range(5).unwrap()];
    /// let seq = AddrRangeSeq::from_slice(&ranges).unwrap().drop_first(1).take_first(4);
    /// let first = Addr::new(0x11).to_range(3).unwrap();
    /// assert_eq!(seq.first_and_others(), Some((first, &ranges[1..])));
    /// ```
    #[inline]
    #[must_use]
    pub fn first_and_others(self) -> Option<(AddrRange, &'a [AddrRange])> {
        let others = match self.repr {
            Repr::One(_) => &[],
            Repr::Slice { ranges, .. } => ranges.get(1..)?,
        };
        Some((self.head()?, others))
    }

    /// Returns everything after the first range; the empty sequence when there is none.
    #[inline]
    #[must_use]
    pub fn tail(self) -> Self {
        self.split_first().map_or_else(Self::default, |(_, tail)| tail)
    }

    /// Returns the sequence without its first `bytes` bytes.
    ///
    /// More bytes than there are give the empty sequence. Otherwise a first range of length zero
    /// is removed first, even for zero bytes, so that "work on the head, drop what was done"
    /// always makes progress; then bytes are removed from the front, and ranges that follow the
    /// last removed byte stay even when they are of length zero.
    #[must_use]
    pub fn drop_first(self, bytes: u64) -> Self {
        if bytes > self.num_bytes() {
            return Self::default();
        }
        let mut seq = self;
        if seq.head().is_some_and(AddrRange::is_empty) {
            seq = seq.tail();
        }
        let mut left = bytes;
        while left > 0 {
            let Some((head, tail)) = seq.split_first() else { break };
            if left < head.len() {
                return seq.advance(left);
            }
            left -= head.len();
            seq = tail;
        }
        seq
    }

    /// Trims less than the whole head.
    fn advance(self, bytes: u64) -> Self {
        match self.repr {
            Repr::One(range) => Self { repr: Repr::One(range.map(|r| r.drop_first(bytes))) },
            Repr::Slice { ranges, offset, limit } => {
                Self::slice(ranges, offset + bytes, limit - bytes)
            }
        }
    }

    /// Returns the sequence cut to at most `bytes` bytes. Never removes ranges: those beyond the
    /// limit stay with length zero.
    #[inline]
    #[must_use]
    pub fn take_first(self, bytes: u64) -> Self {
        match self.repr {
            Repr::One(range) => Self { repr: Repr::One(range.map(|r| r.take_first(bytes))) },
            Repr::Slice { ranges, offset, limit } => Self::slice(ranges, offset, limit.min(bytes)),
        }
    }

    /// Returns an iterator over the ranges that are left.
    #[inline]
    #[must_use]
    pub fn iter(self) -> AddrRangeSeqIter<'a> {
        AddrRangeSeqIter::new(self)
    }
}

impl<'a> IntoIterator for AddrRangeSeq<'a> {
    type Item = AddrRange;
    type IntoIter = AddrRangeSeqIter<'a>;

    #[inline]
    fn into_iter(self) -> AddrRangeSeqIter<'a> {
        self.iter()
    }
}

impl PartialEq for AddrRangeSeq<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.iter().eq(other.iter())
    }
}

impl Eq for AddrRangeSeq<'_> {}

impl fmt::Display for AddrRangeSeq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (index, range) in self.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            fmt::Display::fmt(&range, f)?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for AddrRangeSeq<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
