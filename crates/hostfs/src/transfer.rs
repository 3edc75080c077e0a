//! Moving bytes straight between host files and the blocks of a sequence.

use std::os::fd::BorrowedFd;

use safecopy::{DstBlockSeq, Reader, SrcBlockSeq, StreamError, Writer};
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, FaultKind, Partial, Transfer};

use crate::sys::{self, More};

/// Reads a host file into blocks.
struct HostReader<'a> {
    fd: BorrowedFd<'a>,
    offset: Option<u64>,
    more: More,
}

impl Reader for HostReader<'_> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        sys::read_blocks(self.fd, dsts, self.offset, self.more)
    }
}

/// Writes blocks to a host file.
struct HostWriter<'a> {
    fd: BorrowedFd<'a>,
    offset: Option<u64>,
}

impl Writer for HostWriter<'_> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        sys::write_blocks(self.fd, srcs, self.offset)
    }
}

/// Reads at `offset`, or at the file's own offset.
pub(crate) fn read(
    fd: BorrowedFd<'_>,
    dst: IoSequence<'_>,
    offset: Option<u64>,
    more: More,
) -> Transfer<IoCause> {
    let ask_host = |len| sys::read_nowhere(fd, len, offset);
    if dst.num_bytes() == 0 {
        return ask_host(0).map_err(stream);
    }
    let result = dst.copy_out_from(&mut HostReader { fd, offset, more });
    without_memory(result, dst, ask_host)
}

/// Writes at `offset`, or at the file's own offset.
pub(crate) fn write(
    fd: BorrowedFd<'_>,
    src: IoSequence<'_>,
    offset: Option<u64>,
) -> Transfer<IoCause> {
    let ask_host = |len| sys::write_nowhere(fd, len, offset);
    if src.num_bytes() == 0 {
        return ask_host(0).map_err(stream);
    }
    let result = src.copy_in_to(&mut HostWriter { fd, offset });
    without_memory(result, src, ask_host)
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
