//! Places that are open: `O_PATH`.

use std::sync::Arc;

use usermem_io::{IoCause, IoSequence};
use usermem_types::{Errno, Transfer};

use crate::open::{self, Granted};
use crate::transfer::stream;
use crate::tree::Tree;
use crate::{FileDescription, FileKind, Place, PollSet, Stat, StatFs, StatusFlags, Whence, host};

/// A place that was opened with `O_PATH`: its contents are out of reach.
#[derive(Debug)]
pub(crate) struct PathOnly {
    place: Place,
    flags: StatusFlags,
    tree: Arc<Tree>,
}

impl PathOnly {
    pub(crate) fn new(place: Place, flags: StatusFlags, tree: Arc<Tree>) -> Self {
        Self { place, flags, tree }
    }
}

impl FileDescription for PathOnly {
    fn kind(&self) -> FileKind {
        FileKind::Path
    }

    fn read(&self, _: IoSequence<'_>) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn write(&self, _: IoSequence<'_>) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn read_at(&self, _: IoSequence<'_>, _: u64) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn write_at(&self, _: IoSequence<'_>, _: u64) -> Transfer<IoCause> {
        Err(stream(Errno::EBADF))
    }

    fn seek(&self, _: i64, _: Whence) -> Result<u64, Errno> {
        Err(Errno::EBADF)
    }

    fn stat(&self) -> Result<Stat, Errno> {
        self.place.stat()
    }

    fn statfs(&self) -> Result<StatFs, Errno> {
        match self.place.host() {
            Some(fd) => host::statfs(fd),
            None => Ok(crate::synthetic::statfs()),
        }
    }

    fn truncate(&self, _: u64) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn allocate(&self, _: u32, _: u64, _: u64) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn sync(&self, _: bool) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn chmod(&self, _: u32) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn set_times(
        &self,
        _: Option<crate::Timestamp>,
        _: Option<crate::Timestamp>,
    ) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn read_dir(&self, _: &mut dyn FnMut(&crate::DirEntry) -> bool) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn status_flags(&self) -> StatusFlags {
        self.flags
    }

    fn set_status_flags(&self, _: StatusFlags) -> Result<(), Errno> {
        Err(Errno::EBADF)
    }

    fn poll(&self, _: PollSet) -> PollSet {
        PollSet::NVAL
    }

    fn ioctl(&self, _: u32, _: &mut [u8]) -> Result<u64, Errno> {
        Err(Errno::EBADF)
    }

    fn mapped_object(&self) -> Result<memmap::MappedObject, Errno> {
        Err(Errno::EBADF)
    }

    fn reopen(&self, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
        open::reopen(&self.place, flags, Some(&self.tree), Granted::Nothing)
    }

    fn place(&self) -> Option<&Place> {
        Some(&self.place)
    }

    fn path(&self) -> Vec<u8> {
        self.tree.shown_path(&self.place)
    }
}
