//! Open host files with contents: regular files, pipes, terminals, devices, sockets.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use memmap::{CommitLimit, MappedObject};
use rustix::event::{PollFd, PollFlags};
use rustix::fs::{FallocateFlags, FileType, Mode, OFlags, SeekFrom, Timespec, Timestamps};
use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, Transfer};

use crate::attributes::timespec;
use crate::held::{Held, inner_pages};
use crate::host::{self, errno};
use crate::mapping::Inode;
use crate::open::Granted;
use crate::sys::{self, More};
use crate::transfer::{self, Pieces, stream};
use crate::tree::Tree;
use crate::{
    FileDescription, FileKind, Place, PollSet, Stat, StatFs, StatusFlags, Timestamp, Whence,
    mapping, seals,
};

/// `O_LARGEFILE` as the kernel knows it; the C library's is zero.
const LARGEFILE: u32 = if cfg!(target_arch = "aarch64") { 0o400_000 } else { 0o100_000 };

/// How a file takes what is written to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sink {
    /// It reads the program's memory.
    Reading,
    /// It answers for a length alone: `/dev/full`.
    Unseeing,
    /// It takes every length: `/dev/null`, `/dev/zero`.
    Bottomless,
}

impl Sink {
    fn of_device(number: (u32, u32)) -> Self {
        match number {
            (1, 3 | 5) => Self::Bottomless,
            (1, 7) => Self::Unseeing,
            _ => Self::Reading,
        }
    }
}

/// An open host file with contents.
#[derive(Debug)]
pub(crate) struct OpenFile {
    fd: Arc<OwnedFd>,
    place: Place,
    kind: FileKind,
    /// How what is written is taken.
    sink: Sink,
    /// Access mode and flags as they were at opening.
    opened: StatusFlags,
    /// `None` for what is nowhere in the tree.
    tree: Option<Arc<Tree>>,
    object: OnceLock<MappedObject>,
    /// The pages, where they count as memory.
    held: Option<Arc<Held>>,
    /// Keeps the seals, when the file can have some of ours.
    sealable: Option<Arc<Inode>>,
}

/// What a pipe holds unless it is made smaller, in bytes.
const PIPE_SIZE: usize = 64 << 10;

