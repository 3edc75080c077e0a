//! What may be committed, and what is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use memmap::CommitLimit;
use usermem_types::Errno;

use crate::MemoryFile;

/// A number of bytes that must not exceed a limit.
#[derive(Debug)]
pub(crate) struct Account {
    limit: u64,
    charged: AtomicU64,
    peak: AtomicU64,
}

impl Account {
    pub(crate) fn new(limit: Option<u64>) -> Self {
        Self {
            limit: limit.unwrap_or(u64::MAX),
            charged: AtomicU64::new(0),
            peak: AtomicU64::new(0),
        }
    }

    pub(crate) fn limit(&self) -> Option<u64> {
        (self.limit != u64::MAX).then_some(self.limit)
    }

    pub(crate) fn charged(&self) -> u64 {
        self.charged.load(Ordering::Relaxed)
    }

    pub(crate) fn peak(&self) -> u64 {
        self.peak.load(Ordering::Relaxed)
    }

    pub(crate) fn charge(&self, bytes: u64) -> Result<(), Errno> {
        let within_limit =
            |charged: u64| charged.checked_add(bytes).filter(|sum| *sum <= self.limit);
        let before = self
            .charged
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, within_limit)
            .map_err(|_| Errno::ENOMEM)?;
        // Usually there was more before, which is found out without a locked instruction.
        if before + bytes > self.peak.load(Ordering::Relaxed) {
            self.peak.fetch_max(before + bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    pub(crate) fn uncharge(&self, bytes: u64) {
        let before = self.charged.fetch_sub(bytes, Ordering::Relaxed);
        assert!(bytes <= before, "our own invariant: what is returned was charged");
    }
}

/// Bytes that someone may commit, counted against the limit of a [`MemoryFile`] until dropped.
#[derive(Debug)]
pub struct Charge {
    memory: Arc<MemoryFile>,
    bytes: u64,
}

impl Charge {
    /// Charges nothing yet.
    #[must_use]
    pub fn new(memory: Arc<MemoryFile>) -> Self {
        Self { memory, bytes: 0 }
    }

    /// Returns how many bytes are charged here.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Charges more bytes.
    ///
    /// # Errors
    /// `ENOMEM` when the limit of the memory file would be exceeded; nothing is charged then.
    #[inline]
    pub fn grow(&mut self, bytes: u64) -> Result<(), Errno> {
        // Most changes need nothing, and what all programs count is not for them to touch.
        if bytes == 0 {
            return Ok(());
        }
        self.memory.account().charge(bytes)?;
        self.bytes += bytes;
        Ok(())
    }

    /// Returns some of the bytes.
    ///
    /// # Panics
    /// When fewer are charged here.
    #[inline]
    pub fn shrink(&mut self, bytes: u64) {
        if bytes == 0 {
            return;
        }
        assert!(bytes <= self.bytes, "our own invariant: what is returned was charged");
        self.bytes -= bytes;
        self.memory.account().uncharge(bytes);
    }
}

impl CommitLimit for MemoryFile {
    fn commit(&self, bytes: u64) -> Result<(), Errno> {
        self.account().charge(bytes)
    }

    fn uncommit(&self, bytes: u64) {
        self.account().uncharge(bytes);
    }
}

impl Drop for Charge {
    fn drop(&mut self) {
        self.memory.account().uncharge(self.bytes);
    }
}
