//! Addresses of our own that show pages of files: every host call of this back end.
//!
//! # Stale pages
//!
//! A page that was to be hidden and is still shown would soon be somebody else's. Hiding a part of
//! a mapping can exceed the host's limit of mappings, so it falls back to hiding everything, which
//! needs no more of them than there are. The host refuses even that while the process has one
//! mapping more than the limit, which it can have; then everything is protected in place, which
//! makes it as unreachable, but gives nothing back until a later call hides it. Nothing that the
//! host documents refuses the last; if it does, the process ends.
#![expect(unsafe_code, reason = "reserves addresses and maps files there")]

use std::os::fd::BorrowedFd;
use std::ptr;

use core::ffi::c_void;
use rustix::io::Errno as HostErrno;
use rustix::mm::{MapFlags, MprotectFlags, MremapFlags, ProtFlags};
use safecopy::DstBlock;
use usermem_types::{AccessType, Errno};

/// Never mapped, at the end of every window: a mapping at the end of one must not become one with
/// a mapping at the start of the next, which would have to be cut to be hidden. As long as the
/// largest page of a supported host.
const GUARD: usize = 64 << 10;

/// A range of our own addresses that shows pages of files, and where nothing else ever is.
#[derive(Debug)]
pub(super) struct Window {
    /// Invariant: the start of `len + GUARD` bytes that this value owns, all of them reserved at
    /// any time, and in which no Rust object lies.
    base: *mut u8,
    len: usize,
}

// SAFETY: the addresses belong to the process, not to a thread; the memory behind them is only
// touched through `safecopy`, which allows for other writers.
unsafe impl Send for Window {}

// SAFETY: as for `Send`; no method changes the fields.
unsafe impl Sync for Window {}

/// How much of a window had to be hidden.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Hidden {
    /// What was asked for.
    Part,
    /// All of it.
    Everything,
}

/// Why pages are not shown, and what became of those that were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused {
    /// What the host said.
    pub(super) errno: Errno,
    /// What is not shown any more.
    pub(super) hidden: Hidden,
}

impl Window {
    /// Reserves `len` bytes, which are whole pages.
    pub(super) fn reserve(len: usize) -> Result<Self, Errno> {
        let whole = len.checked_add(GUARD).ok_or(Errno::ENOMEM)?;
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE;
        // SAFETY: a new mapping at an address of the host's choice replaces nothing.
        let base = unsafe {
            rustix::mm::mmap_anonymous(ptr::null_mut(), whole, ProtFlags::empty(), flags)
        };
        Ok(Self { base: base.map_err(errno)?.cast(), len })
    }

    /// Returns the addresses `[offset, offset + len)` of the window.
    pub(super) fn block(&self, offset: usize, len: usize) -> DstBlock<'_> {
        let ptr = self.at(offset, len);
        // SAFETY: 1. by `at` the block lies in the window, which holds no Rust object and stays for
        // as long as `self` is borrowed; no reference to its memory is ever made.
        unsafe { DstBlock::from_raw(ptr.cast(), len) }
    }

    /// Shows a part of a file in place of what `[offset, offset + len)` showed. Nothing of that is
    /// left when the host refuses.
    pub(super) fn show(
        &self,
        (offset, len): (usize, usize),
        (fd, start): (BorrowedFd<'_>, u64),
        access: AccessType,
        populate: bool,
    ) -> Result<(), Refused> {
        // The file may refuse after the host has removed what was there, and any thread's next
        // mapping could then fall into the window. So the file is mapped elsewhere first, and only
        // moved here, of which the host makes sure before it removes anything.
        self.map_elsewhere(len, (fd, start), access, populate)
            .and_then(|mapped| self.move_here((offset, len), mapped))
            .map_err(|errno| Refused { errno, hidden: self.hide(offset, len) })
    }

    fn map_elsewhere(
        &self,
        len: usize,
        (fd, start): (BorrowedFd<'_>, u64),
        access: AccessType,
        populate: bool,
    ) -> Result<*mut c_void, Errno> {
        let mut flags = MapFlags::SHARED;
        flags.set(MapFlags::POPULATE, populate);
        // SAFETY: a new mapping at an address of the host's choice replaces nothing.
        unsafe { rustix::mm::mmap(ptr::null_mut(), len, protections(access), flags, fd, start) }
            .map_err(errno)
    }

    fn move_here(&self, (offset, len): (usize, usize), mapped: *mut c_void) -> Result<(), Errno> {
        let (target, flags) = (self.at(offset, len), MremapFlags::MAYMOVE);
        // SAFETY: `mapped` was made by the caller and is known to nobody else; by `at` the target
        // lies in the window, where no Rust object lies.
        let moved = unsafe { rustix::mm::mremap_fixed(mapped, len, len, flags, target) };
        match moved {
            Ok(_) => Ok(()),
            Err(error) => {
                // When this is refused, too, the mapping stays where no application can name it.
                // SAFETY: as above.
                let _ = unsafe { rustix::mm::munmap(mapped, len) };
                Err(errno(error))
            }
        }
    }

    /// Hides `[offset, offset + len)`, or more. When it returns, no access reaches the pages.
    pub(super) fn hide(&self, offset: usize, len: usize) -> Hidden {
        if self.reserve_again(offset, len).is_ok() {
            return Hidden::Part;
        }
        if self.reserve_again(0, self.len).is_err() && self.forbid().is_err() {
            // Going on would hand a program's pages to another.
            eprintln!("usermem: the host refuses to hide memory of a program");
            std::process::abort();
        }
        Hidden::Everything
    }

    /// Replaces mappings with the reservation.
    fn reserve_again(&self, offset: usize, len: usize) -> Result<(), HostErrno> {
        let at = self.at(offset, len);
        let flags = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::FIXED;
        // SAFETY: by `at` only mappings of the window are replaced, and no Rust object lies there.
        unsafe { rustix::mm::mmap_anonymous(at, len, ProtFlags::empty(), flags) }.map(drop)
    }

    /// Makes everything inaccessible, mapped as it is. No mapping is cut by it, see [`GUARD`].
    fn forbid(&self) -> Result<(), HostErrno> {
        let at = self.at(0, self.len);
        // SAFETY: by `at` only mappings of the window change, and no Rust object lies there.
        unsafe { rustix::mm::mprotect(at, self.len, MprotectFlags::empty()) }
    }

    /// Returns our address of an offset, after checking that `len` bytes lie there.
    fn at(&self, offset: usize, len: usize) -> *mut c_void {
        assert!(
            offset.checked_add(len).is_some_and(|end| end <= self.len),
            "our own invariant: offsets lie in the window"
        );
        self.base.wrapping_add(offset).cast()
    }
}

impl Drop for Window {
    fn drop(&mut self) {
        // SAFETY: the addresses are ours, and every block of them borrowed `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.base.cast(), self.len + GUARD) };
        if unmapped.is_err() {
            // The range may have become one mapping with a neighbour's: then it is ours for ever,
            // and hidden.
            self.hide(0, self.len);
        }
    }
}

/// Returns the protections of pages that allow `access`: never execution, which nothing here needs.
fn protections(access: AccessType) -> ProtFlags {
    let access = access.effective();
    let mut protections = ProtFlags::empty();
    protections.set(ProtFlags::READ, access.read());
    protections.set(ProtFlags::WRITE, access.write());
    protections
}

/// Returns a host error as ours.
fn errno(error: HostErrno) -> Errno {
    Errno::from_raw(error.raw_os_error())
}
