//! The host calls that have no safe wrapper: transfers to and from foreign memory, mappings of
//! files into our own address space, `ioctl`, `fstatfs`.
#![expect(unsafe_code, reason = "foreign memory is handed to the host kernel here")]

use std::os::fd::{AsRawFd, BorrowedFd};

use safecopy::{
    Block, BlockSeq, DstBlock, DstBlockSeq, HostFault, SrcBlock, SrcBlockSeq, StreamError,
};
use smallvec::SmallVec;
use usermem_types::{Errno, FaultKind, Partial, Transfer};

/// The most vectors that one host call takes.
const IOV_MAX: usize = 1024;

/// The bytes of the probe of [`read_nowhere`] and [`write_nowhere`]: the lowest addresses, where
/// no Linux process has anything.
const NOWHERE: usize = 4096;

/// Whether a transfer of more than [`IOV_MAX`] blocks goes on after a call that moved all it could.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum More {
    /// Goes on.
    Continue,
    /// Stops, because the next call may wait although bytes have arrived.
    Stop,
}

/// Reads into the blocks, at `offset` or at the file's own offset.
pub(crate) fn read_blocks(
    fd: BorrowedFd<'_>,
    dsts: DstBlockSeq<'_>,
    offset: Option<u64>,
    more: More,
) -> Transfer<StreamError> {
    transfer(dsts, offset, more, |iov, count, offset| match offset {
        // SAFETY: `iov` points to `count` vectors over blocks that may be written: a `DstBlock`
        // proves that no Rust object lies there, or that it is borrowed for writing.
        None => unsafe { libc::readv(fd.as_raw_fd(), iov, count) },
        // SAFETY: as above.
        Some(offset) => unsafe { libc::preadv(fd.as_raw_fd(), iov, count, offset) },
    })
}

/// Writes from the blocks, at `offset` or at the file's own offset.
pub(crate) fn write_blocks(
    fd: BorrowedFd<'_>,
    srcs: SrcBlockSeq<'_>,
    offset: Option<u64>,
) -> Transfer<StreamError> {
    transfer(srcs, offset, More::Continue, |iov, count, offset| match offset {
        // SAFETY: `iov` points to `count` vectors that the kernel only reads.
        None => unsafe { libc::writev(fd.as_raw_fd(), iov, count) },
        // SAFETY: as above.
        Some(offset) => unsafe { libc::pwritev(fd.as_raw_fd(), iov, count, offset) },
    })
}

/// Moves the blocks with as few calls as there can be, until one is short or fails.
fn transfer<M>(
    blocks: BlockSeq<'_, M>,
    offset: Option<u64>,
    more: More,
    call: impl Fn(*const libc::iovec, i32, Option<i64>) -> isize,
) -> Transfer<StreamError> {
    let mut done = 0;
    loop {
        let rest = blocks.drop_first(done);
        let Some((first, _)) = rest.split_first() else { return Ok(done) };
        let (vectors, wanted) = gather(rest);
        let moved = position(offset, done).and_then(|at| {
            let count = i32::try_from(vectors.len()).expect("our own invariant: IOV_MAX fits");
            check(call(vectors.as_ptr(), count, at))
        });
        match moved {
            Ok(moved) => {
                done += moved;
                if moved < wanted || more == More::Stop {
                    return Ok(done);
                }
            }
            Err(Errno::EFAULT) => {
                // Nothing moved, so that it is the first byte that could not be accessed.
                let fault = HostFault { kind: FaultKind::Bus, addr: first.addr() };
                return Err(Partial::new(done, StreamError::Fault(fault)));
            }
            Err(errno) => return Err(Partial::new(done, StreamError::Errno(errno))),
        }
    }
}

fn gather<M>(blocks: BlockSeq<'_, M>) -> (SmallVec<[libc::iovec; 16]>, usize) {
    let mut wanted = 0;
    let vectors = blocks
        .iter()
        .take(IOV_MAX)
        .map(|block: Block<'_, M>| {
            wanted += block.len();
            libc::iovec { iov_base: block.as_ptr().cast(), iov_len: block.len() }
        })
        .collect();
    (vectors, wanted)
}