impl OpenFile {
    /// Describes a host descriptor; `tree` when it lies in one, as its place.
    pub(crate) fn new(fd: OwnedFd, tree: Option<Arc<Tree>>) -> Result<Self, Errno> {
        let stat = host::stat(fd.as_fd())?;
        let kind = match host::file_type(&stat) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Fifo => FileKind::Pipe,
            FileType::Socket => FileKind::Socket,
            FileType::CharacterDevice if rustix::termios::isatty(&fd) => FileKind::Terminal,
            // Files such as an eventfd have no type.
            _ => FileKind::Device,
        };
        let opened = status_flags(fd.as_fd())?;
        let fd = Arc::new(fd);
        let place = Place::of_host(Arc::clone(&fd), None);
        let sink = match host::file_type(&stat) {
            FileType::CharacterDevice => Sink::of_device(stat.rdev),
            _ => Sink::Reading,
        };
        let is_memory = kind == FileKind::Regular && tree.is_none();
        let held = is_memory.then(|| Held::find(mapping::file_id(&stat))).flatten();
        let sealable = match is_memory && seals::of_host(fd.as_fd()).is_ok() {
            true => Some(mapping::inode_of(&fd, held.as_ref())?),
            false => None,
        };
        let object = OnceLock::new();
        Ok(Self { fd, place, kind, sink, opened, tree, object, held, sealable })
    }

    /// Describes a file of memory, which is empty, and whose pages count against a limit.
    pub(crate) fn of_memory(fd: OwnedFd, limit: Arc<dyn CommitLimit>) -> Result<Self, Errno> {
        let held = Held::new(mapping::file_id(&host::stat(fd.as_fd())?), limit);
        let mut file = Self::new(fd, None)?;
        file.held = Some(held);
        Ok(file)
    }

    fn readable(&self) -> bool {
        !self.opened.intersects(StatusFlags::WRITE_ONLY | StatusFlags::PATH)
    }

    fn writable(&self) -> bool {
        self.opened.intersects(StatusFlags::WRITE_ONLY | StatusFlags::READ_WRITE)
    }

    /// Whether a second host call after one that moved all it could may be made: not where it
    /// might wait for more.
    fn more(&self) -> More {
        match self.kind {
            FileKind::Regular | FileKind::Device => More::Continue,
            _ => More::Stop,
        }
    }

    fn pieces(&self) -> Pieces {
        if self.kind == FileKind::Pipe { Pieces::PipeBuffers } else { Pieces::Bytes }
    }

    fn put(&self, src: IoSequence<'_>, offset: Option<u64>) -> Transfer<IoCause> {
        if let Some(inode) = &self.sealable
            && src.num_bytes() > 0
        {
            inode.seals().check_writing().map_err(stream)?;
        }
        match self.sink {
            Sink::Reading if self.held.is_some() => self.put_counted(src, offset),
            Sink::Reading => transfer::write(self.fd.as_fd(), src, offset, self.pieces()),
            Sink::Unseeing => transfer::write_unseen(self.fd.as_fd(), src),
            Sink::Bottomless => Ok(usize::try_from(src.num_bytes()).unwrap_or(usize::MAX)),
        }
    }

    /// Writes to a file of memory what the limit leaves room for.
    ///
    /// Nothing is locked while bytes move. Who cuts or punches the file meanwhile may give back
    /// what is written then.
    fn put_counted(&self, src: IoSequence<'_>, offset: Option<u64>) -> Transfer<IoCause> {
        let write = |src| transfer::write(self.fd.as_fd(), src, offset, self.pieces());
        let Some(held) = &self.held else { return write(src) };
        let start = match offset {
            Some(offset) => offset,
            None if self.status_flags().contains(StatusFlags::APPEND) => {
                self.stat().map_err(stream)?.size
            }
            None => host_seek(self.fd.as_fd(), 0, Whence::Current).map_err(stream)?,
        };
        let end = start.saturating_add(src.num_bytes());
        let (new, counted) = held.hold_some(start, end);
        if counted == start && end > start {
            return Err(stream(Errno::ENOSPC));
        }
        let result = write(src.take_first(counted - start));
        let done = match &result {
            Ok(done) => *done,
            Err(partial) => partial.done,
        };
        held.release_from(&new, start + done as u64);
        result
    }

    fn check_offset(&self, offset: u64) -> Result<(), Errno> {
        if i64::try_from(offset).is_err() {
            return Err(Errno::EINVAL);
        }
        match self.kind {
            FileKind::Pipe | FileKind::Socket | FileKind::Terminal => Err(Errno::ESPIPE),
            _ => Ok(()),
        }
    }

    /// Checks that attributes may be changed: only of files in the tree that lie below a
    /// directory to write to, and of those that are nowhere.
    fn check_changeable(&self) -> Result<(), Errno> {
        match &self.tree {
            Some(tree) => tree.check_writable(&self.place).map(|_| ()),
            None => Ok(()),
        }
    }
}

impl FileDescription for OpenFile {
    fn kind(&self) -> FileKind {
        self.kind
    }

    fn read(&self, dst: IoSequence<'_>) -> Transfer<IoCause> {
        if !self.readable() {
            return Err(stream(Errno::EBADF));
        }
        transfer::read(self.fd.as_fd(), dst, None, self.more(), self.pieces())
    }

    fn write(&self, src: IoSequence<'_>) -> Transfer<IoCause> {
        if !self.writable() {
            return Err(stream(Errno::EBADF));
        }
        self.put(src, None)
    }

    fn read_at(&self, dst: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
        self.check_offset(offset).map_err(stream)?;
        if !self.readable() {
            return Err(stream(Errno::EBADF));
        }
        transfer::read(self.fd.as_fd(), dst, Some(offset), self.more(), self.pieces())
    }

    fn write_at(&self, src: IoSequence<'_>, offset: u64) -> Transfer<IoCause> {
        self.check_offset(offset).map_err(stream)?;
        if !self.writable() {
            return Err(stream(Errno::EBADF));
        }
        self.put(src, Some(offset))
    }

