//! What was installed before our handler, and how it gets the signals that are not ours.
//!
//! The rule is that nobody can tell that we came in between:
//!
//! | before us | fault of an instruction | signal that was sent |
//! |---|---|---|
//! | default | the process dies by the signal | the process dies by the signal |
//! | ignored | the process dies by the signal (the kernel ignores no fault) | ignored |
//! | a handler | called with the kernel's arguments | called with the kernel's arguments |
//!
//! Rust's own handler, which prints the message about a stack overflow, resets any other signal to
//! its default and returns, for the instruction to fault again. Called for a signal that was
//! *sent*, it would quietly take our handler away. The effect that it has without us is that one
//! signal is swallowed and the next one kills: that is what it has with us, see
//! [`Previous::deliver`].
#![expect(unsafe_code, reason = "calls signal handlers through their addresses")]

use std::cell::UnsafeCell;
use std::mem::MaybeUninit;
use std::sync::atomic::{AtomicU8, Ordering};

use libc::{SIGBUS, c_int, c_void, siginfo_t};

use crate::fault::SI_KERNEL;
use crate::handler;

static SEGV: Previous = Previous::new();
static BUS: Previous = Previous::new();

/// Returns what came before us for one of our two signals.
pub(crate) fn of(signal: c_int) -> &'static Previous {
    if signal == SIGBUS { &BUS } else { &SEGV }
}

/// Returns whether the kernel raised the signal for the instruction that it interrupted.
pub(crate) fn is_synchronous(signal: c_int, code: c_int) -> bool {
    /// Poison was found somewhere; no instruction of ours ran into it.
    const BUS_MCEERR_AO: c_int = 5;
    code > 0 && !(signal == SIGBUS && code == BUS_MCEERR_AO)
}

/// The action that was installed before ours.
pub(crate) struct Previous {
    /// Written by `init` alone, in states in which the handler does not read it.
    action: UnsafeCell<MaybeUninit<libc::sigaction>>,
    state: AtomicU8,
}

/// Nothing is known yet: as if the default had been installed.
const EMPTY: u8 = 0;
/// The action is there and is followed.
const KNOWN: u8 = 1;
/// The action is there, and has given way to the default.
const DEFAULTED: u8 = 2;

// SAFETY: the action is written under the lock of `init`, before the release store that makes it
// readable, and is not written while it is readable.
unsafe impl Sync for Previous {}

impl Previous {
    const fn new() -> Self {
        Self { action: UnsafeCell::new(MaybeUninit::uninit()), state: AtomicU8::new(EMPTY) }
    }

    /// Stores what came before. Only `init` does, one thread at a time.
    pub(crate) fn set(&self, action: &libc::sigaction) {
        self.state.store(EMPTY, Ordering::SeqCst);
        // SAFETY: there is one writer, and a handler reads only in the other states. The one that
        // began to read before the store above would have to be interrupted for all of this:
        // `init` gets here twice only when somebody else installs a handler at the same moment.
        unsafe { self.action.get().write(MaybeUninit::new(*action)) };
        self.state.store(KNOWN, Ordering::Release);
    }

    /// Gives a signal that is not ours to whoever had it before.
    ///
    /// # Safety
    /// 1. The arguments are those that the kernel gave to our handler.
    pub(crate) unsafe fn deliver(&self, signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        // SAFETY: the kernel's pointer (1).
        let code = unsafe { (*info).si_code };
        let synchronous = is_synchronous(signal, code);
        if self.state.load(Ordering::Acquire) != KNOWN {
            // SAFETY: 1. is ours.
            return unsafe { die(signal, info) };
        }
        // SAFETY: nobody writes the action in this state.
        let action = unsafe { &*self.action.get() };
        // SAFETY: the state says that it was written.
        let action = unsafe { action.assume_init_ref() };
        match action.sa_sigaction {
            libc::SIG_IGN if !synchronous => return,
            // SAFETY: 1. is ours.
            libc::SIG_DFL | libc::SIG_IGN => return unsafe { die(signal, info) },
            _ => {}
        }
        if action.sa_flags & libc::SA_RESETHAND != 0 {
            self.state.store(DEFAULTED, Ordering::Release);
        }
        // SAFETY: 1. is ours; 2. the address was installed as a handler of this form.
        unsafe { call(action, signal, info, context) };
        if synchronous {
            // If it gave the signal back to the default, the instruction faults again and ends
            // the process; that must not be prevented.
            return;
        }
        let now = handler::get_action(signal);
        if now.is_ok_and(|now| now.sa_sigaction == libc::SIG_DFL) {
            self.state.store(DEFAULTED, Ordering::Release);
            handler::rearm(signal, action);
        }
    }
}

/// Calls a handler the way the kernel would have.
///
/// # Safety
/// 1. The arguments are those that the kernel gave to our handler.
/// 2. The action names a handler of the form that its flags say.
unsafe fn call(
    action: &libc::sigaction,
    signal: c_int,
    info: *mut siginfo_t,
    context: *mut c_void,
) {
    let address = action.sa_sigaction as *const ();
    if action.sa_flags & libc::SA_SIGINFO != 0 {
        // SAFETY: the address is that of a function with three arguments (2).
        let handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(address) };
        handler(signal, info, context);
    } else {
        // SAFETY: the address is that of a function with one argument (2).
        let handler: extern "C" fn(c_int) = unsafe { std::mem::transmute(address) };
        handler(signal);
    }
}

/// Lets the process die by the signal: restores the default, for the instruction to fault again.
/// A signal that no instruction would repeat is queued once more for this thread, which gets it
/// when the handler returns, with what the kernel said about it.
///
/// # Safety
/// 1. The arguments are those that the kernel gave to our handler.
unsafe fn die(signal: c_int, info: *mut siginfo_t) {
    let default = libc::sigaction {
        sa_sigaction: libc::SIG_DFL,
        sa_mask: empty_mask(),
        sa_flags: 0,
        sa_restorer: None,
    };
    // An error leaves the signal as it is, and what follows brings us here again.
    let _ = handler::set_action(signal, &default);
    // SAFETY: the kernel's pointer (1).
    let code = unsafe { (*info).si_code };
    // The kernel also uses this code for what it finds wrong on its own way back to us.
    if is_synchronous(signal, code) && code != SI_KERNEL {
        return;
    }
    // SAFETY: takes no argument.
    let process = unsafe { libc::getpid() };
    // SAFETY: takes no argument.
    let thread = unsafe { libc::syscall(libc::SYS_gettid) };
    // SAFETY: `info` is the kernel's pointer (1), which the call only reads.
    unsafe { libc::syscall(libc::SYS_rt_tgsigqueueinfo, process, thread, signal, info) };
}

fn empty_mask() -> libc::sigset_t {
    let mut mask = MaybeUninit::uninit();
    // SAFETY: fills the mask.
    unsafe { libc::sigemptyset(mask.as_mut_ptr()) };
    // SAFETY: was filled; the call cannot fail on a valid pointer.
    unsafe { mask.assume_init() }
}
