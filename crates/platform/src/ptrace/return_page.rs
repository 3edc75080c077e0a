//! The page from which a stub's code takes the application's registers back.
#![expect(unsafe_code, reason = "a page that is shared with a stub")]

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU64, Ordering};

use rustix::fs::MemfdFlags;
use rustix::io::Errno;
use rustix::mm::{MapFlags, ProtFlags, mmap, munmap};

/// A page that we write and a stub reads: right behind its [`StubPage`](super::page::StubPage).
#[derive(Debug)]
pub(super) struct ReturnPage {
    words: NonNull<AtomicU64>,
}

// SAFETY: the page is nobody else's, and is reached by atomic accesses only.
unsafe impl Send for ReturnPage {}

impl ReturnPage {
    /// Makes a page, and the descriptor that a stub maps it by.
    pub(super) fn new() -> Result<(Self, OwnedFd), Errno> {
        let size = rustix::param::page_size();
        let fd = rustix::fs::memfd_create("registers", MemfdFlags::CLOEXEC)?;
        rustix::fs::ftruncate(&fd, size as u64)?;
        Ok((Self::of(fd.as_fd(), size)?, fd))
    }

    fn of(fd: BorrowedFd<'_>, size: usize) -> Result<Self, Errno> {
        let prot = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: without FIXED no memory in use changes.
        let page = unsafe { mmap(std::ptr::null_mut(), size, prot, MapFlags::SHARED, fd, 0) }?;
        let words = NonNull::new(page.cast()).ok_or(Errno::FAULT)?;
        Ok(Self { words })
    }

    /// Writes the first words of the page, while the stub is stopped.
    ///
    /// # Panics
    /// When they are more than a page has.
    pub(super) fn write(&self, words: &[u64]) {
        assert!(size_of_val(words) <= rustix::param::page_size(), "more than a page");
        for (at, word) in words.iter().enumerate() {
            let place = self.words.as_ptr().wrapping_add(at);
            // SAFETY: a word of the page, as was checked, which is mapped for writing while `self` lives.
            unsafe { &*place }.store(*word, Ordering::Relaxed);
        }
    }
}

impl Drop for ReturnPage {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `of`, and nobody knows of it any more. A failure, of which
        // none is known, would leave a page mapped.
        let _ = unsafe { munmap(self.words.as_ptr().cast(), rustix::param::page_size()) };
    }
}
