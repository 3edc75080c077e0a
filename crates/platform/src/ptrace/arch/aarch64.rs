//! aarch64: registers, the stub's code, raw system calls.
//!
//! Compiled, so that it does not rot; refused at run time, because nothing here has been run on
//! such a machine (see [`SUPPORTED`]).
#![expect(unsafe_code, reason = "raw system calls and the jump into the stub")]

use std::arch::asm;

use super::Progress;
use crate::Registers;

/// Whether the back end works on this machine.
pub(in crate::ptrace) const SUPPORTED: bool = false;

/// The end of what a process can map on every kernel configuration with 48 bits.
pub(in crate::ptrace) const TASK_SIZE: u64 = 0x1_0000_0000_0000;

/// `AUDIT_ARCH_AARCH64`.
pub(in crate::ptrace) const AUDIT_ARCH_NATIVE: u32 = 0xc000_00b7;

/// The registers as `PTRACE_GETREGSET` gives them.
pub(in crate::ptrace) type UserRegs = libc::user_regs_struct;

/// There is no `PTRACE_POKEUSER` here.
pub(in crate::ptrace) const CALL_OFFSET: Option<usize> = None;

/// Whether the stub's code can go on as the application after a call.
pub(in crate::ptrace) const CAN_RETURN: bool = false;

/// There is no `PTRACE_POKEUSER` here.
pub(in crate::ptrace) const RESULT_OFFSET: Option<usize> = None;

/// The number of the register set with the vector and floating-point state: `NT_PRFPREG`.
pub(in crate::ptrace) const NT_EXTENDED: usize = 2;

/// The stub: `svc #0; 1: brk #0; b 1b`.
pub(in crate::ptrace) const STUB_CODE: &[u8] =
    &[0x01, 0x00, 0x00, 0xd4, 0x00, 0x00, 0x20, 0xd4, 0xff, 0xff, 0xff, 0x17];

/// The offset of the trap in [`STUB_CODE`].
pub(in crate::ptrace) const STUB_TRAP: u64 = 4;

/// The flags that a program may hold: N Z C V, DIT, TCO, SSBS, BTYPE.
const USER_FLAGS: u64 = 0xf300_1c00;

/// Returns the address that the program counter shows after the trap of a stub at `stub`.
pub(in crate::ptrace) fn trapped_at(stub: u64) -> u64 {
    stub + STUB_TRAP
}

/// There are no such requests on this machine, and no second mode that a program may be in.
pub(in crate::ptrace) const WHOLE_REGISTERS: Option<(usize, usize)> = None;

/// Returns the registers that make the stub at `stub` perform a system call.
pub(in crate::ptrace) fn call(stub: u64, nr: u64, args: [u64; 6]) -> UserRegs {
    let mut regs = [0; 31];
    regs[..6].copy_from_slice(&args);
    regs[8] = nr;
    UserRegs { regs, sp: 0, pc: stub, pstate: 0 }
}

/// Returns the result of the call that ended here.
pub(in crate::ptrace) fn result(regs: &UserRegs) -> u64 {
    regs.regs[0]
}

/// Sets the result of the call that ended here.
pub(in crate::ptrace) fn set_result(regs: &mut UserRegs, value: u64) {
    regs.regs[0] = value;
}

/// Returns the program counter.
pub(in crate::ptrace) fn pc(regs: &UserRegs) -> u64 {
    regs.pc
}

/// Sets the program counter.
pub(in crate::ptrace) fn set_pc(regs: &mut UserRegs, value: u64) {
    regs.pc = value;
}

/// Returns the stack pointer.
pub(in crate::ptrace) fn sp(regs: &UserRegs) -> u64 {
    regs.sp
}

/// There is no such code here.
pub(in crate::ptrace) fn returning_call(
    _stub: u64,
    _call: (u64, [u64; 6]),
    _expected: u64,
    _nonce: u64,
    application: &UserRegs,
) -> (UserRegs, [u64; 0]) {
    (*application, [])
}

/// There is no such code here.
pub(in crate::ptrace) fn can_return_to(_stub: u64, _application: &UserRegs) -> bool {
    false
}

/// There is no such code here.
pub(in crate::ptrace) fn progress(_stub: u64, _regs: &UserRegs, _nonce: u64) -> Progress {
    Progress::Elsewhere
}

/// There is no such code here.
pub(in crate::ptrace) fn expected(_regs: &UserRegs) -> u64 {
    0
}

/// There is no vsyscall page here.
pub(in crate::ptrace) fn fault_in_vsyscall(_regs: &mut UserRegs, called: u64) -> u64 {
    called
}

/// Makes registers such that the host accepts them whatever a program did.
pub(in crate::ptrace) fn sanitize(regs: &mut UserRegs) {
    regs.pstate &= USER_FLAGS;
}

/// Turns an extended state into that of a new program.
pub(in crate::ptrace) fn reset_extended(state: &mut [u8]) {
    state.fill(0);
}

/// Returns the registers in the platform's terms; the thread pointer is not among them.
pub(in crate::ptrace) fn to_registers(regs: &UserRegs) -> Registers {
    Registers {
        general: regs.regs,
        pc: regs.pc,
        sp: regs.sp,
        flags: regs.pstate,
        tls: 0,
        gs_base: 0,
    }
}

/// Replaces what the platform's terms name, and keeps the rest.
pub(in crate::ptrace) fn from_registers(regs: &mut UserRegs, from: &Registers) {
    *regs = UserRegs { regs: from.general, sp: from.sp, pc: from.pc, pstate: from.flags };
    sanitize(regs);
}

/// Performs a system call without libc: no `errno`, no cancellation point.
///
/// # Safety
/// 1. The call with these arguments keeps the memory of this process valid.
#[inline(always)]
pub(in crate::ptrace) unsafe fn syscall(nr: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: 1. upheld by the caller; `svc` changes x0 and nothing else of ours.
    unsafe {
        asm!(
            "svc #0",
            in("x8") nr,
            inlateout("x0") args[0] as isize => result,
            in("x1") args[1],
            in("x2") args[2],
            in("x3") args[3],
            in("x4") args[4],
            in("x5") args[5],
            options(nostack),
        );
    }
    result
}

/// Jumps to an address and leaves everything behind.
///
/// # Safety
/// 1. The code there needs nothing of this process's state and never returns.
pub(in crate::ptrace) unsafe fn go(to: usize) -> ! {
    // SAFETY: 1. upheld by the caller.
    unsafe { asm!("br {}", in(reg) to, options(noreturn)) }
}
