//! A vector as a sink of bytes.
#![expect(unsafe_code, reason = "a vector is told how many of its bytes a copy has written")]

use usermem_types::{Partial, Transfer};

use crate::stream::moved;
use crate::{BlockSeq, DstBlock, SrcBlockSeq, StreamError, Writer, copy_seq};

/// The most bytes by which [`VecWriter`] makes room at a time.
const STEP: usize = 64 << 10;

/// A sink that appends to a vector, up to a limit. What exceeds it is
/// [`StreamError::EndOfBlocks`].
///
/// Memory is taken as bytes arrive: a length that an application made up costs nothing.
///
/// ```
/// use safecopy::{BlockSeq, SrcBlock, StreamError, VecWriter, Writer};
/// use usermem_types::Partial;
///
/// let mut vec = Vec::new();
/// let mut writer = VecWriter::new(&mut vec, 4);
/// let result = writer.write_from_blocks(BlockSeq::of(SrcBlock::from_slice(b"foobar")));
/// assert_eq!(result, Err(Partial::new(4, StreamError::EndOfBlocks)));
/// assert_eq!(vec, b"foob");
/// ```
#[derive(Debug)]
pub struct VecWriter<'a> {
    vec: &'a mut Vec<u8>,
    limit: usize,
}

impl<'a> VecWriter<'a> {
    /// Creates a sink that appends to `vec` until it holds `limit` bytes.
    #[must_use]
    pub fn new(vec: &'a mut Vec<u8>, limit: usize) -> Self {
        Self { vec, limit }
    }

    /// Appends at most [`STEP`] bytes.
    fn append(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let old = self.vec.len();
        let step = srcs.num_bytes().min(STEP).min(self.limit.saturating_sub(old));
        if step == 0 {
            return Err(Partial::new(0, StreamError::EndOfBlocks));
        }
        self.vec.reserve(step);
        let room = DstBlock::from_uninit(&mut self.vec.spare_capacity_mut()[..step]);
        let result = copy_seq(BlockSeq::of(room), srcs);
        // SAFETY: 1. no more were copied than were reserved; 2. the copy has written each of them.
        unsafe { self.vec.set_len(old + moved(result)) };
        result.map_err(|partial| partial.map_cause(StreamError::Fault))
    }
}

impl Writer for VecWriter<'_> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let (mut left, mut done) = (srcs, 0);
        while !left.is_empty() {
            let step = self.append(left).map_err(|partial| partial.after(done))?;
            left = left.drop_first(step);
            done += step;
        }
        Ok(done)
    }
}
