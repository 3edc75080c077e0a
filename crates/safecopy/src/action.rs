//! What a process does on a signal, as the host takes it.
#![expect(unsafe_code, reason = "asks the host, and calls handlers through their addresses")]

use std::io;
use std::mem::MaybeUninit;

use libc::{c_int, c_void, siginfo_t};

/// A handler that is given the interrupted context.
pub(crate) type Handler = unsafe extern "C" fn(c_int, *mut siginfo_t, *mut c_void);

/// What a process does on a signal: a whole action, which the host may be given.
pub(crate) struct Action(libc::sigaction);

impl Action {
    /// Returns what is installed.
    pub(crate) fn of(signal: c_int) -> io::Result<Self> {
        let mut action = MaybeUninit::uninit();
        // SAFETY: only writes to `action`.
        let result = unsafe { libc::sigaction(signal, std::ptr::null(), action.as_mut_ptr()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded and filled it.
        Ok(Self(unsafe { action.assume_init() }))
    }

    /// Returns what ends the process.
    pub(crate) fn default() -> Self {
        Self(libc::sigaction {
            sa_sigaction: libc::SIG_DFL,
            sa_mask: empty_mask(),
            sa_flags: 0,
            sa_restorer: None,
        })
    }

    /// Returns an action that calls `handler`, and otherwise differs from this one as little as
    /// can be.
    pub(crate) fn with_handler(&self, handler: Handler) -> Self {
        let mut action = self.0;
        action.sa_sigaction = address_of(handler);
        // SA_SIGINFO: the handler needs the context. SA_ONSTACK: the fault that is not ours may be
        // a stack overflow, which no handler survives on the stack that overflowed.
        action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        if self.calls_a_handler() {
            // The mask stays that of the handler before us, which must find it in force, and so do
            // the two flags whose effect it can see.
            action.sa_flags |= self.0.sa_flags & (libc::SA_RESTART | libc::SA_NODEFER);
        } else {
            // An ignored signal interrupts no system call, nor shall it now.
            action.sa_flags |= libc::SA_RESTART;
            action.sa_mask = empty_mask();
        }
        Self(action)
    }

    /// Installs it, and returns what was installed before.
    pub(crate) fn install(&self, signal: c_int) -> io::Result<Self> {
        let mut old = MaybeUninit::uninit();
        // SAFETY: it is a whole action.
        let result = unsafe { libc::sigaction(signal, &raw const self.0, old.as_mut_ptr()) };
        if result != 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call succeeded and filled it.
        Ok(Self(unsafe { old.assume_init() }))
    }

    pub(crate) fn is_default(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_DFL
    }

    pub(crate) fn is_ignore(&self) -> bool {
        self.0.sa_sigaction == libc::SIG_IGN
    }

    pub(crate) fn calls_a_handler(&self) -> bool {
        !self.is_default() && !self.is_ignore()
    }

    /// Returns whether it calls this handler.
    pub(crate) fn calls(&self, handler: Handler) -> bool {
        self.0.sa_sigaction == address_of(handler)
    }

    /// Returns whether the host gives the signal back to the default before it calls the handler.
    pub(crate) fn is_one_shot(&self) -> bool {
        self.calls_a_handler() && self.0.sa_flags & libc::SA_RESETHAND != 0
    }

    /// Returns whether a signal is delivered to the same handler, in the same way.
    pub(crate) fn is_same(&self, other: &Self) -> bool {
        self.0.sa_sigaction == other.0.sa_sigaction && self.0.sa_flags == other.0.sa_flags
    }

    /// Calls the handler the way the kernel would have.
    ///
    /// # Safety
    /// 1. The arguments are those that the kernel gave to our handler.
    /// 2. The action calls a handler, of the form that its flags say.
    pub(crate) unsafe fn call(&self, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        let address = self.0.sa_sigaction as *const ();
        if self.0.sa_flags & libc::SA_SIGINFO != 0 {
            // SAFETY: the address is that of a function with three arguments (2).
            let handler: Handler = unsafe { std::mem::transmute(address) };
            // SAFETY: the arguments are the kernel's (1).
            unsafe { handler(signal, info, context) };
        } else {
            // SAFETY: the address is that of a function with one argument (2).
            let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(address) };
            handler(signal);
        }
    }
}

/// Returns a handler as the host's structure takes it.
#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
fn address_of(handler: Handler) -> usize {
    handler as *const () as usize
}

fn empty_mask() -> libc::sigset_t {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: fills the mask.
    unsafe { libc::sigemptyset(mask.as_mut_ptr()) };
    // SAFETY: was filled; the call cannot fail on a valid pointer.
    unsafe { mask.assume_init() }
}
