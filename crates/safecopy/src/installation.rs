//! Whether faults come back as errors.
#![expect(unsafe_code, reason = "asks the host which signals a thread blocks")]

use std::fmt;
use std::io;
use std::mem::MaybeUninit;

use libc::c_int;

use crate::handler::{Kernel, SIGNALS};
use crate::{back_end, previous, recovery};

/// Why faults cannot be recovered from.
///
/// ```
/// use safecopy::{InitError, Status};
///
/// // A library goes on where a handler was replaced by one that passes signals on to ours.
/// match safecopy::init() {
///     Ok(()) => assert_eq!(safecopy::status()?, Status::Installed),
///     Err(InitError::Replaced { signal }) => eprintln!("signal {signal} is another's now"),
///     Err(error @ InitError::Host { .. }) => return Err(error),
/// }
/// # Ok::<(), InitError>(())
/// ```
#[derive(Debug)]
pub enum InitError {
    /// The host refused to install the handler.
    Host {
        /// The signal that it was for.
        signal: i32,
        /// What the host said.
        source: io::Error,
    },
    /// The handler was installed before, and somebody has replaced it since.
    Replaced {
        /// The signal that it was for.
        signal: i32,
    },
}

impl fmt::Display for InitError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Host { signal, source } => {
                write!(f, "cannot install a handler for signal {signal}: {source}")
            }
            Self::Replaced { signal } => {
                write!(f, "our handler for signal {signal} was replaced by another")
            }
        }
    }
}

impl std::error::Error for InitError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Host { source, .. } => Some(source),
            Self::Replaced { .. } => None,
        }
    }
}

/// Whether faults come back as errors.
///
/// ```
/// safecopy::init()?;
/// assert_eq!(safecopy::status()?, safecopy::Status::Installed);
/// # Ok::<(), safecopy::InitError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// [`init`] has not succeeded yet: a fault ends the process.
    NotInstalled,
    /// Both handlers are in place, and this thread lets their signals through.
    Installed,
    /// Somebody replaced a handler of ours. Faults come back as errors only if the newcomer passes
    /// on what is not its own.
    Replaced {
        /// The first signal that was taken from us.
        signal: i32,
    },
    /// This thread blocks a signal: a fault of this thread ends the process. Other threads are not
    /// affected.
    Blocked {
        /// The first signal that is blocked.
        signal: i32,
    },
}

/// Makes faults of this crate's accesses come back as errors, in every thread.
///
/// Installs handlers for SIGSEGV and SIGBUS; what was installed before still gets every signal
/// that is not ours. Calling it again changes nothing. A library calls it where it first makes
/// foreign blocks; without it copies work, and a fault ends the process as any bad access would.
///
/// # What a thread owes
///
/// * It blocks neither of the two signals while it uses foreign blocks: the host ends a process
///   that faults while it does, see [`Status::Blocked`].
/// * Its stack, or its alternate signal stack where it has one (threads of Rust's standard library
///   do), has room for the host's signal frame, see `AT_MINSIGSTKSZ` in getauxval(3), and for
///   2 KiB of ours.
///
/// # Errors
/// When the host refuses, or when somebody has replaced a handler that was installed before. The
/// latter is not put right: the newcomer may pass signals on to ours, and two handlers that pass
/// on to each other never end.
pub fn init() -> Result<(), InitError> {
    if !is_made() {
        back_end::detect();
        recovery::seal();
    }
    for signal in SIGNALS {
        let holds = previous::of(signal).make(&Kernel { signal });
        if !holds.map_err(|source| InitError::Host { signal, source })? {
            return Err(InitError::Replaced { signal });
        }
    }
    Ok(())
}

/// Returns whether faults of this thread come back as errors.
///
/// # Errors
/// When the host does not say.
pub fn status() -> Result<Status, InitError> {
    if !is_made() {
        return Ok(Status::NotInstalled);
    }
    for signal in SIGNALS {
        let host = |source| InitError::Host { signal, source };
        if !previous::of(signal).holds(&Kernel { signal }).map_err(host)? {
            return Ok(Status::Replaced { signal });
        }
    }
    for signal in SIGNALS {
        if is_blocked(signal).map_err(|source| InitError::Host { signal, source })? {
            return Ok(Status::Blocked { signal });
        }
    }
    Ok(Status::Installed)
}

/// Returns whether [`init`] has succeeded.
fn is_made() -> bool {
    SIGNALS.into_iter().all(|signal| previous::of(signal).is_made())
}

/// Returns whether this thread blocks a signal.
fn is_blocked(signal: c_int) -> io::Result<bool> {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: without a new mask the call only stores the one in force.
    let error =
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, std::ptr::null(), mask.as_mut_ptr()) };
    if error != 0 {
        return Err(io::Error::from_raw_os_error(error));
    }
    // SAFETY: the call succeeded and filled it.
    let mask = unsafe { mask.assume_init() };
    // SAFETY: only reads the mask.
    Ok(unsafe { libc::sigismember(&raw const mask, signal) } == 1)
}
