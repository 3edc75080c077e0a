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

    /// Runs a script.
    ///
    /// # Errors
    /// `Unsupported`, always.
    pub fn run(&mut self, _: &Script) -> io::Result<Vec<Observation>> {
        Err(io::ErrorKind::Unsupported.into())
    }
}
