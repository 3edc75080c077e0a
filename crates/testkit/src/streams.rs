//! Readers and writers that do exactly as told.

use safecopy::{DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer};
use usermem_types::{Partial, Transfer};

/// A reader that gives what it has, then fails or ends.
///
/// ```
/// use safecopy::{DstBlock, DstBlockSeq, Reader};
///
/// let mut reader = testkit::ScriptedReader::new(b"ab", None);
/// let mut buffer = [0; 3];
/// let room = DstBlockSeq::of(DstBlock::from_slice(&mut buffer));
/// assert_eq!(reader.read_to_blocks(room), Ok(2));
/// assert_eq!((&buffer, reader.calls), (b"ab\0", vec![3]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptedReader {
    /// What is left to be read.
    pub data: Vec<u8>,
    /// The error when all of `data` was read and more was asked for.
    pub error: Option<StreamError>,
    /// The bytes that each call had room for.
    pub calls: Vec<usize>,
}

impl ScriptedReader {
    /// Creates a reader of `data`.
    #[must_use]
    pub fn new(data: &[u8], error: Option<StreamError>) -> Self {
        Self { data: data.to_vec(), error, calls: Vec::new() }
    }
}

impl Reader for ScriptedReader {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let room = dsts.num_bytes();
        self.calls.push(room);
        let srcs = SrcBlockSeq::of(SrcBlock::from_slice(&self.data));
        let done = safecopy::copy_seq(dsts, srcs)
            .map_err(|partial| partial.map_cause(StreamError::Fault))?;
        self.data.drain(..done);
        match self.error {
            Some(error) if done < room => Err(Partial::new(done, error)),
            _ => Ok(done),
        }
    }
}

/// A writer that takes as much as it has room for, then fails or is full.
///
/// ```
/// use safecopy::{SrcBlock, SrcBlockSeq, Writer};
///
/// let mut writer = testkit::ScriptedWriter::new(2, None);
/// let bytes = SrcBlockSeq::of(SrcBlock::from_slice(b"abc"));
/// assert_eq!(writer.write_from_blocks(bytes), Ok(2));
/// assert_eq!((writer.data, writer.calls), (b"ab".to_vec(), vec![3]));
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ScriptedWriter {
    /// What was written.
    pub data: Vec<u8>,
    /// How many bytes it takes yet.
    pub room: usize,
    /// The error when there is more than room for.
    pub error: Option<StreamError>,
    /// The bytes that each call offered.
    pub calls: Vec<usize>,
}

impl ScriptedWriter {
    /// Creates a writer that takes `room` bytes.
    #[must_use]
    pub fn new(room: usize, error: Option<StreamError>) -> Self {
        Self { data: Vec::new(), room, error, calls: Vec::new() }
    }
}

impl Writer for ScriptedWriter {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let offered = srcs.num_bytes();
        self.calls.push(offered);
        let mut taken = vec![0; offered.min(self.room)];
        let dsts = DstBlockSeq::of(DstBlock::from_slice(&mut taken));
        let done = safecopy::copy_seq(dsts, srcs)
            .map_err(|partial| partial.map_cause(StreamError::Fault))?;
        self.data.extend_from_slice(&taken[..done]);
        self.room -= done;
        match self.error {
            Some(error) if done < offered => Err(Partial::new(done, error)),
            _ => Ok(done),
        }
    }
}
