//! The limits: what the machine does at best with memory that it is told to trust.
#![expect(unsafe_code, reason = "yardsticks copy through pointers, as nothing of ours does")]

use std::hint::black_box;
use std::ptr;

use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use safecopy::SrcBlock;

use crate::lap::time;

/// Copies with `memcpy`, `lens[index % lens.len()]` bytes each time; returns the nanoseconds of one copy.
///
/// # Panics
///
/// When a length is above that of either buffer, or there are not 2^n lengths.
pub(crate) fn memcpy(to: &mut [u8], from: &[u8], lens: &[usize], count: u64) -> f64 {
    assert!(lens.iter().all(|len| *len <= to.len() && *len <= from.len()));
    assert!(lens.len().is_power_of_two());
    let mask = lens.len() - 1;
    let (to, from) = (to.as_mut_ptr(), from.as_ptr());
    time(count, |index| {
        // SAFETY: every length was checked, and both are borrowed.
        unsafe { ptr::copy_nonoverlapping(from, to, lens[index & mask]) };
        black_box(to);
    })
}

/// Memory of our own, mapped by the host as application memory is: shared pages of a file.
#[derive(Debug)]
pub(crate) struct Mapped {
    start: *mut u8,
    len: usize,
}

impl Mapped {
    /// Maps `len` zero bytes, every page of them present.
    ///
    /// # Errors
    ///
    /// When the host has no room.
    pub(crate) fn new(len: usize) -> Result<Self, String> {
        let failed = |error: rustix::io::Errno| format!("{len} bytes of memory: {error}");
        let file = rustix::fs::memfd_create("bench", MemfdFlags::CLOEXEC).map_err(failed)?;
        rustix::fs::ftruncate(&file, len as u64).map_err(failed)?;
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::SHARED);
        // SAFETY: at no given address, a new mapping touches no other.
        let start =
            unsafe { mmap(ptr::null_mut(), len, access, flags | MapFlags::POPULATE, &file, 0) };
        start.map(|start| Self { start: start.cast(), len }).map_err(failed)
    }

    /// Maps `len` bytes that may not be touched.
    ///
    /// # Errors
    ///
    /// When the host has no room.
    pub(crate) fn without_access(len: usize) -> Result<Self, String> {
        // SAFETY: at no given address, a new mapping touches no other.
        let start =
            unsafe { mmap_anonymous(ptr::null_mut(), len, ProtFlags::empty(), MapFlags::PRIVATE) };
        start
            .map(|start| Self { start: start.cast(), len })
            .map_err(|error| format!("{len} bytes without access: {error}"))
    }

    /// Returns it as memory that may fault.
    pub(crate) fn block(&self) -> SrcBlock<'_> {
        // SAFETY: 1. it holds no Rust object, and is mapped for as long as it is borrowed.
        unsafe { SrcBlock::from_raw(self.start, self.len) }
    }

    /// Writes `bytes` at an offset.
    ///
    /// # Panics
    ///
    /// When they do not fit.
    pub(crate) fn write(&mut self, offset: usize, bytes: &[u8]) {
        assert!(offset <= self.len && bytes.len() <= self.len - offset);
        let to = self.start.wrapping_add(offset);
        // SAFETY: it was checked that they fit; whoever calls this made it with access.
        unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), to, bytes.len()) };
    }

    /// Copies with `memcpy` from `offsets[index % offsets.len()]`, as many bytes as `to` has; gives what `to` then
    /// holds to `seen`, and returns the nanoseconds of one copy.
    ///
    /// # Panics
    ///
    /// When an offset leaves less than `to`, or there are not 2^n offsets.
    pub(crate) fn read(
        &self,
        to: &mut [u8],
        offsets: &[usize],
        count: u64,
        mut seen: impl FnMut(&[u8]),
    ) -> f64 {
        let len = to.len();
        assert!(offsets.iter().all(|offset| *offset <= self.len && len <= self.len - offset));
        assert!(offsets.len().is_power_of_two());
        let mask = offsets.len() - 1;
        time(count, |index| {
            let from = self.start.wrapping_add(offsets[index & mask]);
            // SAFETY: every offset was checked; whoever calls this made it with access.
            unsafe { ptr::copy_nonoverlapping(from, to.as_mut_ptr(), len) };
            seen(to);
        })
    }

    /// Loads the word at an offset again and again, gives it to `seen`, and returns the nanoseconds of one load.
    ///
    /// # Panics
    ///
    /// When there is no aligned word.
    pub(crate) fn load(&self, offset: usize, count: u64, mut seen: impl FnMut(u64)) -> f64 {
        assert!(offset.is_multiple_of(8) && offset <= self.len && self.len - offset >= 8);
        let word = self.start.wrapping_add(offset).cast::<u64>();
        time(count, |_| {
            // SAFETY: it was checked that it is aligned and inside; whoever calls this made it with access.
            seen(unsafe { ptr::read_volatile(word) });
        })
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: it is ours, and whoever borrowed it is gone.
        let unmapped = unsafe { munmap(self.start.cast(), self.len) };
        unmapped.expect("our own invariant: it was mapped");
    }
}
