//! iovec arrays of the application.

use smallvec::SmallVec;
use usermem_io::{IoOpts, IoSequence};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, Errno, MAX_RW_COUNT, UIO_MAXIOV};
use zerocopy::{FromBytes, Immutable, IntoBytes};

use crate::{CurrentTask, errno_of_partial};

/// `struct iovec` of 64-bit Linux.
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable)]
#[repr(C)]
struct Iovec {
    base: u64,
    len: u64,
}

/// A buffer that an iovec names in the memory of another task: nothing is checked but its length.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemoteRange {
    /// Where it starts.
    pub start: Addr,
    /// How long it is: not negative as a signed number.
    pub len: u64,
}

/// A private copy of an iovec array: the array is fetched once and never read again.
#[derive(Debug)]
pub struct IoVectors<'t> {
    task: &'t CurrentTask,
    ranges: SmallVec<[AddrRange; 8]>,
    opts: IoOpts,
}

impl IoVectors<'_> {
    /// Returns the sequence of the buffers, for code below the kernel.
    ///
    /// # Panics
    /// Never: the import has bounded the total length.
    #[must_use]
    pub fn sequence(&self) -> IoSequence<'_> {
        let ranges =
            AddrRangeSeq::from_slice(&self.ranges).expect("the total is at most MAX_RW_COUNT");
        IoSequence::new(self.task.memory(), ranges, self.opts)
    }

    /// Returns the buffers.
    #[must_use]
    pub fn ranges(&self) -> &[AddrRange] {
        &self.ranges
    }
}

impl CurrentTask {
    /// Copies an iovec array from the application: pattern C starts here for vector calls.
    ///
    /// Lengths are cut so that the total is at most [`MAX_RW_COUNT`]; buffers beyond that stay
    /// with length zero. `opts` apply to the buffers, not to the array.
    ///
    /// # Errors
    /// `EINVAL` for more than [`UIO_MAXIOV`] entries or a length that is negative as a signed
    /// number; `EFAULT` for an unreadable array or a buffer that
    /// [`check_io_range`](Self::check_io_range) refuses. The first bad entry of the array
    /// decides, a bad length before a later unreadable entry, as `import_iovec` of Linux does.
    pub fn iovecs_io_sequence(
        &self,
        addr: Addr,
        count: u64,
        opts: IoOpts,
    ) -> Result<IoVectors<'_>, Errno> {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        if count > UIO_MAXIOV {
            return Err(Errno::EINVAL);
        }
        let ranges = self.copy_in_iovecs(addr, count)?;
        Ok(IoVectors { task: self, ranges, opts })
    }

    /// Copies an iovec array from the application whose buffers are another task's.
    ///
    /// # Errors
    /// Those of [`iovecs_io_sequence`](Self::iovecs_io_sequence), except that the buffers are not
    /// checked.
    pub fn copy_in_remote_iovecs(
        &self,
        addr: Addr,
        count: u64,
    ) -> Result<SmallVec<[RemoteRange; 8]>, Errno> {
        let count = usize::try_from(count).map_err(|_| Errno::EINVAL)?;
        if count > UIO_MAXIOV {
            return Err(Errno::EINVAL);
        }
        let entries = self.fetch_iovecs(addr, count)?;
        let remote = |entry: Iovec| RemoteRange { start: Addr::new(entry.base), len: entry.len };
        Ok(entries.into_iter().map(remote).collect())
    }

    fn copy_in_iovecs(&self, addr: Addr, count: usize) -> Result<SmallVec<[AddrRange; 8]>, Errno> {
        let mut left = MAX_RW_COUNT;
        let mut ranges = SmallVec::with_capacity(count);
        for entry in self.fetch_iovecs(addr, count)? {
            // A single buffer is cut before it is checked, like that of read(2).
            let checked = if count == 1 { entry.len.min(left) } else { entry.len };
            let range = self.check_io_range(Addr::new(entry.base), checked)?.take_first(left);
            left -= range.len();
            ranges.push(range);
        }
        Ok(ranges)
    }

    fn fetch_iovecs(&self, addr: Addr, count: usize) -> Result<SmallVec<[Iovec; 8]>, Errno> {
        if count == 0 {
            return Ok(SmallVec::new());
        }
        self.check_io_range(addr, (count * size_of::<Iovec>()) as u64)?;
        let mut entries: SmallVec<[Iovec; 8]> = SmallVec::from_elem(Iovec::default(), count);
        let copied = self.copy_in_bytes(addr, entries.as_mut_slice().as_mut_bytes());
        let readable = match &copied {
            Ok(_) => count,
            Err(partial) => partial.done / size_of::<Iovec>(),
        };
        if entries.iter().take(readable).any(|entry| entry.len > i64::MAX as u64) {
            return Err(Errno::EINVAL);
        }
        copied.map_err(errno_of_partial)?;
        Ok(entries)
    }

    /// Writes ranges to the application as an iovec array; entries before a fault stay written.
    ///
    /// # Errors
    /// The error number of the fault.
    pub fn copy_out_iovecs(&self, addr: Addr, ranges: AddrRangeSeq<'_>) -> Result<(), Errno> {
        let entries: SmallVec<[Iovec; 8]> = ranges
            .iter()
            .map(|range| Iovec { base: range.start().get(), len: range.len() })
            .collect();
        self.copy_out(addr, entries.as_slice())
    }
}
