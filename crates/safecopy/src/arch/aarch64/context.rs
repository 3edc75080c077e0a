//! The interrupted context, and what a fault reports: aarch64.
//!
//! The general registers and the program counter lie in `uc_mcontext`, which the kernel writes
//! before it calls the handler and loads from when the handler returns (`sigaction(2)`,
//! `rt_sigreturn(2)`). Changed are PC, X0 and X1, no others.
#![expect(unsafe_code, reason = "reads and writes the kernel's signal frame")]

use crate::stop::Stop;

/// Whether the reported address of a fault is the first byte that could not be accessed. Here it
/// is any byte of the access.
pub(crate) const REPORTS_FIRST_BYTE: bool = false;

/// Returns whether the CPU can name `addr` at all, with the usual 48 bits. The kernel reports even
/// an address that it cannot; an emulator may not.
pub(crate) fn is_canonical(addr: usize) -> bool {
    let addr = addr.cast_signed();
    (addr << 16) >> 16 == addr
}

/// Returns an address without the byte that the CPU ignores, as a signal reports it.
pub(crate) fn untagged(addr: usize) -> usize {
    ((addr << 8).cast_signed() >> 8).cast_unsigned()
}

/// Returns the program counter of an interrupted context.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
pub(crate) unsafe fn program_counter(context: *const libc::ucontext_t) -> usize {
    // SAFETY: the pointer is valid (1).
    let pc = unsafe { (*context).uc_mcontext.pc };
    pc as usize
}

/// Makes an interrupted context go on at `landing`, with `stop` where the assembly expects it.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
/// 2. `landing` belongs to the entry that holds the context's program counter.
pub(crate) unsafe fn resume_at(context: *mut libc::ucontext_t, landing: usize, stop: Stop) {
    // SAFETY: the pointer is valid (1), and nobody else uses the context meanwhile.
    let machine = unsafe { &mut (*context).uc_mcontext };
    machine.pc = landing as u64;
    machine.regs[0] = stop.info;
    machine.regs[1] = stop.addr;
}
