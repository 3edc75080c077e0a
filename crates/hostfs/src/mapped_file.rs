//! The pages of a host file.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::{Arc, OnceLock};

use memmap::{File, FileRange};
use safecopy::{DstBlock, SrcBlock};
use usermem_types::Errno;

use crate::sys::Window;
use crate::windows::Windows;

/// Pages that are looked at together before they are populated.
const POPULATED_PAGES: usize = 512;

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

    /// Asks the host what its page cache has.
    fn residency(&self, range: FileRange, present: &mut [u8]) {
        let page = rustix::param::page_size();
        let mut rest = range;
        let mut left = present;
        while !rest.is_empty() {
            let Ok(piece) = self.sources.find(rest, || self.read.as_fd(), false) else { break };
            let pages = left.split_off_mut(..piece.len.div_ceil(page).min(left.len()));
            let Some(pages) = pages else { break };
            piece.window.residency(piece.at, piece.len, pages);
            rest.start += piece.len as u64;
        }
        if rest.is_empty() {
            return;
        }
        // No room to keep it, as far out in a sparse file.
        let len = usize::try_from(rest.len()).unwrap_or(usize::MAX);
        match Window::map(self.read.as_fd(), rest.start, len, false) {
            Ok(window) => window.residency(0, len, left),
            Err(_) => left.fill(1),
        }
    }

    fn populate(&self, range: FileRange) -> Result<(), Errno> {
        let page = rustix::param::page_size() as u64;
        let mut present = [0; POPULATED_PAGES];
        for mut rest in range.pieces(POPULATED_PAGES as u64 * page) {
            // Usually an address space has populated them.
            let present = &mut present[..rest.len().div_ceil(page) as usize];
            self.residency(rest, present);
            if present.iter().all(|page| *page != 0) {
                continue;
            }
            while !rest.is_empty() {
                let Ok(piece) = self.sources.find(rest, || self.read.as_fd(), false) else { break };
                match piece.window.populate(piece.at, piece.len) {
                    Err(errno @ Errno::ENOMEM) => return Err(errno),
                    // What the file does not have, or an older host: they come when they are touched.
                    _ => rest.start += piece.len as u64,
                }
            }
        }
        Ok(())
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.write.get().unwrap_or(&self.read).as_fd()
    }
}
