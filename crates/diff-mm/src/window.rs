//! The addresses that scripts are about.

/// Bytes in a page.
pub const PAGE: u64 = 4096;

/// Where the window starts in scripts, and on the host: below everything else that a process has.
pub const WINDOW: u64 = 0x2000_0000;

/// Pages of the window.
pub const PAGES: u64 = 1024;

/// Where the heap starts: in the window, above what most steps are about.
pub const HEAP: u64 = WINDOW + 700 * PAGE;

/// Returns the page and the byte in it of an address of the window.
pub(crate) fn place(addr: u64) -> Option<(u64, u64)> {
    let offset = addr.checked_sub(WINDOW).filter(|offset| *offset < PAGES * PAGE)?;
    Some((offset / PAGE, offset % PAGE))
}

/// Returns an address of a script as it is where the window starts at `base`.
pub(crate) fn relocate(addr: u64, base: u64) -> u64 {
    match addr.checked_sub(WINDOW) {
        Some(offset) if offset <= PAGES * PAGE => base + offset,
        _ => addr,
    }
}
