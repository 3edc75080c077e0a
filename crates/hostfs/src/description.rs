//! What an open file can do.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use bitflags::bitflags;
use memmap::MappedObject;
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, Partial, Transfer};

use crate::Place;

/// From where a seek counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whence {
    /// From the start (`SEEK_SET`).
    Start,
    /// From the current offset (`SEEK_CUR`).
    Current,
    /// From the end (`SEEK_END`).
    End,
    /// The next data (`SEEK_DATA`).
    Data,
    /// The next hole (`SEEK_HOLE`).
    Hole,
}

/// Seconds and nanoseconds since the epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp {
    /// Seconds.
    pub sec: i64,
    /// Nanoseconds, below 10^9.
    pub nsec: u32,
}

/// What `statx(2)` tells of a file; `mode` holds the type bits as well.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of statx(2)")]
pub struct Stat {
    pub dev: (u32, u32),
    pub rdev: (u32, u32),
    pub ino: u64,
    pub mode: u32,
    pub nlink: u32,
    pub uid: u32,
    pub gid: u32,
    pub size: u64,
    pub blksize: u32,
    pub blocks: u64,
    pub atime: Timestamp,
    pub mtime: Timestamp,
    pub ctime: Timestamp,
    pub btime: Option<Timestamp>,
    pub mnt_id: u64,
    pub attributes: u64,
    pub attributes_mask: u64,
}

/// What `statfs(2)` tells of a file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of statfs(2)")]
pub struct StatFs {
    pub kind: u64,
    pub bsize: u64,
    pub blocks: u64,
    pub bfree: u64,
    pub bavail: u64,
    pub files: u64,
    pub ffree: u64,
    pub fsid: [u32; 2],
    pub namelen: u64,
    pub frsize: u64,
    pub flags: u64,
}

/// One entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirEntry {
    /// The inode number.
    pub ino: u64,
    /// The position after this entry, for a later seek.
    pub offset: u64,
    /// The `DT_*` type.
    pub kind: u8,
    /// The name, without NUL.
    pub name: Vec<u8>,
}

/// What kind of file a description is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A regular file.
    Regular,
    /// A directory.
    Directory,
    /// A pipe or FIFO.
    Pipe,
    /// A terminal.
    Terminal,
    /// Another character device.
    Device,
    /// A socket of the caller's.
    Socket,
    /// Opened with `O_PATH`: a place, not contents.
    Path,
}

bitflags! {
    /// Status flags of an open file (`F_GETFL`), with Linux's x86-64 values.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct StatusFlags: u32 {
        /// Opened for writing only.
        const WRITE_ONLY = 0o1;
        /// Opened for reading and writing.
        const READ_WRITE = 0o2;
        /// Writes go to the end.
        const APPEND = 0o2000;
        /// Would-block is an error.
        const NONBLOCK = 0o4000;
        /// Large files; always set by 64-bit kernels on open.
        const LARGEFILE = 0o100_000;
        /// Opened as a directory.
        const DIRECTORY = 0o200_000;
        /// A place, not contents.
        const PATH = 0o10_000_000;
        /// Any other bit that the host reports.
        const _ = !0;
    }

    /// `poll(2)` events.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct PollSet: u16 {
        /// There is something to read.
        const IN = 0x1;
        /// Something urgent.
        const PRI = 0x2;
        /// There is room to write.
        const OUT = 0x4;
        /// An error.
        const ERR = 0x8;
        /// The other end is gone.
        const HUP = 0x10;
        /// Not an open descriptor.
        const NVAL = 0x20;
        /// Any other bit.
        const _ = !0;
    }
}

fn refuse(errno: Errno) -> Transfer<IoCause> {
    Err(Partial::new(0, IoCause::Stream(errno)))
}

/// An open file: what a descriptor of the program refers to.
///
/// Reads and writes move bytes straight between the file and the sequence; each advances the
/// file's own offset by what was moved. A method that a kind of file does not have answers with
/// the errno that Linux gives for it.
pub trait FileDescription: Send + Sync + fmt::Debug {
    /// Returns what kind of file this is.
    fn kind(&self) -> FileKind;

