//! Why a program could not be started.

use std::fmt;

use usermem_types::Errno;

/// Why a program could not be started: what file, what was wrong, and the error number that
/// `execve(2)` gives for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadError {
    path: Vec<u8>,
    why: String,
    errno: Errno,
}

impl LoadError {
    pub(crate) fn new(path: &[u8], errno: Errno, why: impl Into<String>) -> Self {
        Self { path: path.to_vec(), why: why.into(), errno }
    }

    /// Returns the file that is at fault.
    #[must_use]
    pub fn path(&self) -> &[u8] {
        &self.path
    }

    /// Returns the error number of `execve(2)`.
    #[must_use]
    pub fn errno(&self) -> Errno {
        self.errno
    }
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {} ({})", self.path.escape_ascii(), self.why, self.errno)
    }
}

impl std::error::Error for LoadError {}
