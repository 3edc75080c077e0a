//! Futex words.

use mm::SharedFutexKey;
use usermem_types::{Addr, AlignedAddr, Errno, Fault};

use crate::{CurrentTask, errno_of_fault};

/// What names a private futex: the address in one address space. One that processes may share has
/// a [`SharedFutexKey`] besides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FutexKey {
    addr: AlignedAddr<4>,
}

/// Why there is no key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FutexError {
    /// The address is not a multiple of four.
    Misaligned,
    /// The word cannot be read.
    Fault(Fault),
}

impl FutexError {
    /// Returns the error number of `futex(2)`.
    #[must_use]
    pub fn errno(self) -> Errno {
        match self {
            Self::Misaligned => Errno::EINVAL,
            Self::Fault(fault) => errno_of_fault(fault),
        }
    }
}

/// Returns the key of a futex word.
///
/// # Errors
/// [`FutexError::Misaligned`] when the address is not a multiple of four.
pub fn futex_key(addr: Addr) -> Result<FutexKey, FutexError> {
    addr.aligned().map(|addr| FutexKey { addr }).ok_or(FutexError::Misaligned)
}

impl CurrentTask {
    /// Returns what names a futex that processes may share.
    ///
    /// # Errors
    /// [`FutexError::Fault`] when the word is not mapped, not readable, or can never change.
    pub fn shared_futex_key(&self, key: FutexKey) -> Result<SharedFutexKey, FutexError> {
        self.task().memory_manager().shared_futex_key(key.addr).map_err(FutexError::Fault)
    }

    /// Loads the word of a futex.
    ///
    /// # Errors
    /// [`FutexError::Fault`] when it cannot be read.
    pub fn load_futex(&self, key: FutexKey) -> Result<u32, FutexError> {
        self.load_u32(key.addr).map_err(FutexError::Fault)
    }
}
