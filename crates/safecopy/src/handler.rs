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
//! The part that decides and recovers takes no lock, allocates nothing, makes no system call,
//! cannot panic and touches no thread-local variable (it may run with another program's FS base):
//! it reads the context, the recovery table, and an atomic.
#![expect(unsafe_code, reason = "is a signal handler")]

use std::io;

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};

use crate::action::Action;
use crate::claim::Host;
use crate::fault::Cause;
use crate::stop::Stop;
use crate::{arch, previous, recovery};

/// The signals that an access may raise.
pub(crate) const SIGNALS: [c_int; 2] = [SIGSEGV, SIGBUS];

/// The host, as far as it concerns one signal.
pub(crate) struct Kernel {
    pub(crate) signal: c_int,
}

impl Host for Kernel {
    type Action = Action;
    type Error = io::Error;

    fn installed(&self) -> io::Result<Action> {
        Action::of(self.signal)
    }

    fn install_over(&self, old: &Action) -> io::Result<Action> {
        old.with_handler(handle).install(self.signal)
    }

    fn is_ours(&self, action: &Action) -> bool {
        action.calls(handle)
    }

    fn is_default(&self, action: &Action) -> bool {
        action.is_default()
    }

    fn is_same(&self, a: &Action, b: &Action) -> bool {
        a.is_same(b)
    }
}

/// The handler.
///
/// # Safety
/// 1. The kernel calls it, with SA_SIGINFO, or a handler that passes on the kernel's arguments.
unsafe extern "C" fn handle(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    // SAFETY: the kernel's pointer (1).
    let code = unsafe { (*info).si_code };
    if previous::is_synchronous(signal, code) {
        let context = context.cast::<libc::ucontext_t>();
        // SAFETY: 1. the context is the one that the kernel made (1).
        let pc = unsafe { arch::program_counter(context) };
        if let Some(landing) = recovery::landing_of(pc) {
            // SAFETY: the kernel's pointer (1), to something that nobody writes.
            let info = unsafe { &*info };
            // SAFETY: synchronous SIGSEGV and SIGBUS carry an address.
            let addr = unsafe { info.si_addr() };
            let stop = Stop { info: Cause::new(signal, code).to_info(), addr: addr as u64 };
            // SAFETY: 1. as above; 2. the landing was looked up for this program counter.
            unsafe { arch::resume_at(context, landing, stop) };
            return;
        }
    }
    // SAFETY: 1. the arguments are those that the kernel gave us.
    unsafe { previous::deliver(signal, info, context) };
}
