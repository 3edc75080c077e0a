//! How whoever had a signal before us gets the ones that are not ours.
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
//! signal is swallowed and the next one kills: that is what it has with us, see [`deliver`]. What
//! remains is that a fault of another thread, in the moment between its reset and our repair,
//! kills at the first.
#![expect(unsafe_code, reason = "passes on the kernel's pointers")]

use libc::{SIGBUS, c_int, c_void, siginfo_t};

use crate::action::Action;
use crate::claim::Claim;
use crate::fault::SI_KERNEL;
use crate::handler::Kernel;

#[cfg(not(loom))]
static SEGV: Claim<Action> = Claim::new();
#[cfg(not(loom))]
static BUS: Claim<Action> = Claim::new();

// The models make claims of their own; these are here for the rest of the crate to compile.
#[cfg(loom)]
loom::lazy_static! {
    static ref SEGV: Claim<Action> = Claim::new();
    static ref BUS: Claim<Action> = Claim::new();
}

/// Returns our claim to one of our two signals.
pub(crate) fn of(signal: c_int) -> &'static Claim<Action> {
    if signal == SIGBUS { &BUS } else { &SEGV }
}

/// Returns whether the kernel raised the signal for the instruction that it interrupted.
pub(crate) fn is_synchronous(signal: c_int, code: c_int) -> bool {
    /// Poison was found somewhere; no instruction of ours ran into it.
    const BUS_MCEERR_AO: c_int = 5;
    code > 0 && !(signal == SIGBUS && code == BUS_MCEERR_AO)
}

/// Gives a signal that is not ours to whoever had it before.
///
/// # Safety
/// 1. The arguments are those that the kernel gave to our handler.
pub(crate) unsafe fn deliver(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's pointer (1).
    let code = unsafe { (*info).si_code };
    let synchronous = is_synchronous(signal, code);
    let claim = of(signal);
    let action = match claim.heir(Action::is_one_shot) {
        Some(action) if action.calls_a_handler() => action,
        Some(action) if action.is_ignore() && !synchronous => return,
        // SAFETY: 1. is ours.
        _ => return unsafe { die(signal, info) },
    };
    // SAFETY: 1. is ours; 2. it calls a handler, and was installed as what it says.
    unsafe { action.call(signal, info, context) };
    if synchronous {
        // If it gave the signal back to the default, the instruction faults again and ends the
        // process; that must not be prevented.
        return;
    }
    // Nothing can be done about an error here; `status` tells.
    let _ = claim.restore(&Kernel { signal }, action);
}

/// Lets the process die by the signal: restores the default, for the instruction to fault again.
/// A signal that no instruction would repeat is queued once more for this thread, which gets it
/// when the handler returns, with what the kernel said about it.
///
/// # Safety
/// 1. The arguments are those that the kernel gave to our handler.
unsafe fn die(signal: c_int, info: *mut siginfo_t) {
    // An error leaves the signal as it is, and what follows brings us here again.
    let _ = Action::default().install(signal);
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
