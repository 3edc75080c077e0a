//! Linux limits on one transfer, as the uapi headers and `read(2)`, `readv(2)` state them.

use crate::PageSize;

/// The most bytes one read or write system call moves with 4 KiB pages.
pub const MAX_RW_COUNT: u64 = max_rw_count(PageSize::K4);

/// Returns the most bytes one read or write system call moves: `i32::MAX` rounded down to a page.
///
/// ```
/// use usermem_types::{PageSize, max_rw_count};
/// assert_eq!(max_rw_count(PageSize::K4), 0x7fff_f000);
/// assert_eq!(max_rw_count(PageSize::K64), 0x7fff_0000);
/// ```
#[must_use]
pub const fn max_rw_count(page: PageSize) -> u64 {
    page.round_down(i32::MAX as u64)
}

/// The most entries of an iovec array (`UIO_MAXIOV`, which `sysconf(3)` calls `IOV_MAX`).
pub const UIO_MAXIOV: usize = 1024;

/// The most bytes of a path name, terminating NUL included.
pub const PATH_MAX: usize = 4096;
