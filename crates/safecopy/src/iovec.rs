//! Blocks for the host's vectored system calls.

use smallvec::SmallVec;
use usermem_types::UIO_MAXIOV;

use crate::BlockSeq;

/// The host's description of a sequence of blocks; up to eight need no allocation.
///
/// ```
/// use safecopy::{BlockSeq, IoVecs, SrcBlock};
///
/// let blocks = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"ba")];
/// let iovecs: IoVecs = BlockSeq::from_slice(&blocks).to_iovecs();
/// assert_eq!(iovecs.iter().map(|iovec| iovec.iov_len).collect::<Vec<_>>(), [3, 2]);
/// ```
pub type IoVecs = SmallVec<[libc::iovec; 8]>;

impl<M> BlockSeq<'_, M> {
    /// Returns the blocks as the host's `readv` or `writev` take them.
    ///
    /// Blocks beyond the 1024 that the host takes at once are left out: the call comes short, and
    /// a full transfer goes on from there. The host answers EFAULT where a block cannot be
    /// accessed, so that foreign blocks need nothing else.
    #[must_use]
    pub fn to_iovecs(self) -> IoVecs {
        self.iter()
            .take(UIO_MAXIOV)
            .map(|block| libc::iovec { iov_base: block.as_ptr().cast(), iov_len: block.len() })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use crate::{BlockSeq, SrcBlock};

    #[test]
    fn eight_blocks_need_no_allocation_and_empty_ones_are_left_out() {
        let bytes = *b"abcdefgh";
        let mut blocks: Vec<_> = bytes.chunks(1).map(SrcBlock::from_slice).collect();
        blocks.insert(3, SrcBlock::default());
        let iovecs = BlockSeq::from_slice(&blocks).to_iovecs();
        assert_eq!(iovecs.len(), 8);
        assert!(!iovecs.spilled());
        for (at, iovec) in iovecs.iter().enumerate() {
            assert_eq!(iovec.iov_base.addr(), bytes.as_ptr().addr() + at);
            assert_eq!(iovec.iov_len, 1);
        }
    }

    #[test]
    fn only_what_one_call_takes() {
        let blocks = vec![SrcBlock::from_slice(b"x"); 1030];
        assert_eq!(BlockSeq::from_slice(&blocks).to_iovecs().len(), 1024);
        assert!(BlockSeq::from_slice(&blocks).take_first(0).to_iovecs().is_empty());
    }
}
