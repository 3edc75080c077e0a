//! In place of the kernel below us: scripts run on x86-64 only.

use std::io;

use crate::{Observation, Script};

/// The host's kernel.
#[derive(Debug)]
pub struct Host;

impl Host {
    /// Prepares to run scripts.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn new() -> io::Result<Self> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Returns how many bytes scripts may lock at first.
    #[must_use]
    pub fn memlock(&self) -> u64 {
        u64::MAX
    }

    /// Leaves nothing out.
    pub fn leave_out_what_it_lacks(&self, _: &mut Script) {}

    /// Runs a script.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn run(&mut self, _: &Script) -> io::Result<Vec<Observation>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
