//! Our own failures: one line on stderr, and an exit status that says whose fault it was.

use std::fmt;
use std::io::Write;
use std::process::ExitCode;

/// Exit status of a failure of ours.
pub(crate) const OURS: u8 = 125;
/// Exit status when the program was found and cannot be executed.
const NOT_EXECUTABLE: u8 = 126;
/// Exit status when the program was not found.
const NOT_FOUND: u8 = 127;

/// Why there is no program to take an exit status from.
#[derive(Debug)]
pub(crate) struct Failure {
    status: u8,
    message: String,
}

impl Failure {
    /// A failure of ours or of the host.
    pub(crate) fn ours(message: impl fmt::Display) -> Self {
        Self { status: OURS, message: message.to_string() }
    }

    /// The program cannot be executed.
    pub(crate) fn not_executable(message: impl fmt::Display) -> Self {
        Self { status: NOT_EXECUTABLE, message: message.to_string() }
    }

    /// The program was not found.
    pub(crate) fn not_found(message: impl fmt::Display) -> Self {
        Self { status: NOT_FOUND, message: message.to_string() }
    }

    /// Prints the failure and returns the exit status.
    pub(crate) fn report(self) -> ExitCode {
        // The program may have left stderr in a state that takes nothing.
        let _ = writeln!(std::io::stderr(), "usermem: {}", self.message);
        ExitCode::from(self.status)
    }
}
