//! Text that survives the process that writes it.

#![expect(unsafe_code, reason = "memory shared with a child that dies")]

use std::fmt;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicUsize, Ordering};

use rustix::mm::{MapFlags, ProtFlags};

/// Bytes of text. A script that locks all memory makes the host look for all of it.
const CAPACITY: usize = 16 << 20;
/// Where the text starts.
const TEXT: usize = size_of::<AtomicUsize>();

/// Text in memory shared with forked children, one of which writes at a time.
///
/// **Invariant**: the memory is mapped, at `start`, as long as this exists; it begins with the
/// number of bytes of text. Each child has a mapping of its own, which it may lose on its own
/// account only.
#[derive(Debug)]
pub(super) struct SharedLog {
    start: NonNull<u8>,
}

impl SharedLog {
    pub(super) fn new() -> rustix::io::Result<Self> {
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let len = TEXT + CAPACITY;
        // SAFETY: a new mapping, at a place of the host's choice, replaces nothing.
        let start = unsafe {
            rustix::mm::mmap_anonymous(
                std::ptr::null_mut(),
                len,
                access,
                MapFlags::SHARED | MapFlags::NORESERVE,
            )
        }?;
        Ok(Self { start: NonNull::new(start.cast()).expect("our own invariant: not at zero") })
    }

    fn len(&self) -> &AtomicUsize {
        // SAFETY: page-aligned, zeroed memory that is mapped as long as `self` and that is used as
        // this atomic only.
        unsafe { self.start.cast::<AtomicUsize>().as_ref() }
    }

    pub(super) fn clear(&self) {
        self.len().store(0, Ordering::Relaxed);
    }

    /// Appends bytes; what does not fit is lost.
    pub(super) fn append(&self, bytes: &[u8]) {
        let len = self.len().load(Ordering::Relaxed);
        let bytes = &bytes[..bytes.len().min(CAPACITY - len)];
        // SAFETY: `len` is at most `CAPACITY`, so this stays inside the mapping.
        let end = unsafe { self.start.add(TEXT + len) };
        // SAFETY: as many bytes are left in the mapping; nobody else reads or writes them now.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), end.as_ptr(), bytes.len()) };
        self.len().store(len + bytes.len(), Ordering::Relaxed);
    }

    /// Returns the text, when no child runs.
    pub(super) fn text(&self) -> String {
        let mut bytes = vec![0; self.len().load(Ordering::Relaxed).min(CAPACITY)];
        // SAFETY: `TEXT` lies inside the mapping.
        let text = unsafe { self.start.add(TEXT) };
        // SAFETY: the mapping holds as many bytes there; nobody writes them now.
        unsafe { std::ptr::copy_nonoverlapping(text.as_ptr(), bytes.as_mut_ptr(), bytes.len()) };
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

impl fmt::Write for &SharedLog {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.append(text.as_bytes());
        Ok(())
    }
}

impl Drop for SharedLog {
    fn drop(&mut self) {
        // SAFETY: the mapping is this value's own, and nothing refers to it any more.
        let unmapped = unsafe { rustix::mm::munmap(self.start.as_ptr().cast(), TEXT + CAPACITY) };
        debug_assert_eq!(unmapped, Ok(()));
    }
}
