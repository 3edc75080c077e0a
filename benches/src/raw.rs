//! The limits: what the machine does at best with memory that it is told to trust.
#![expect(unsafe_code, reason = "yardsticks copy through pointers, as nothing of ours does")]

use std::hint::black_box;
use std::ptr;

use nix::sys::wait::WaitStatus;
use nix::unistd::ForkResult;
use rustix::fs::MemfdFlags;
use rustix::mm::{MapFlags, ProtFlags, mmap, mmap_anonymous, munmap};
use safecopy::SrcBlock;

use crate::lap::{Stopwatch, expect, time};

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

    /// Copies pieces of `len` bytes from `offsets` one behind the other into `to`, all of them each time; returns the
    /// nanoseconds of all.
    ///
    /// # Panics
    ///
    /// When a piece leaves this memory, or `to` is not as long as all of them.
    pub(crate) fn gather(&self, to: &mut [u8], offsets: &[usize], len: usize, count: u64) -> f64 {
        assert!(offsets.iter().all(|offset| *offset <= self.len && len <= self.len - offset));
        assert!(offsets.len().checked_mul(len) == Some(to.len()));
        // Not a number that the compiler knows: a system call does not either.
        let len = black_box(len);
        time(count, |_| {
            let mut next = to.as_mut_ptr();
            for offset in offsets {
                let from = self.start.wrapping_add(*offset);
                // SAFETY: every piece was checked, and that `to` has room for all of them.
                unsafe { ptr::copy_nonoverlapping(from, next, len) };
                next = next.wrapping_add(len);
            }
            black_box(next);
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

/// Maps a page, touches it and unmaps it, again and again; returns the nanoseconds of one.
///
/// # Errors
///
/// When the host has no room.
pub(crate) fn map_touch_unmap(count: u64) -> Result<f64, String> {
    let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
    let mut failed = 0;
    let nanoseconds = time(count, |_| {
        // SAFETY: at no given address, a new mapping touches no other.
        let page = unsafe { mmap_anonymous(ptr::null_mut(), PAGE, access, flags) };
        let Ok(page) = page else {
            failed += 1;
            return;
        };
        // SAFETY: it was just mapped, with access.
        unsafe { page.cast::<u8>().write_volatile(1) };
        // SAFETY: it is ours, and nothing borrows it.
        failed += u64::from(unsafe { munmap(page, PAGE) }.is_err());
    });
    expect(failed, 0).map(|()| nanoseconds)
}

const PAGE: usize = 4096;

/// Private pages with a hole behind each, so that each is a mapping of its own, for the host to copy at a fork.
#[derive(Debug)]
pub(crate) struct PrivatePages(Mapped);

impl PrivatePages {
    /// Maps and touches `count` pages.
    ///
    /// # Errors
    ///
    /// When the host has no room.
    pub(crate) fn new(count: usize) -> Result<Self, String> {
        let failed = |error: rustix::io::Errno| format!("{count} private pages: {error}");
        let len = 2 * count * PAGE;
        let (access, flags) = (ProtFlags::READ | ProtFlags::WRITE, MapFlags::PRIVATE);
        // SAFETY: at no given address, a new mapping touches no other.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), len, access, flags) };
        let mapped = Mapped { start: start.map_err(failed)?.cast(), len };
        for index in 0..count {
            let page = mapped.start.wrapping_add(2 * index * PAGE);
            // SAFETY: it was just mapped, with access.
            unsafe { page.write_volatile(1) };
            // SAFETY: the page behind it is of the same mapping, and nothing borrows it.
            let unmapped = unsafe { munmap(page.wrapping_add(PAGE).cast(), PAGE) };
            unmapped.map_err(failed)?;
        }
        Ok(Self(mapped))
    }

    /// Forks this process `count` times; returns the nanoseconds of one, up to the return in the parent.
    ///
    /// # Errors
    ///
    /// When the host has no room, or a child did not see the last page.
    pub(crate) fn fork(&self, count: u64) -> Result<f64, String> {
        let last = self.0.start.wrapping_add(self.0.len - 2 * PAGE);
        let mut nanoseconds = 0.0;
        for _ in 0..count {
            let stopwatch = Stopwatch::start();
            // SAFETY: the child reads a byte and exits; it calls nothing that another thread could hold a lock of.
            let child = unsafe { nix::unistd::fork() };
            match child.map_err(|error| format!("fork: {error}"))? {
                ForkResult::Child => {
                    // SAFETY: it was mapped with access, here as in the parent.
                    let byte = unsafe { last.read_volatile() };
                    // SAFETY: it ends this process, which has nothing to clean up.
                    unsafe { nix::libc::_exit(i32::from(byte)) };
                }
                ForkResult::Parent { child } => {
                    nanoseconds += stopwatch.nanoseconds();
                    let status = nix::sys::wait::waitpid(child, None);
                    if status != Ok(WaitStatus::Exited(child, 1)) {
                        return Err(format!("a child ended with {status:?}"));
                    }
                }
            }
        }
        Ok(nanoseconds / count as f64)
    }
}
