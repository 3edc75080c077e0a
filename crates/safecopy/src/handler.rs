//! The signal handler that turns faults of our accesses into errors.
//!
//! # What is ours
//!
//! A SIGSEGV or SIGBUS that the kernel raised for an instruction of the recovery table. Anything
//! else, a signal that somebody sent in the middle of a copy included, goes where it would have
//! gone without us, see the `previous` module.
//!
//! # What runs in it
//!
//! The part that decides and recovers takes no lock, allocates nothing, cannot panic and touches
//! no thread-local variable (it may run with another program's FS base): it reads the context,
//! the recovery table, and three atomics.
#![expect(unsafe_code, reason = "installs a signal handler")]

use std::fmt;
use std::io;
use std::mem::MaybeUninit;
use std::sync::{Mutex, PoisonError};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};

use crate::fault::Cause;
use crate::previous::{self, Previous};
use crate::stop::Stop;
use crate::{arch, back_end, recovery};

/// Why faults cannot be recovered from.
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// [`init`] has not succeeded yet: a fault ends the process.
    NotInstalled,
    /// Both handlers are in place.
    Installed,
    /// Somebody replaced a handler of ours. Faults come back as errors only if the newcomer passes
    /// on what is not its own.
    Replaced {
        /// The first signal that was taken from us.
        signal: i32,
    },
}

/// Serialises [`init`]; holds whether it has succeeded.
static INIT: Mutex<bool> = Mutex::new(false);

/// Makes faults of this crate's accesses come back as errors, in every thread.
///
/// Installs handlers for SIGSEGV and SIGBUS; what was installed before still gets every signal
/// that is not ours. Calling it again changes nothing. A library calls it where it first makes
/// foreign blocks; without it copies work, and a fault ends the process as any bad access would.
///
/// No thread that uses foreign blocks may block the two signals: the host ends a process that
/// faults while it does.
///
/// # Errors
/// When the host refuses, or when somebody has replaced a handler that was installed before. The
/// latter is not put right: the newcomer may pass signals on to ours, and two handlers that pass
/// on to each other never end.
pub fn init() -> Result<(), InitError> {
    let mut installed = INIT.lock().unwrap_or_else(PoisonError::into_inner);
    if *installed {
        return match query()? {
            Some(signal) => Err(InitError::Replaced { signal }),
            None => Ok(()),
        };
    }
    back_end::detect();
    recovery::seal();
    for signal in [SIGSEGV, SIGBUS] {
        install(signal)?;
    }
    *installed = true;
    Ok(())
}

/// Returns whether faults come back as errors.
///
/// # Errors
/// When the host does not say.
pub fn status() -> Result<Status, InitError> {
    let installed = INIT.lock().unwrap_or_else(PoisonError::into_inner);
    if !*installed {
        return Ok(Status::NotInstalled);
    }
    Ok(match query()? {
        Some(signal) => Status::Replaced { signal },
        None => Status::Installed,
    })
}

/// Returns the first signal whose handler is not ours.
fn query() -> Result<Option<i32>, InitError> {
    for signal in [SIGSEGV, SIGBUS] {
        let action = get_action(signal).map_err(|source| InitError::Host { signal, source })?;
        if !is_ours(&action) {
            return Ok(Some(signal));
        }
    }
    Ok(None)
}

/// Installs the handler for one signal, unless a first attempt that failed later did so.
fn install(signal: c_int) -> Result<(), InitError> {
    let host = |source| InitError::Host { signal, source };
    let old = get_action(signal).map_err(host)?;
    if is_ours(&old) {
        return Ok(());
    }
    // Published before the handler can run, so that it always knows whom to pass signals on to.
    let slot = previous::of(signal);
    slot.set(&old);
    let replaced = set_action(signal, &ours_over(&old)).map_err(host)?;
    if replaced.sa_sigaction != old.sa_sigaction {
        // Somebody installed a handler between our two calls.
        slot.set(&replaced);
    }
    Ok(())
}

/// Returns our action, in place of `old`.
fn ours_over(old: &libc::sigaction) -> libc::sigaction {
    let mut action = *old;
    action.sa_sigaction = our_address();
    // SA_SIGINFO: we need the context. SA_ONSTACK: the fault that is not ours may be a stack
    // overflow, which no handler survives on the stack that overflowed.
    action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    if matches!(old.sa_sigaction, libc::SIG_DFL | libc::SIG_IGN) {
        // An ignored signal interrupts no system call, nor shall it now.
        action.sa_flags |= libc::SA_RESTART;
        // SAFETY: the mask is ours to write.
        unsafe { libc::sigemptyset(&raw mut action.sa_mask) };
    } else {
        // The mask stays that of the previous handler, which must find it in force, and so do the
        // two flags whose effect it can see.
        action.sa_flags |= old.sa_flags & (libc::SA_RESTART | libc::SA_NODEFER);
    }
    action
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction == our_address()
}

/// Returns the handler as the host takes it.
#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
fn our_address() -> usize {
    handle as *const () as usize
}

/// Returns what is installed for a signal.
pub(crate) fn get_action(signal: c_int) -> io::Result<libc::sigaction> {
    let mut action = MaybeUninit::uninit();
    // SAFETY: only writes to `action`.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled it.
    Ok(unsafe { action.assume_init() })
}

/// Installs an action and returns the one before.
pub(crate) fn set_action(signal: c_int, action: &libc::sigaction) -> io::Result<libc::sigaction> {
    let mut old = MaybeUninit::uninit();
    // SAFETY: `action` is a whole action: ours, which keeps the rules of a handler, or one that
    // the host gave us.
    let result = unsafe { libc::sigaction(signal, action, old.as_mut_ptr()) };
    if result != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded and filled it.
    Ok(unsafe { old.assume_init() })
}

/// The handler.
unsafe extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel gave us the pointer, because of SA_SIGINFO.
    let code = unsafe { (*info).si_code };
    if previous::is_synchronous(signal, code) {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: 1. the context is the one that the kernel gave us.
        let pc = unsafe { arch::program_counter(context) };
        if let Some(landing) = recovery::landing_of(pc) {
            // SAFETY: the kernel's pointer, to something that nobody writes.
            let info = unsafe { &*info };
            // SAFETY: synchronous SIGSEGV and SIGBUS carry an address.
            let addr = unsafe { info.si_addr() };
            let stop = Stop { info: Cause::new(signal, code).to_info(), addr: addr as u64 };
            // SAFETY: 1. as above; 2. the landing was looked up for this program counter.
            unsafe { arch::resume_at(context, landing, stop) };
            return;
        }
    }
    let slot: &Previous = previous::of(signal);
    // SAFETY: 1. the arguments are those that the kernel gave us.
    unsafe { slot.deliver(signal, info, context) };
}

/// Puts our action back, after a previous handler reset the signal to its default.
pub(crate) fn rearm(signal: c_int, old: &libc::sigaction) {
    // Nothing can be done about an error here; `status` tells.
    let _ = set_action(signal, &ours_over(old));
}
