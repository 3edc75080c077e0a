//! Streams that do exactly as told, however bad that is.

use std::collections::VecDeque;
use std::io::{self, IoSlice, IoSliceMut};
use std::panic::resume_unwind;

use safecopy::{
    BlockSeq, DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer, copy_seq,
};
use usermem_types::{Errno, Partial, Transfer};

/// What a stream does when it is called.
///
/// ```
/// use std::io::Read;
/// use testkit::{Answer, End, StreamScript};
///
/// // It claims more than it was offered room for.
/// let mut stream = StreamScript::new(&[Answer { claims: 100, end: End::Returns }]);
/// assert_eq!(stream.read(&mut [0; 4]).unwrap(), 100);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The bytes that it claims to have moved. It moves no more than it is offered.
    pub claims: usize,
    /// How the call ends.
    pub end: End,
}

/// How a call of a stream ends.
///
/// ```
/// use std::io::Read;
/// use testkit::{Answer, End, StreamScript};
/// use usermem_types::Errno;
///
/// let fails = Answer { claims: 0, end: End::Fails(Errno::EIO) };
/// let error = StreamScript::new(&[fails]).read(&mut [0; 4]).unwrap_err();
/// assert_eq!(error.raw_os_error(), Some(5));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It returns.
    Returns,
    /// It fails. A stream of the standard library then moves nothing.
    Fails(Errno),
    /// It panics, having moved nothing.
    Panics,
}

/// A call of a stream.
///
/// ```
/// use testkit::{StreamCall, StreamScript};
///
/// let mut stream = StreamScript::default();
/// stream.read_at(&mut [0; 4], 9).unwrap();
/// assert_eq!(stream.calls, [StreamCall { at: 9, lens: vec![4] }]);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StreamCall {
    /// Where in the source or the sink.
    pub at: u64,
    /// The lengths of the slices that it was offered.
    pub lens: Vec<usize>,
}

/// A source and sink that answers from a script, and then moves nothing.
///
/// What it yields at a position is [`StreamScript::byte_at`].
///
/// ```
/// use std::io::Read;
/// use testkit::{Answer, End, StreamScript};
///
/// let mut stream = StreamScript::new(&[Answer { claims: 2, end: End::Returns }]);
/// let mut bytes = [0; 4];
/// assert_eq!(stream.read(&mut bytes).unwrap(), 2);
/// assert_eq!(bytes, [StreamScript::byte_at(0), StreamScript::byte_at(1), 0, 0]);
/// assert_eq!(stream.read(&mut bytes).unwrap(), 0);
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct StreamScript {
    /// What is to come.
    pub answers: VecDeque<Answer>,
    /// What was asked.
    pub calls: Vec<StreamCall>,
    /// What was written.
    pub data: Vec<u8>,
    /// Where the next call that names no position moves bytes.
    pub position: u64,
}

impl StreamScript {
    /// Creates a stream that answers so.
    #[must_use]
    pub fn new(answers: &[Answer]) -> Self {
        Self { answers: answers.iter().copied().collect(), ..Self::default() }
    }

    /// Returns the byte of the source at a position.
    #[must_use]
    pub fn byte_at(position: u64) -> u8 {
        let [low, high, ..] = position.to_le_bytes();
        low.wrapping_mul(167) ^ high.wrapping_mul(13) ^ 0x5a
    }

    /// Takes the next answer.
    ///
    /// # Panics
    /// When it is to panic; without a message.
    pub fn answer(&mut self, at: u64, lens: Vec<usize>) -> Answer {
        self.calls.push(StreamCall { at, lens });
        let answer = self.answers.pop_front().unwrap_or(Answer { claims: 0, end: End::Returns });
        if answer.end == End::Panics {
            resume_unwind(Box::new("as the script says"));
        }
        answer
    }

    /// Reads at a position, as [`std::os::unix::fs::FileExt::read_at`] does.
    ///
    /// # Errors
    /// As the script says.
    pub fn read_at(&mut self, buf: &mut [u8], at: u64) -> io::Result<usize> {
        let claims = claims(self.answer(at, vec![buf.len()]))?;
        for (byte, position) in buf.iter_mut().take(claims).zip(at..) {
            *byte = Self::byte_at(position);
        }
        Ok(claims)
    }

    /// Writes at a position, as [`std::os::unix::fs::FileExt::write_at`] does.
    ///
    /// # Errors
    /// As the script says.
    pub fn write_at(&mut self, buf: &[u8], at: u64) -> io::Result<usize> {
        let claims = claims(self.answer(at, vec![buf.len()]))?;
        self.data.extend(buf.iter().take(claims));
        Ok(claims)
    }
}

fn claims(answer: Answer) -> io::Result<usize> {
    match answer.end {
        End::Fails(errno) => Err(io::Error::from_raw_os_error(errno.raw())),
        _ => Ok(answer.claims),
    }
}

impl io::Read for StreamScript {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let claims = self.read_at(buf, self.position)?;
        self.position += claims.min(buf.len()) as u64;
        Ok(claims)
    }

    fn read_vectored(&mut self, bufs: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
        let lens = bufs.iter().map(|buf| buf.len()).collect();
        let claims = claims(self.answer(self.position, lens))?;
        for byte in bufs.iter_mut().flat_map(|buf| buf.iter_mut()).take(claims) {
            *byte = Self::byte_at(self.position);
            self.position += 1;
        }
        Ok(claims)
    }
}

impl io::Write for StreamScript {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        let claims = self.write_at(buf, self.position)?;
        self.position += claims.min(buf.len()) as u64;
        Ok(claims)
    }

    fn write_vectored(&mut self, bufs: &[IoSlice<'_>]) -> io::Result<usize> {
        let lens = bufs.iter().map(|buf| buf.len()).collect();
        let claims = claims(self.answer(self.position, lens))?;
        let taken = bufs.iter().flat_map(|buf| buf.iter()).take(claims);
        self.position += taken.clone().count() as u64;
        self.data.extend(taken);
        Ok(claims)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl StreamScript {
    /// Moves as many bytes as the next answer says, and ends so.
    fn transfer<M>(
        &mut self,
        blocks: BlockSeq<'_, M>,
        transfer: impl FnOnce(&mut Self, usize) -> Transfer<safecopy::HostFault>,
    ) -> Transfer<StreamError> {
        let answer = self.answer(self.position, blocks.iter().map(|block| block.len()).collect());
        let result = transfer(self, answer.claims.min(blocks.num_bytes()));
        self.position += result.unwrap_or_else(|partial| partial.done) as u64;
        result.map_err(|partial| partial.map_cause(StreamError::Fault))?;
        match answer.end {
            End::Fails(errno) => Err(Partial::new(answer.claims, StreamError::Errno(errno))),
            _ => Ok(answer.claims),
        }
    }
}

impl Reader for StreamScript {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        self.transfer(dsts, |this, len| {
            let bytes: Vec<u8> = (this.position..).take(len).map(Self::byte_at).collect();
            copy_seq(dsts, BlockSeq::of(SrcBlock::from_slice(&bytes)))
        })
    }
}

impl Writer for StreamScript {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        self.transfer(srcs, |this, len| {
            let mut bytes = vec![0; len];
            let done = copy_seq(BlockSeq::of(DstBlock::from_slice(&mut bytes)), srcs)?;
            this.data.extend(bytes);
            Ok(done)
        })
    }
}
