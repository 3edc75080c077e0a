//! Application memory inside our own process, behind real protections.
//!
//! An address space is a reservation of our own addresses in which nothing is accessible but what
//! was mapped there: the application's address A lies at one distance from ours, and the hardware
//! checks every access. So a copy needs no lock and no search, and what the program may not do
//! comes back as a fault ([`AddressSpaceIo`]).
//!
//! No code of the application runs: its pages are never executable here, and a
//! [`SoftCpu`](crate::SoftCpu) consults the record of what was asked for. This platform is for
//! library operating systems, which bring their own way of running code, and for tests.
//!
//! [`AddressSpaceIo`]: memmap::AddressSpaceIo

mod access;
mod address_space;
mod window;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use memmap::AddressSpace;
use usermem_types::Errno;

use crate::{Context, Platform, PlatformError};

pub use address_space::MirrorAddressSpace;

/// The size of a window unless another is asked for: all of them share the 128 TiB of a process.
const WINDOW: u64 = 1 << 40;

/// How many pieces an address space shows at most unless another number is asked for. Each can cost
/// two of the 65,530 mappings that a process has on a usual host, our own among them.
const PIECES: usize = 8192;
/// What one instruction can need at once: two operands that each lie on two pages.
const MIN_PIECES: usize = 4;

/// Makes [`MirrorAddressSpace`]s, and no contexts.
///
/// ```
/// use platform::{Platform, mirror::MirrorPlatform};
///
/// let platform = MirrorPlatform::new()?.with_window(1 << 30);
/// let space = platform.new_address_space()?;
/// assert_eq!(space.user_range().len(), 1 << 30);
/// assert!(space.io().is_some());
/// # Ok::<(), platform::PlatformError>(())
/// ```
#[derive(Clone, Copy, Debug)]
pub struct MirrorPlatform {
    window: u64,
    pieces: usize,
}

impl MirrorPlatform {
    /// Prepares the platform; calls [`safecopy::init`], since its memory faults all the time.
    ///
    /// # Errors
    /// When faults cannot be recovered from.
    pub fn new() -> Result<Self, PlatformError> {
        safecopy::init()
            .map_err(|error| PlatformError { what: error.to_string(), errno: Errno::EBUSY })?;
        Ok(Self { window: WINDOW, pieces: PIECES })
    }

    /// Returns the platform with windows of `bytes`, rounded up to whole pages.
    #[must_use]
    pub fn with_window(self, bytes: u64) -> Self {
        Self { window: bytes, ..self }
    }

    /// Returns the platform with address spaces that show at most so many pieces at once, 8192
    /// unless this is called, and four at least. One that would show more shows nothing first, which its program can
    /// only notice by the time that it takes.
    ///
    /// A program decides how many pieces its memory has, and the host's limit (`vm.max_map_count`)
    /// is that of the whole process: keep all address spaces together below half of it.
    #[must_use]
    pub fn with_max_pieces(self, pieces: usize) -> Self {
        Self { pieces: pieces.max(MIN_PIECES), ..self }
    }

    /// Makes an empty address space.
    ///
    /// # Errors
    /// What the host refused: `ENOMEM` when no such window is left.
    pub fn new_mirror(&self) -> Result<MirrorAddressSpace, PlatformError> {
        MirrorAddressSpace::new(self.window, self.pieces)
            .map_err(|errno| PlatformError { what: "reserving a window".to_owned(), errno })
    }
}

impl Platform for MirrorPlatform {
    fn new_address_space(&self) -> Result<Arc<dyn AddressSpace>, PlatformError> {
        Ok(Arc::new(self.new_mirror()?))
    }

    fn new_context(
        &self,
        _space: &Arc<dyn AddressSpace>,
    ) -> Result<Box<dyn Context>, PlatformError> {
        Err(PlatformError {
            what: "the mirror platform runs no code".to_owned(),
            errno: Errno::ENOSYS,
        })
    }
}