    fn seek(&self, offset: i64, whence: Whence) -> Result<u64, Errno> {
        host_seek(self.fd.as_fd(), offset, whence)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        host::stat(self.fd.as_fd())
    }

    fn statfs(&self) -> Result<StatFs, Errno> {
        host::statfs(self.fd.as_fd())
    }

    fn truncate(&self, len: u64) -> Result<(), Errno> {
        if !self.writable() || i64::try_from(len).is_err() {
            return Err(Errno::EINVAL);
        }
        rustix::fs::ftruncate(&self.fd, len).map_err(errno)?;
        mapping::truncated(&self.stat()?, len);
        if let Some(held) = &self.held {
            held.release(inner_pages(len, u64::MAX));
        }
        Ok(())
    }

    fn allocate(&self, mode: u32, offset: u64, len: u64) -> Result<(), Errno> {
        if !self.writable() {
            return Err(Errno::EBADF);
        }
        let mode = FallocateFlags::from_bits_retain(mode);
        let punches = mode == FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        if let Some(inode) = &self.sealable
            && punches
            && len > 0
        {
            inode.seals().check_writing()?;
        }
        let fallocate = || rustix::fs::fallocate(&self.fd, mode, offset, len).map_err(errno);
        let Some(held) = &self.held else { return fallocate() };
        let end = offset.saturating_add(len);
        if FallocateFlags::KEEP_SIZE.contains(mode) {
            if i64::try_from(end).is_err() {
                return fallocate();
            }
            let new = held.hold(offset, end).map_err(|_| Errno::ENOSPC)?;
            return fallocate().inspect_err(|_| held.release_from(&new, 0));
        }
        fallocate()?;
        // What is mapped can have memory again at any time.
        if mode.contains(FallocateFlags::PUNCH_HOLE)
            && !mapping::is_mapped(mapping::file_id(&self.stat()?))
        {
            held.release(inner_pages(offset, len));
        }
        Ok(())
    }

    fn sync(&self, data_only: bool) -> Result<(), Errno> {
        let result =
            if data_only { rustix::fs::fdatasync(&self.fd) } else { rustix::fs::fsync(&self.fd) };
        result.map_err(errno)
    }

    fn chmod(&self, mode: u32) -> Result<(), Errno> {
        self.check_changeable()?;
        if let Some(inode) = &self.sealable {
            inode.seals().check_mode(self.stat()?.mode, mode)?;
        }
        rustix::fs::fchmod(&self.fd, Mode::from_bits_truncate(mode)).map_err(errno)
    }

    fn set_times(&self, atime: Option<Timestamp>, mtime: Option<Timestamp>) -> Result<(), Errno> {
        self.check_changeable()?;
        let time = |time: Option<Timestamp>| -> Timespec { timespec(time.into()) };
        let times = Timestamps { last_access: time(atime), last_modification: time(mtime) };
        rustix::fs::futimens(&self.fd, &times).map_err(errno)
    }

    fn status_flags(&self) -> StatusFlags {
        status_flags(self.fd.as_fd()).unwrap_or(self.opened)
    }

    fn opened_flags(&self) -> StatusFlags {
        self.opened
    }

    fn set_status_flags(&self, flags: StatusFlags) -> Result<(), Errno> {
        let mut new = rustix::fs::fcntl_getfl(&self.fd).map_err(errno)?;
        new.set(OFlags::APPEND, flags.contains(StatusFlags::APPEND));
        new.set(OFlags::NONBLOCK, flags.contains(StatusFlags::NONBLOCK));
        rustix::fs::fcntl_setfl(&self.fd, new).map_err(errno)
    }

    fn poll(&self, interest: PollSet) -> PollSet {
        let Some(fd) = self.poll_fd() else {
            return interest & (PollSet::IN | PollSet::OUT);
        };
        let events = PollFlags::from_bits_retain(interest.bits());
        let mut fds = [PollFd::from_borrowed_fd(fd, events)];
        let now = Timespec { tv_sec: 0, tv_nsec: 0 };
        match rustix::event::poll(&mut fds, Some(&now)) {
            Ok(_) => PollSet::from_bits_retain(fds[0].revents().bits()),
            Err(_) => PollSet::empty(),
        }
    }

