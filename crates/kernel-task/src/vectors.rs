//! Vectors of strings of the application: argv and envp.

use usermem_io::StringCause;
use usermem_types::{Addr, Errno, Fault};

use crate::{CurrentTask, errno_of_fault};

/// How much a vector of strings may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VectorLimits {
    /// Bytes of one string, NUL included.
    pub element: usize,
    /// Bytes of all strings, NULs included.
    pub total: usize,
}

/// Why a vector of strings could not be copied in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum VectorError {
    /// A pointer or a string faulted.
    Fault(Fault),
    /// A string is longer than [`VectorLimits::element`].
    ElementTooLong,
    /// The strings together are longer than [`VectorLimits::total`].
    TotalTooLong,
}

impl VectorError {
    /// Returns the error number: `E2BIG` for either limit, as `execve(2)` has it.
    #[must_use]
    pub fn errno(&self) -> Errno {
        match self {
            Self::Fault(fault) => errno_of_fault(*fault),
            Self::ElementTooLong | Self::TotalTooLong => Errno::E2BIG,
        }
    }
}

impl CurrentTask {
    /// Copies an array of pointers to strings, ended by a null pointer, from the application.
    ///
    /// # Errors
    /// Which limit was hit, or the fault.
    pub fn copy_in_vector(
        &self,
        addr: Addr,
        limits: VectorLimits,
    ) -> Result<Vec<Vec<u8>>, VectorError> {
        let mut strings = Vec::new();
        let mut left = limits.total;
        let mut at = addr;
        loop {
            let mut pointer = [0; 8];
            self.copy_in_bytes(at, &mut pointer)
                .map_err(|partial| VectorError::Fault(partial.cause))?;
            let pointer = Addr::new(u64::from_le_bytes(pointer));
            if pointer == Addr::ZERO {
                return Ok(strings);
            }
            let string = self.copy_in_string(pointer, limits.element.min(left)).map_err(
                |error| match error.cause {
                    StringCause::Fault(fault) => VectorError::Fault(fault),
                    StringCause::TooLong if left < limits.element => VectorError::TotalTooLong,
                    StringCause::TooLong => VectorError::ElementTooLong,
                },
            )?;
            left -= string.len() + 1;
            strings.push(string);
            at = at.checked_add(8).ok_or_else(|| {
                VectorError::Fault(Fault::new(usermem_types::FaultKind::OutOfRange, at))
            })?;
        }
    }
}
