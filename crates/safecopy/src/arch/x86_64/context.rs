//! The interrupted context, and what a fault reports: x86-64.
//!
//! The general registers lie in `uc_mcontext.gregs`, which the kernel writes before it calls the
//! handler and loads from when the handler returns (`sigaction(2)`, `rt_sigreturn(2)`). Changed
//! are RIP, RAX and RDX, no others.
#![expect(unsafe_code, reason = "reads and writes the kernel's signal frame")]

use crate::stop::Stop;

/// Whether the reported address of a fault is the first byte that could not be accessed.
pub(crate) const REPORTS_FIRST_BYTE: bool = true;

/// Returns whether the CPU can name `addr` at all; a fault on one that it cannot carries no
/// address.
pub(crate) fn is_canonical(addr: usize) -> bool {
    let addr = addr.cast_signed();
    (addr << 16) >> 16 == addr
}

/// Returns an address as a signal reports it.
pub(crate) fn untagged(addr: usize) -> usize {
    addr
}

/// Returns the program counter of an interrupted context.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
pub(crate) unsafe fn program_counter(context: *const libc::ucontext_t) -> usize {
    // SAFETY: the pointer is valid (1).
    let rip = unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] };
    rip as usize
}

/// Makes an interrupted context go on at `landing`, with `stop` where the assembly expects it.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
/// 2. `landing` belongs to the entry that holds the context's program counter.
pub(crate) unsafe fn resume_at(context: *mut libc::ucontext_t, landing: usize, stop: Stop) {
    // SAFETY: the pointer is valid (1), and nobody else uses the context meanwhile.
    let gregs = unsafe { &mut (*context).uc_mcontext.gregs };
    gregs[libc::REG_RIP as usize] = landing as i64;
    gregs[libc::REG_RAX as usize] = stop.info as i64;
    gregs[libc::REG_RDX as usize] = stop.addr as i64;
}
