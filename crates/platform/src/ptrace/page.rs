//! The page of code that a stub consists of.
#![expect(unsafe_code, reason = "places a page of machine code")]

use std::sync::OnceLock;

use usermem_types::{Addr, AddrRange, Errno};

use super::arch;
use crate::PlatformError;

/// The page of code that a stub consists of, at one address in this process and in every stub.
///
/// It stays for as long as this process lives, so that later stubs are born with it.
#[derive(Clone, Copy, Debug)]
pub(super) struct StubPage {
    range: AddrRange,
}

impl StubPage {
    /// Returns the page, which the first caller places.
    pub(super) fn get() -> Result<Self, PlatformError> {
        static PAGE: OnceLock<Result<StubPage, PlatformError>> = OnceLock::new();
        PAGE.get_or_init(place).clone()
    }

    /// Returns the address where an injected call starts; applications live below it.
    pub(super) fn start(self) -> u64 {
        self.range.start().get()
    }

    /// Returns the address after the page.
    pub(super) fn end(self) -> u64 {
        self.range.end().get()
    }

    /// Returns whether an instruction that ended at `pc` is one of the page's.
    pub(super) fn ran_to(self, pc: u64) -> bool {
        self.start() < pc && pc <= self.end()
    }

    /// Returns the address of the trap, where a stub starts.
    pub(super) fn trap(self) -> u64 {
        self.start() + arch::STUB_TRAP
    }
}

/// Places the page as near to the top of user space as there is room; in stubs another one follows.
fn place() -> Result<StubPage, PlatformError> {
    let size = rustix::param::page_size();
    let lowest = arch::TASK_SIZE / 2;
    let mut at = arch::TASK_SIZE - 2 * size as u64;
    let mut step = size as u64;
    loop {
        match place_at(at as usize, size) {
            Ok(()) => {
                let range = Addr::new(at).to_range(size as u64);
                let range = range.expect("our own invariant: far below the end");
                return Ok(StubPage { range });
            }
            Err(Errno::EEXIST) if at > lowest + step => {
                at -= step;
                // Something large may be in the way: a stack with room to grow, a reservation.
                step = (step * 2).min(1 << 30);
            }
            Err(errno) => return Err(PlatformError { what: "placing the stub".to_owned(), errno }),
        }
    }
}

fn place_at(at: usize, size: usize) -> Result<(), Errno> {
    let wanted = std::ptr::without_provenance_mut::<libc::c_void>(at);
    let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED_NOREPLACE;
    // SAFETY: FIXED_NOREPLACE never replaces a mapping, so no memory in use changes.
    let placed =
        unsafe { libc::mmap(wanted, size, libc::PROT_READ | libc::PROT_WRITE, flags, -1, 0) };
    if placed == libc::MAP_FAILED {
        return Err(last_errno());
    }
    if placed != wanted {
        // A host before 4.17 takes the address as a hint.
        // SAFETY: the mapping was made above, and nobody else knows of it.
        unsafe { libc::munmap(placed, size) };
        return Err(Errno::EEXIST);
    }
    let code = arch::STUB_CODE;
    // SAFETY: the page is mapped for writing, is larger than the code, and is ours alone.
    unsafe { std::ptr::copy_nonoverlapping(code.as_ptr(), placed.cast::<u8>(), code.len()) };
    // SAFETY: the page is ours, and no reference to it exists.
    if unsafe { libc::mprotect(placed, size, libc::PROT_READ | libc::PROT_EXEC) } != 0 {
        return Err(last_errno());
    }
    Ok(())
}

fn last_errno() -> Errno {
    Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
}