    fn poll_fd(&self) -> Option<BorrowedFd<'_>> {
        (self.kind != FileKind::Regular).then(|| self.fd.as_fd())
    }

    fn ioctl(&self, request: u32, argument: &mut [u8]) -> Result<u64, Errno> {
        sys::ioctl(self.fd.as_fd(), request, argument)
    }

    fn pipe_size(&self) -> Result<usize, Errno> {
        rustix::pipe::fcntl_getpipe_size(&self.fd).map_err(errno)
    }

    fn set_pipe_size(&self, size: u32) -> Result<usize, Errno> {
        /// The largest size that Linux knows.
        const MOST: u32 = 1 << 31;
        let held = self.pipe_size()?;
        let size = usize::try_from(size).ok().filter(|_| size <= MOST).ok_or(Errno::EINVAL)?;
        // What pipes hold counts against no limit, so there is one for each.
        if size > held.max(PIPE_SIZE) {
            return Err(Errno::EPERM);
        }
        rustix::pipe::fcntl_setpipe_size(&self.fd, size).map_err(errno)
    }

    fn mapped_object(&self) -> Result<MappedObject, Errno> {
        if !self.readable() {
            return Err(Errno::EACCES);
        }
        if self.kind != FileKind::Regular {
            return Err(Errno::ENODEV);
        }
        if let Some(object) = self.object.get() {
            return Ok(object.clone());
        }
        let object =
            mapping::object(&self.fd, self.writable(), self.tree.as_ref(), self.held.as_ref())?;
        Ok(self.object.get_or_init(|| object).clone())
    }

    fn seals(&self) -> Result<u32, Errno> {
        let ours = self.sealable.as_ref().map_or(0, |inode| inode.seals().get());
        Ok(seals::of_host(self.fd.as_fd())? | ours)
    }

    fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        if !self.writable() {
            return Err(Errno::EPERM);
        }
        match &self.sealable {
            Some(inode) => seals::add(self.fd.as_fd(), inode, self.stat()?.mode, seals),
            // The files of a tmpfs have the seal that forbids others.
            None => self.seals().and(Err(Errno::EPERM)),
        }
    }

    fn is_write_sealed(&self) -> bool {
        self.sealable.as_ref().is_some_and(|inode| inode.seals().forbid_writing())
    }

    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        // Who holds a file that is open for writing may open it so again, wherever it lies.
        let granted = if self.writable() { Granted::Writing } else { Granted::Nothing };
        crate::open::reopen(&self.place, flags, self.tree.as_ref(), granted)
    }

    fn place(&self) -> Option<&Place> {
        self.tree.is_some().then_some(&self.place)
    }

    fn path(&self) -> Vec<u8> {
        match &self.tree {
            Some(tree) => tree.shown_path(&self.place),
            None => host::path_text(self.fd.as_fd()).unwrap_or_default(),
        }
    }
}

/// Returns the status flags of a host descriptor.
pub(crate) fn status_flags(fd: BorrowedFd<'_>) -> Result<StatusFlags, Errno> {
    let host = rustix::fs::fcntl_getfl(fd).map_err(errno)?.bits();
    let mut bits = host & !(LARGEFILE | OFlags::DIRECTORY.bits());
    if host & LARGEFILE != 0 {
        bits |= StatusFlags::LARGEFILE.bits();
    }
    if host & OFlags::DIRECTORY.bits() != 0 {
        bits |= StatusFlags::DIRECTORY.bits();
    }
    Ok(StatusFlags::from_bits_retain(bits))
}

/// Moves the offset of a host descriptor.
pub(crate) fn host_seek(fd: BorrowedFd<'_>, offset: i64, whence: Whence) -> Result<u64, Errno> {
    // Below zero is for the host to judge: some devices take any place.
    let place = offset as u64;
    let to = match whence {
        Whence::Start => SeekFrom::Start(place),
        Whence::Current => SeekFrom::Current(offset),
        Whence::End => SeekFrom::End(offset),
        Whence::Data => SeekFrom::Data(place),
        Whence::Hole => SeekFrom::Hole(place),
    };
    rustix::fs::seek(fd, to).map_err(errno)
}