    /// Reads at the file's offset; zero bytes at the end of the file.
    ///
    /// # Errors
    /// The cause, and how many bytes the application received.
    fn read(&self, dst: IoSequence<'_>) -> Transfer<IoCause>;

    /// Writes at the file's offset.
    ///
    /// # Errors
    /// The cause, and how many bytes the file took.
    fn write(&self, src: IoSequence<'_>) -> Transfer<IoCause>;

    /// Reads at `offset` and leaves the file's own offset alone.
    ///
    /// # Errors
    /// As [`FileDescription::read`]; `ESPIPE` when the file cannot seek.
    fn read_at(&self, dst: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
        let _ = (dst, offset);
        refuse(Errno::ESPIPE)
    }

    /// Writes at `offset` and leaves the file's own offset alone.
    ///
    /// # Errors
    /// As [`FileDescription::write`]; `ESPIPE` when the file cannot seek.
    fn write_at(&self, src: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
        let _ = (src, offset);
        refuse(Errno::ESPIPE)
    }

    /// Moves the file's offset and returns the new one.
    ///
    /// # Errors
    /// `ESPIPE` when the file cannot seek; `EINVAL` for a place that cannot be.
    fn seek(&self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        let _ = (offset, whence);
        Err(Errno::ESPIPE)
    }

    /// Returns what `fstat` tells.
    ///
    /// # Errors
    /// The host's.
    fn stat(&self) -> Result<Stat, Errno>;

    /// Returns what `fstatfs` tells.
    ///
    /// # Errors
    /// The host's; `ENOSYS` where there is no file system behind the file.
    fn statfs(&self) -> Result<StatFs, Errno>;

    /// Sets the length of the file.
    ///
    /// # Errors
    /// `EINVAL` when the file has none or is not open for writing; the host's.
    fn truncate(&self, len: u64) -> Result<(), Errno> {
        let _ = len;
        Err(Errno::EINVAL)
    }

    /// Reserves room, with the mode of `fallocate(2)`.
    ///
    /// # Errors
    /// The host's.
    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<(), Errno> {
        let _ = (mode, offset, len);
        Err(Errno::ENODEV)
    }

    /// Writes changes back; `data_only` leaves out what a reader of the data does not need.
    ///
    /// # Errors
    /// `EINVAL` when the file has no storage; the host's.
    fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let _ = data_only;
        Err(Errno::EINVAL)
    }

    /// Sets the permission bits.
    ///
    /// # Errors
    /// The host's; `EROFS` where nothing is writable.
    fn chmod(&self, mode: u32) -> Result<(), Errno> {
        let _ = mode;
        Err(Errno::EPERM)
    }

    /// Sets access and modification times; `None` leaves one as it is.
    ///
    /// # Errors
    /// The host's; `EROFS` where nothing is writable.
    fn set_times(&self, atime: Option<Timestamp>, mtime: Option<Timestamp>) -> Result<(), Errno> {
        let _ = (atime, mtime);
        Err(Errno::EPERM)
    }

    /// Calls `sink` for the entries of a directory from the current position on, until it returns
    /// false; the entry that it refused comes first the next time.
    ///
    /// # Errors
    /// `ENOTDIR` when the file is no directory; the host's.
    fn read_dir(&self, sink: &mut dyn FnMut(&DirEntry) -> bool) -> Result<(), Errno> {
        let _ = sink;
        Err(Errno::ENOTDIR)
    }

    /// Returns the status flags, with the access mode.
    fn status_flags(&self) -> StatusFlags;

    /// Returns the status flags as they were when the file was opened. Access mode and `PATH` never
    /// change, so this answers for them without asking the host.
    fn opened_flags(&self) -> StatusFlags {
        self.status_flags()
    }

    /// Sets `APPEND` and `NONBLOCK`; other flags are left as they are.
    ///
    /// # Errors
    /// The host's.
    fn set_status_flags(&self, flags: StatusFlags) -> Result<(), Errno> {
        let _ = flags;
        Ok(())
    }

    /// Returns which of `interest` hold now.
    fn poll(&self, interest: PollSet) -> PollSet {
        interest & (PollSet::IN | PollSet::OUT)
    }

    /// Returns the host descriptor to wait on with `poll(2)`; `None` when the file is always
    /// ready.
    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        None
    }

    /// Performs a terminal or file request whose argument is a private copy: `input` is what the
    /// program passed, the result is what it gets back.
    ///
    /// The layer above copies `ioctl_size(request)` bytes in and out.
    ///
    /// # Errors
    /// `ENOTTY` for a request that the file does not know; the host's.
    fn ioctl(&self, request: u32, argument: &mut [u8]) -> Result<u64, Errno> {
        let _ = (request, argument);
        Err(Errno::ENOTTY)
    }

    /// Returns how many bytes a pipe holds.
    ///
    /// # Errors
    /// `EBADF` for a file that is no pipe.
    fn pipe_size(&self) -> Result<usize, Errno> {
        Err(Errno::EBADF)
    }

    /// Sets how many bytes a pipe holds, rounded up to what is possible, and returns it.
    ///
    /// # Errors
    /// `EBADF` for a file that is no pipe; `EPERM` for more than 64 KiB, unless it holds as much
    /// already; `EINVAL` for more than any pipe holds; `EBUSY` when what is in it has no room.
    fn set_pipe_size(&self, size: u32) -> Result<usize, Errno> {
        let _ = size;
        Err(Errno::EBADF)
    }

    /// Returns the object to map.
    ///
    /// # Errors
    /// `ENODEV` when the file cannot be mapped.
    fn mapped_object(&self) -> Result<MappedObject, Errno> {
        Err(Errno::ENODEV)
    }

    /// Returns the seals of a memory file, as `F_GET_SEALS`.
    ///
    /// # Errors
    /// `EINVAL` for a file that has none.
    fn seals(&self) -> Result<u32, Errno> {
        Err(Errno::EINVAL)
    }

    /// Adds seals to a memory file, as `F_ADD_SEALS`.
    ///
    /// # Errors
    /// `EPERM` when the file is not open for writing or takes no seals any more; `EINVAL` for
    /// seals that there are not, or a file that takes none; `EBUSY` when a mapping is in the way.
    fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        let _ = seals;
        let is_writable = StatusFlags::WRITE_ONLY | StatusFlags::READ_WRITE;
        if self.opened_flags().intersects(is_writable) {
            Err(Errno::EINVAL)
        } else {
            Err(Errno::EPERM)
        }
    }

    /// Returns whether a seal forbids shared mappings to write.
    fn is_write_sealed(&self) -> bool {
        false
    }

    /// Opens the same file anew, as opening `/proc/self/fd/N` does, with the flags of `open(2)`.
    ///
    /// # Errors
    /// Those of opening the file by its path; `ENXIO` for a file that cannot be opened again.
    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        let _ = flags;
        Err(Errno::ENXIO)
    }

    /// Returns where the file is in the tree; `None` for one that is nowhere, as a pipe.
    fn place(&self) -> Option<&Place> {
        None
    }

    /// Returns the path under which the program sees the file, as `/proc/self/fd` shows it.
    fn path(&self) -> Vec<u8>;
}
