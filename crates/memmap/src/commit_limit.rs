//! How much memory may be committed.

use std::fmt;

use usermem_types::Errno;

/// A number of bytes that are committed by all who share it, and that must not exceed a limit.
pub trait CommitLimit: Send + Sync + fmt::Debug {
    /// Counts bytes that someone may commit.
    ///
    /// # Errors
    /// `ENOMEM` when the limit would be exceeded; nothing is counted then.
    fn commit(&self, bytes: u64) -> Result<(), Errno>;

    /// Counts bytes no more, which were counted before.
    fn uncommit(&self, bytes: u64);
}
