//! Memory that ends, for the unit tests.
#![expect(unsafe_code, reason = "maps memory that faults")]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::sync::{Mutex, MutexGuard, PoisonError};

use usermem_types::FaultKind;

use crate::{BackEnd, DstBlock};

const PAGE: usize = 4096;

/// What lies behind the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Beyond {
    NoAccess,
    ReadOnly,
    EndOfFile,
}

impl Beyond {
    pub(crate) const ALL: [Self; 3] = [Self::NoAccess, Self::ReadOnly, Self::EndOfFile];

    pub(crate) fn kind(self) -> FaultKind {
        match self {
            Self::NoAccess | Self::ReadOnly => FaultKind::Protection,
            Self::EndOfFile => FaultKind::Bus,
        }
    }
}

/// Two pages that may be written, and two behind them that may not.
pub(crate) struct Memory {
    base: *mut u8,
}

impl Memory {
    pub(crate) const GOOD: usize = 2 * PAGE;
    const ALL: usize = 4 * PAGE;

    pub(crate) fn new(beyond: Beyond) -> Self {
        crate::init().expect("the handlers can be installed");
        // SAFETY: the name is a C string.
        let fd = unsafe { libc::memfd_create(c"safecopy".as_ptr(), 0) };
        assert!(fd >= 0);
        // SAFETY: the descriptor is new.
        let file = unsafe { File::from_raw_fd(fd) };
        let len = if beyond == Beyond::EndOfFile { Self::GOOD } else { Self::ALL };
        file.set_len(len as u64).expect("the file can grow");
        // SAFETY: a new mapping, somewhere.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                Self::ALL,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                file.as_raw_fd(),
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        let this = Self { base: base.cast() };
        let protection = match beyond {
            Beyond::NoAccess => libc::PROT_NONE,
            Beyond::ReadOnly => libc::PROT_READ,
            Beyond::EndOfFile => return this,
        };
        // SAFETY: the two pages are ours, and hold no Rust object.
        let result = unsafe { libc::mprotect(this.end_ptr().cast(), 2 * PAGE, protection) };
        assert_eq!(result, 0);
        this
    }

    fn end_ptr(&self) -> *mut u8 {
        self.base.wrapping_add(Self::GOOD)
    }

    /// The address of the first byte that may not be written.
    pub(crate) fn end(&self) -> usize {
        self.end_ptr().addr()
    }

    /// A block that begins `before` bytes before the end.
    pub(crate) fn block(&self, before: usize, len: usize) -> DstBlock<'_> {
        assert!(before <= Self::GOOD && len <= before + 2 * PAGE);
        // SAFETY: the four pages hold no Rust object.
        unsafe { DstBlock::from_raw(self.end_ptr().wrapping_sub(before), len) }
    }
}

// SAFETY: only blocks are made of it, which any thread may use.
unsafe impl Sync for Memory {}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the four pages are ours, and nothing uses them any more.
        let result = unsafe { libc::munmap(self.base.cast(), Self::ALL) };
        assert_eq!(result, 0);
    }
}

/// Held by a test that selects back ends: the choice is the process's.
pub(crate) fn lock_back_end() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Calls `test` once with each back end of this CPU in use.
pub(crate) fn with_each_back_end(mut test: impl FnMut(BackEnd)) {
    let _guard = lock_back_end();
    let mut tested = 0;
    for back_end in BackEnd::available() {
        back_end.select();
        test(back_end);
        tested += 1;
    }
    BackEnd::AUTOMATIC.select();
    assert!(tested >= 2, "only {tested} back ends");
}