fn position(offset: Option<u64>, done: usize) -> Result<Option<i64>, Errno> {
    let Some(offset) = offset else { return Ok(None) };
    let at = offset.checked_add(done as u64).and_then(|at| i64::try_from(at).ok());
    at.map(Some).ok_or(Errno::EINVAL)
}

fn check(result: isize) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| last_errno())
}

fn last_errno() -> Errno {
    Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}

/// Reads `len` bytes to where no memory is, to hear what the host says first: the end of the
/// file, an error of its own, or `EFAULT`.
pub(crate) fn read_nowhere(
    fd: BorrowedFd<'_>,
    len: usize,
    offset: Option<u64>,
) -> Result<usize, Errno> {
    let iov = nowhere(len);
    match position(offset, 0)? {
        // SAFETY: the vector covers the lowest addresses at most, where no Rust object lies.
        None => check(unsafe { libc::readv(fd.as_raw_fd(), &raw const iov, 1) }),
        // SAFETY: as above.
        Some(at) => check(unsafe { libc::preadv(fd.as_raw_fd(), &raw const iov, 1, at) }),
    }
}

/// Writes `len` bytes from where no memory is; a device that looks at none of them takes all.
pub(crate) fn write_nowhere(
    fd: BorrowedFd<'_>,
    len: usize,
    offset: Option<u64>,
) -> Result<usize, Errno> {
    if len == 0 {
        // Only the plain call reaches the file with nothing to write.
        // SAFETY: no byte is read.
        return check(unsafe { libc::write(fd.as_raw_fd(), std::ptr::null(), 0) });
    }
    let iov = nowhere(len);
    let taken = match position(offset, 0)? {
        // SAFETY: the kernel only reads through the vector, and reports that it cannot.
        None => check(unsafe { libc::writev(fd.as_raw_fd(), &raw const iov, 1) }),
        // SAFETY: as above.
        Some(at) => check(unsafe { libc::pwritev(fd.as_raw_fd(), &raw const iov, 1, at) }),
    }?;
    Ok(if taken == iov.iov_len { len } else { taken })
}

fn nowhere(len: usize) -> libc::iovec {
    libc::iovec { iov_base: std::ptr::null_mut(), iov_len: len.min(NOWHERE) }
}

/// Performs a request whose argument lies in `argument`.
///
/// `argument` must hold at least what [`crate::ioctl_size`] says for the request.
pub(crate) fn ioctl(fd: BorrowedFd<'_>, request: u32, argument: &mut [u8]) -> Result<u64, Errno> {
    let (size, direction) = crate::ioctl_size(request).ok_or(Errno::ENOTTY)?;
    if argument.len() < size {
        return Err(Errno::EINVAL);
    }
    let request = request as libc::Ioctl;
    let result = match (direction, argument.first_chunk::<8>()) {
        (crate::IoctlDirection::Value, Some(value)) => {
            let value = u64::from_ne_bytes(*value);
            // SAFETY: the table lists the request as one whose argument is a number.
            unsafe { libc::ioctl(fd.as_raw_fd(), request, value) }
        }
        (crate::IoctlDirection::Value, None) => return Err(Errno::EINVAL),
        // SAFETY: the table says how many bytes the request reads or writes at most, and
        // `argument`, borrowed for writing, holds them.
        _ => unsafe { libc::ioctl(fd.as_raw_fd(), request, argument.as_mut_ptr()) },
    };
    check(result as isize).map(|value| value as u64)
}

/// Returns the words of the kernel's `struct statfs`.
pub(crate) fn fstatfs(fd: BorrowedFd<'_>) -> Result<[u64; 15], Errno> {
    let mut words = [0u64; 15];
    // SAFETY: 64-bit kernels write 120 bytes, which is what `words` holds.
    let result = unsafe { libc::syscall(libc::SYS_fstatfs, fd.as_raw_fd(), words.as_mut_ptr()) };
    check(result as isize)?;
    Ok(words)
}

/// A shared mapping of a piece of a file in our own address space, until it is dropped.
#[derive(Debug)]
pub(crate) struct Window {
    /// The mapping's first byte; nothing else of ours lies in the `len` bytes from here on.
    start: *mut u8,
    len: usize,
}

