//! Moving bytes straight between host files and the blocks of a sequence.

use std::os::fd::BorrowedFd;

use safecopy::{DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, FaultKind, Partial, Transfer};

use crate::sys::{self, More};

/// What a file loses of a transfer that a fault in the program's memory cuts short.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Pieces {
    /// Nothing: bytes count one by one.
    Bytes,
    /// A pipe moves whole buffers of a page at most: one that is cut counts for nothing.
    PipeBuffers,
}

/// Bytes of a pipe's buffer.
const PIPE_BUFFER: usize = 4096;

/// What becomes of a transfer whose only buffer of a pipe is cut.
fn cut() -> Partial<StreamError> {
    Partial::new(0, StreamError::Errno(Errno::EFAULT))
}

/// Reads a host file into blocks.
struct HostReader<'a> {
    fd: BorrowedFd<'a>,
    offset: Option<u64>,
    more: More,
    pieces: Pieces,
    /// Bytes that the program asked for; fewer reach us where its memory faults.
    wanted: u64,
}

impl Reader for HostReader<'_> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        let room = dsts.num_bytes() as u64;
        if self.pieces == Pieces::PipeBuffers && room < self.wanted {
            let waiting = rustix::io::ioctl_fionread(self.fd).unwrap_or(0);
            if waiting.min(self.wanted) > room {
                return Err(cut());
            }
        }
        sys::read_blocks(self.fd, dsts, self.offset, self.more)
    }
}

/// Writes blocks to a host file.
struct HostWriter<'a> {
    fd: BorrowedFd<'a>,
    offset: Option<u64>,
    pieces: Pieces,
    /// Bytes that the program wants to write; fewer reach us where its memory faults.
    wanted: u64,
}

impl Writer for HostWriter<'_> {
    fn write_from_blocks(&mut self, mut srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        let len = srcs.num_bytes();
        if self.pieces == Pieces::PipeBuffers && (len as u64) < self.wanted {
            srcs = srcs.take_first(len - len % PIPE_BUFFER);
            if srcs.is_empty() {
                return Err(cut());
            }
        }
        sys::write_blocks(self.fd, srcs, self.offset)
    }
}

/// Reads at `offset`, or at the file's own offset.
pub(crate) fn read(
    fd: BorrowedFd<'_>,
    dst: IoSequence<'_>,
    offset: Option<u64>,
    more: More,
    pieces: Pieces,
) -> Transfer<IoCause> {
    let ask_host = |len| sys::read_nowhere(fd, len, offset);
    if dst.num_bytes() == 0 {
        return ask_host(0).map_err(stream);
    }
    let wanted = dst.num_bytes();
    let result = dst.copy_out_from(&mut HostReader { fd, offset, more, pieces, wanted });
    without_memory(result, dst, ask_host)
}

/// Writes at `offset`, or at the file's own offset.
pub(crate) fn write(
    fd: BorrowedFd<'_>,
    src: IoSequence<'_>,
    offset: Option<u64>,
    pieces: Pieces,
) -> Transfer<IoCause> {
    let ask_host = |len| sys::write_nowhere(fd, len, offset);
    if src.num_bytes() == 0 {
        return ask_host(0).map_err(stream);
    }
    let wanted = src.num_bytes();
    let result = src.copy_in_to(&mut HostWriter { fd, offset, pieces, wanted });
    without_memory(result, src, ask_host)
}

/// Writes to a device that looks at no memory.
pub(crate) fn write_unseen(fd: BorrowedFd<'_>, src: IoSequence<'_>) -> Transfer<IoCause> {
    let len = usize::try_from(src.num_bytes()).unwrap_or(usize::MAX);
    sys::write_nowhere(fd, len, None).map_err(stream)
}

/// Lets the host answer when the program's memory could not be accessed at all: the end of the
/// file, a pipe without readers, or a device that looks at no memory come before `EFAULT`.
fn without_memory(
    result: Transfer<IoCause>,
    sequence: IoSequence<'_>,
    ask_host: impl FnOnce(usize) -> Result<usize, Errno>,
) -> Transfer<IoCause> {
    match result {
        Err(Partial { done: 0, cause: IoCause::Fault(fault) })
            if fault.kind != FaultKind::OutOfRange =>
        {
            let len = usize::try_from(sequence.num_bytes()).unwrap_or(usize::MAX);
            match ask_host(len) {
                Err(Errno::EFAULT) => result,
                Err(errno) => Err(stream(errno)),
                Ok(moved) => Ok(moved),
            }
        }
        result => result,
    }
}

/// Makes an error of the host, before anything moved, the result of a transfer.
pub(crate) fn stream(errno: Errno) -> Partial<IoCause> {
    Partial::new(0, IoCause::Stream(errno))
}
