//! The adapters of streams in the most naive way.

use std::collections::VecDeque;

use safecopy::StreamError;
use usermem_types::{Partial, Transfer};

use crate::{Answer, End, ModelBlocks, ModelHost, StreamCall, StreamScript};

/// How an adapter calls the stream behind it.
///
/// ```
/// use testkit::{Answer, End, Manner, ModelBlocks, ModelHost, ModelStream};
///
/// let mut host = ModelHost::default();
/// host.insert(0x1000, &[0; 8]);
/// let blocks = ModelBlocks::new(&[(0x1000, 3), (0x1004, 4)]);
/// let whole = Answer { claims: 4, end: End::Returns };
/// for (manner, calls) in [(Manner::Blocks, 2), (Manner::Vectors, 1)] {
///     let mut stream = ModelStream::new(manner, &[whole, whole]);
///     stream.read(&mut host, &blocks);
///     assert_eq!(stream.calls.len(), calls);
/// }
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    /// Once per block.
    Blocks,
    /// Once per block, at a position.
    Positions,
    /// Once, with a slice per block.
    Vectors,
    /// Not an adapter: the stream itself, which may move bytes and fail.
    Direct,
}

/// What an adapter over a [`StreamScript`] does; `None` for a transfer that panics.
///
/// ```
/// use testkit::{Answer, End, Manner, ModelBlocks, ModelHost, ModelStream};
///
/// let mut host = ModelHost::default();
/// host.insert(0x1000, b"abcd");
/// let short = Answer { claims: 3, end: End::Returns };
/// let mut stream = ModelStream::new(Manner::Blocks, &[short]);
/// assert_eq!(stream.write(&host, &ModelBlocks::new(&[(0x1000, 4)])), Some(Ok(3)));
/// assert_eq!(stream.data, b"abc");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelStream {
    manner: Manner,
    answers: VecDeque<Answer>,
    /// What the stream will have been asked.
    pub calls: Vec<StreamCall>,
    /// What the stream will have been given.
    pub data: Vec<u8>,
    /// Where it goes on.
    pub position: u64,
}

impl ModelStream {
    /// Creates an adapter over a stream that answers so.
    #[must_use]
    pub fn new(manner: Manner, answers: &[Answer]) -> Self {
        let answers = answers.iter().copied().collect();
        Self { manner, answers, calls: Vec::new(), data: Vec::new(), position: 0 }
    }

    /// Does what [`safecopy::Reader::read_to_blocks`] does.
    pub fn read(
        &mut self,
        host: &mut ModelHost,
        dsts: &ModelBlocks,
    ) -> Option<Transfer<StreamError>> {
        let mut done = 0;
        for group in self.groups(dsts) {
            let addrs: Vec<usize> = ModelBlocks::new(&group).addrs().collect();
            let (claims, error) = self.call(group.iter().map(|(_, len)| *len).collect())?;
            let claims = claims.min(addrs.len());
            let start = self.position;
            for (addr, at) in addrs.iter().take(claims).zip(start..) {
                if let Err(fault) = host.store(*addr, StreamScript::byte_at(at)) {
                    if matches!(self.manner, Manner::Blocks | Manner::Vectors) {
                        self.position = start + claims as u64;
                    }
                    return Some(Err(Partial::new(done, StreamError::Fault(fault))));
                }
                self.position += 1;
                done += 1;
            }
            if let Some(cause) = error {
                return Some(Err(Partial::new(done, cause)));
            }
            if claims < addrs.len() {
                break;
            }
        }
        Some(Ok(done))
    }

    /// Does what [`safecopy::Writer::write_from_blocks`] does.
    pub fn write(&mut self, host: &ModelHost, srcs: &ModelBlocks) -> Option<Transfer<StreamError>> {
        let mut done = 0;
        for group in self.groups(srcs) {
            let (mut bytes, mut fault) = (Vec::new(), None);
            for addr in ModelBlocks::new(&group).addrs() {
                match host.load(addr) {
                    Ok(byte) => bytes.push(byte),
                    Err(found) => {
                        fault = Some(found);
                        break;
                    }
                }
            }
            if !bytes.is_empty() || self.manner == Manner::Direct {
                let offered = ModelBlocks::new(&group).take_first(bytes.len());
                let lens = offered.blocks().iter().map(|(_, len)| *len).collect();
                let (claims, error) = self.call(lens)?;
                let taken = claims.min(bytes.len());
                done += taken;
                self.position += taken as u64;
                self.data.extend(&bytes[..taken]);
                if let Some(cause) = error {
                    return Some(Err(Partial::new(done, cause)));
                }
                if taken < bytes.len() {
                    break;
                }
            }
            if let Some(fault) = fault {
                return Some(Err(Partial::new(done, StreamError::Fault(fault))));
            }
        }
        Some(Ok(done))
    }

    /// Does a transfer in as many rounds as it takes.
    pub fn full(
        &mut self,
        blocks: &ModelBlocks,
        mut round: impl FnMut(&mut Self, &ModelBlocks) -> Option<Transfer<StreamError>>,
    ) -> Option<Transfer<StreamError>> {
        let mut left = blocks.clone();
        let mut done = 0;
        while left.addrs().count() > 0 {
            let moved = match round(self, &left)? {
                Ok(0) => return Some(Err(Partial::new(done, StreamError::NoProgress))),
                Ok(moved) => moved,
                Err(partial) => return Some(Err(partial.after(done))),
            };
            done += moved;
            left = left.drop_first(moved);
        }
        Some(Ok(done))
    }

    /// Returns the blocks of each call.
    fn groups(&self, blocks: &ModelBlocks) -> Vec<Vec<(usize, usize)>> {
        let blocks = blocks.blocks();
        match self.manner {
            Manner::Vectors if blocks.is_empty() => Vec::new(),
            Manner::Vectors | Manner::Direct => vec![blocks],
            Manner::Blocks | Manner::Positions => blocks.into_iter().map(|b| vec![b]).collect(),
        }
    }

    /// Returns what the stream claims to have moved, and its error.
    fn call(&mut self, lens: Vec<usize>) -> Option<(usize, Option<StreamError>)> {
        self.calls.push(StreamCall { at: self.position, lens });
        let Some(Answer { claims, end }) = self.answers.pop_front() else { return Some((0, None)) };
        match end {
            End::Returns => Some((claims, None)),
            End::Fails(errno) => {
                let moved = if self.manner == Manner::Direct { claims } else { 0 };
                Some((moved, Some(StreamError::Errno(errno))))
            }
            End::Panics => None,
        }
    }
}