// SAFETY: the pointer is only handed out as blocks, which are `Copy` addresses of foreign memory.
unsafe impl Send for Window {}
// SAFETY: as above.
unsafe impl Sync for Window {}

impl Window {
    /// Maps `len` bytes at `offset`, whole pages; what lies beyond the end of the file faults.
    pub(crate) fn map(
        fd: BorrowedFd<'_>,
        offset: u64,
        len: usize,
        writable: bool,
    ) -> Result<Self, Errno> {
        let offset = i64::try_from(offset).map_err(|_| Errno::EOVERFLOW)?;
        let prot = if writable { libc::PROT_READ | libc::PROT_WRITE } else { libc::PROT_READ };
        let flags = libc::MAP_SHARED | libc::MAP_NORESERVE;
        // SAFETY: a new mapping at an address that the kernel chooses replaces nothing.
        let start =
            unsafe { libc::mmap(std::ptr::null_mut(), len, prot, flags, fd.as_raw_fd(), offset) };
        if start == libc::MAP_FAILED {
            return Err(last_errno());
        }
        Ok(Self { start: start.cast(), len })
    }

    /// Returns the bytes from `at` on, at most `len` of them.
    pub(crate) fn source(&self, at: usize, len: usize) -> SrcBlock<'_> {
        // SAFETY: 1. the mapping holds no Rust object, and stays while `self` is borrowed.
        let whole = unsafe { SrcBlock::from_raw(self.start, self.len) };
        whole.drop_first(at).take_first(len)
    }

    /// Tells which pages of the file the host has in memory, of the `len` bytes from `at` on: one byte
    /// for each, 1 or 0. As the host's `mincore`: of a file that we may not write it says that all
    /// are.
    pub(crate) fn residency(&self, at: usize, len: usize, present: &mut [u8]) {
        let block = self.source(at, len);
        assert_eq!(
            present.len(),
            block.len().div_ceil(rustix::param::page_size()),
            "our own invariant: there is a byte for each page"
        );
        let pages = block.as_ptr().cast();
        // SAFETY: the block lies in our mapping, and the host does not access it; it writes a byte
        // for each page to `present`, which was checked to be as long.
        let result = unsafe { libc::mincore(pages, block.len(), present.as_mut_ptr()) };
        if result == 0 {
            // The other bits are reserved.
            present.iter_mut().for_each(|page| *page &= 1);
        } else {
            present.fill(1);
        }
    }

    /// Has the host read the pages of the `len` bytes from `at` on, as far as it can.
    ///
    /// # Errors
    /// The host's.
    pub(crate) fn populate(&self, at: usize, len: usize) -> Result<(), Errno> {
        let block = self.source(at, len);
        let pages = block.as_ptr().cast();
        // SAFETY: the block lies in our mapping, and reading pages changes no byte of it.
        let result = unsafe { libc::madvise(pages, block.len(), libc::MADV_POPULATE_READ) };
        if result == 0 { Ok(()) } else { Err(last_errno()) }
    }

    /// Returns the bytes from `at` on, at most `len` of them, for writing.
    pub(crate) fn destination(&self, at: usize, len: usize) -> DstBlock<'_> {
        // SAFETY: 1. the mapping holds no Rust object, and stays while `self` is borrowed.
        let whole = unsafe { DstBlock::from_raw(self.start, self.len) };
        whole.drop_first(at).take_first(len)
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: `Window::map` made the mapping, and no block outlives the window.
        let result = unsafe { libc::munmap(self.start.cast(), self.len) };
        debug_assert_eq!(result, 0, "unmapping what was mapped");
    }
}

/// Ignores `SIGXFSZ` in this process: a write beyond the limit of file sizes fails with `EFBIG`
/// then, and it is for the layer above to tell the program.
///
/// # Errors
/// The host's.
pub fn ignore_size_signal() -> Result<(), Errno> {
    // SAFETY: ignoring a signal calls nothing.
    let before = unsafe { libc::signal(libc::SIGXFSZ, libc::SIG_IGN) };
    if before == libc::SIG_ERR {
        return Err(crate::host::errno(rustix::io::Errno::INVAL));
    }
    Ok(())
}
