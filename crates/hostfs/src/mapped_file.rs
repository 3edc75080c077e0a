//! The pages of a host file.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use memmap::{File, FileRange};
use safecopy::{DstBlock, SrcBlock};
use usermem_types::Errno;

use crate::windows::Windows;

/// The pages of one host file, which are the host's page cache: nothing is copied.
///
/// They are the host's to count and to recycle. Truncating the file takes them away at any time:
/// an access then reports a bus error.
#[derive(Debug)]
pub(crate) struct MappedFile {
    read: Arc<OwnedFd>,
    /// A descriptor that can write as well, once there has been one.
    write: OnceLock<Arc<OwnedFd>>,
    sources: Windows,
    destinations: Windows,
}

impl MappedFile {
    /// Creates the pages of the file behind `fd`.
    pub(crate) fn new(fd: Arc<OwnedFd>) -> Self {
        let (sources, destinations) = (Windows::default(), Windows::default());
        Self { read: fd, write: OnceLock::new(), sources, destinations }
    }

    /// Gives the pages a descriptor that is open for reading and writing.
    pub(crate) fn allow_writing(&self, fd: &Arc<OwnedFd>) {
        self.write.get_or_init(|| Arc::clone(fd));
    }
}

impl File for MappedFile {
    fn inc_ref(&self, _: FileRange) {}

    fn dec_ref(&self, _: FileRange) {}

    fn has_unique_ref(&self, _: FileRange) -> bool {
        // The host and its other programs always have theirs.
        false
    }

    fn source(&self, range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        let piece = self.sources.find(range, || self.read.as_fd(), false)?;
        Ok(piece.window.source(piece.at, piece.len))
    }

    fn destination(&self, range: FileRange) -> Result<DstBlock<'_>, Errno> {
        let fd = self.write.get().ok_or(Errno::EACCES)?;
        let piece = self.destinations.find(range, || fd.as_fd(), true)?;
        Ok(piece.window.destination(piece.at, piece.len))
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.write.get().unwrap_or(&self.read).as_fd()
    }
}
