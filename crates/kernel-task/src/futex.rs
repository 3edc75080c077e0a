//! Futex words.

use usermem_types::{Addr, AlignedAddr, Errno, Fault};

use crate::{CurrentTask, errno_of_fault};

/// What names a futex.
///
/// Private futexes only: the address in one address space. A shared key, the object and the offset
/// into it, comes with shared futexes between processes.
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
    /// Checks that the word of a futex can be shared between processes.
    ///
    /// # Errors
    /// [`FutexError::Fault`] when it is not mapped, not readable, or can never change.
    pub fn check_shared_futex(&self, key: FutexKey) -> Result<(), FutexError> {
        self.task().memory_manager().check_shared_futex(key.addr).map_err(FutexError::Fault)
    }

    /// Loads the word of a futex.
    ///
    /// # Errors
    /// [`FutexError::Fault`] when it cannot be read.
    pub fn load_futex(&self, key: FutexKey) -> Result<u32, FutexError> {
        self.load_u32(key.addr).map_err(FutexError::Fault)
    }
}
