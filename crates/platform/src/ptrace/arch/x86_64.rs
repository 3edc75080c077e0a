//! x86-64: registers, the stub's code, raw system calls.
#![expect(unsafe_code, reason = "raw system calls and the jump into the stub")]

use std::arch::asm;

use super::Progress;
use crate::Registers;

/// Whether the back end works on this machine.
pub(in crate::ptrace) const SUPPORTED: bool = true;

/// The end of what a process can map without asking for more than 47 bits.
pub(in crate::ptrace) const TASK_SIZE: u64 = 0x7fff_ffff_f000;

/// `AUDIT_ARCH_X86_64`; another value means a call through `int 0x80`.
pub(in crate::ptrace) const AUDIT_ARCH_NATIVE: u32 = 0xc000_003e;

/// The registers as `PTRACE_GETREGSET` gives them.
pub(in crate::ptrace) type UserRegs = libc::user_regs_struct;

/// Where `PTRACE_POKEUSER` finds the result register.
pub(in crate::ptrace) const RESULT_OFFSET: Option<usize> =
    Some(std::mem::offset_of!(UserRegs, rax));

/// Where `PTRACE_POKEUSER` finds the number of the call that is about to be performed.
pub(in crate::ptrace) const CALL_OFFSET: Option<usize> =
    Some(std::mem::offset_of!(UserRegs, orig_rax));

/// Whether the stub's code can go on as the application after a call.
pub(in crate::ptrace) const CAN_RETURN: bool = true;

/// The number of the register set with the vector and floating-point state: `NT_X86_XSTATE`.
pub(in crate::ptrace) const NT_EXTENDED: usize = 0x202;

/// The stub: two pieces of code.
///
/// `syscall; 1: int3; jmp 1b`: an injected call starts at the first instruction and stops at the
/// second; nothing ever runs past it.
///
/// At [`RETURNING`], a call that goes on as the application: `syscall; lea rcx, [rax + rbp]; jrcxz 2f;
/// 1: int3; jmp 1b`, where RBP is the negated result that is wanted; and from 2 on, loads of the
/// registers that are in use here, from the page behind this one, and a jump to where the application
/// is. RBX, whose number no application knows, comes last. No flag changes, and a call leaves all
/// registers alone but RAX, RCX and R11.
pub(in crate::ptrace) const STUB_CODE: &[u8] = &stub_code();

/// Where the second piece begins.
const RETURNING: u64 = 8;
/// What follows its call.
const CALLED: u64 = RETURNING + 2;
const LOOKED: u64 = CALLED + 4;
const WRONG: u64 = LOOKED + 2;
const WRONG_END: u64 = WRONG + 1;
const RIGHT: u64 = WRONG + 3;
/// The length of a load.
const LOAD: u64 = 7;
/// The jump, after all loads.
const LEAVE: u64 = RIGHT + LOADS.len() as u64 * LOAD;

/// REX prefix and register bits of the loads, in their order: RAX, RCX, RSI, RDI, RBP, R8 to R11, RDX,
/// RBX.
const LOADS: [(u8, u8); 11] = [
    (0x48, 0x05),
    (0x48, 0x0d),
    (0x48, 0x35),
    (0x48, 0x3d),
    (0x48, 0x2d),
    (0x4c, 0x05),
    (0x4c, 0x0d),
    (0x4c, 0x15),
    (0x4c, 0x1d),
    (0x48, 0x15),
    (0x48, 0x1d),
];

/// What the page behind the stub holds: what the loads load, then where the application is.
const WORDS: usize = LOADS.len() + 1;

const fn stub_code() -> [u8; LEAVE as usize + 6] {
    const PAGE: usize = 4096;
    const INT3: u8 = 0xcc;
    let mut code = [INT3; LEAVE as usize + 6];
    let start = [0x0f, 0x05, INT3, 0xeb, 0xfd];
    let returning = [0x0f, 0x05, 0x48, 0x8d, 0x0c, 0x28, 0xe3, 0x03, INT3, 0xeb, 0xfd];
    let (first, rest) = code.split_at_mut(RETURNING as usize);
    first.split_at_mut(start.len()).0.copy_from_slice(&start);
    rest.split_at_mut(returning.len()).0.copy_from_slice(&returning);
    let mut at = RIGHT as usize;
    let mut word = 0;
    while word < WORDS {
        // Relative to the end of the instruction.
        let (opcode, end): (&[u8], usize) = if word < LOADS.len() {
            let (rex, register) = LOADS[word];
            (&[rex, 0x8b, register], at + LOAD as usize)
        } else {
            (&[0xff, 0x25], at + 6)
        };
        let distance = ((PAGE + 8 * word - end) as u32).to_le_bytes();
        let (_, instruction) = code.split_at_mut(at);
        let (to, rest) = instruction.split_at_mut(opcode.len());
        to.copy_from_slice(opcode);
        rest.split_at_mut(4).0.copy_from_slice(&distance);
        at = end;
        word += 1;
    }
    code
}

/// The requests that read and write all registers in this machine's own layout whatever mode the
/// application is in; `PTRACE_GETREGSET` follows the application's mode.
pub(in crate::ptrace) const WHOLE_REGISTERS: Option<(usize, usize)> =
    Some((libc::PTRACE_GETREGS as usize, libc::PTRACE_SETREGS as usize));

/// The offset of the trap in [`STUB_CODE`].
pub(in crate::ptrace) const STUB_TRAP: u64 = 2;

const USER_CS: u64 = 0x33;
const USER32_CS: u64 = 0x23;
const USER_DS: u64 = 0x2b;

/// The flags that a program may hold: CF PF AF ZF SF TF DF OF RF AC and ID.
const USER_FLAGS: u64 = 0x25_0dd5;
/// The flags that are always set: the reserved bit 1, and IF.
const FIXED_FLAGS: u64 = 0x202;

/// Returns the address that the program counter shows after the trap of a stub at `stub`.
pub(in crate::ptrace) fn trapped_at(stub: u64) -> u64 {
    stub + STUB_TRAP + 1
}

/// Returns the registers that make the stub at `stub` perform a system call.
pub(in crate::ptrace) fn call(stub: u64, nr: u64, args: [u64; 6]) -> UserRegs {
    UserRegs {
        r15: 0,
        r14: 0,
        r13: 0,
        r12: 0,
        rbp: 0,
        rbx: 0,
        r11: 0,
        r10: args[3],
        r9: args[5],
        r8: args[4],
        rax: nr,
        rcx: 0,
        rdx: args[2],
        rsi: args[1],
        rdi: args[0],
        orig_rax: u64::MAX,
        rip: stub,
        cs: USER_CS,
        eflags: FIXED_FLAGS,
        rsp: 0,
        ss: USER_DS,
        fs_base: 0,
        gs_base: 0,
        ds: 0,
        es: 0,
        fs: 0,
        gs: 0,
    }
}

/// Returns the registers that make the stub at `stub` perform a system call and go on as the
/// application if its result is the expected one, and what its second page must hold. The nonce tells
/// [`progress`] that it was us.
pub(in crate::ptrace) fn returning_call(
    stub: u64,
    (nr, args): (u64, [u64; 6]),
    expected: u64,
    nonce: u64,
    application: &UserRegs,
) -> (UserRegs, [u64; WORDS]) {
    let app = *application;
    let words = [
        app.rax, app.rcx, app.rsi, app.rdi, app.rbp, app.r8, app.r9, app.r10, app.r11, app.rdx,
        app.rbx, app.rip,
    ];
    let call = UserRegs {
        rax: nr,
        rdi: args[0],
        rsi: args[1],
        rdx: args[2],
        r10: args[3],
        r8: args[4],
        r9: args[5],
        rbp: expected.wrapping_neg(),
        rip: stub + RETURNING,
        orig_rax: u64::MAX,
        rbx: nonce,
        ..app
    };
    (call, words)
}

/// Returns whether the stub's code at `stub` can go on as an application: one at an address of its own, in
/// 64-bit code, and without a trap after each instruction.
pub(in crate::ptrace) fn can_return_to(stub: u64, application: &UserRegs) -> bool {
    const TRAP_FLAG: u64 = 1 << 8;
    application.cs == USER_CS && application.eflags & TRAP_FLAG == 0 && application.rip < stub
}

/// Returns how far the stub at `stub` came with a call that was begun by [`returning_call`] with this nonce.
pub(in crate::ptrace) fn progress(stub: u64, regs: &UserRegs, nonce: u64) -> Progress {
    // An application that jumps into the middle does not know the nonce.
    match regs.rip.wrapping_sub(stub) {
        LEAVE => Progress::Leaving,
        RETURNING..LEAVE if regs.rbx != nonce => Progress::Elsewhere,
        RETURNING => Progress::NotMade,
        CALLED | LOOKED | WRONG | WRONG_END => Progress::Result(regs.rax),
        RIGHT..LEAVE => Progress::Made,
        _ => Progress::Elsewhere,
    }
}

/// Returns the result that was expected of a call whose [`Progress`] is its result.
pub(in crate::ptrace) fn expected(regs: &UserRegs) -> u64 {
    regs.rbp.wrapping_neg()
}

/// Returns the result of the call that ended here.
pub(in crate::ptrace) fn result(regs: &UserRegs) -> u64 {
    regs.rax
}

/// Sets the result of the call that ended here.
pub(in crate::ptrace) fn set_result(regs: &mut UserRegs, value: u64) {
    regs.rax = value;
}

/// Returns the program counter.
pub(in crate::ptrace) fn pc(regs: &UserRegs) -> u64 {
    regs.rip
}

/// Sets the program counter.
pub(in crate::ptrace) fn set_pc(regs: &mut UserRegs, value: u64) {
    regs.rip = value;
}

/// Returns the stack pointer.
pub(in crate::ptrace) fn sp(regs: &UserRegs) -> u64 {
    regs.rsp
}

/// Rewinds the emulated return of a call into the vsyscall page: the host has already returned to
/// the caller when it reports the refused call. Returns the page's address that was called.
pub(in crate::ptrace) fn fault_in_vsyscall(regs: &mut UserRegs, called: u64) -> u64 {
    regs.rip = called;
    regs.rsp = regs.rsp.wrapping_sub(8);
    called
}

/// Makes registers such that the host accepts them whatever a program did.
///
/// A program can load null selectors with any privilege level and, with `wrgsbase`, bases of the
/// kernel's half; the host refuses both. It must also never restart a system call of its own
/// accord.
pub(in crate::ptrace) fn sanitize(regs: &mut UserRegs) {
    if regs.cs != USER32_CS {
        regs.cs = USER_CS;
    }
    regs.ss = USER_DS;
    for selector in [&mut regs.ds, &mut regs.es, &mut regs.fs, &mut regs.gs] {
        if *selector & 3 != 3 || *selector > 0xffff {
            *selector = 0;
        }
    }
    for base in [&mut regs.fs_base, &mut regs.gs_base] {
        if *base >= TASK_SIZE {
            *base = 0;
        }
    }
    regs.eflags = regs.eflags & USER_FLAGS | FIXED_FLAGS;
    regs.orig_rax = u64::MAX;
}

/// Turns an extended state into that of a new program. What was copied from us stays in no
/// register: a component whose bit in the header is clear becomes its initial value.
pub(in crate::ptrace) fn reset_extended(state: &mut [u8]) {
    const LEGACY: usize = 512;
    const HEADER_END: usize = LEGACY + 64;
    /// The x87 and SSE components: given in full.
    const X87_SSE: u8 = 0b11;
    /// The protection keys' component, in the second byte: it stays as the host set it.
    const PKRU: u8 = 0b10;
    let Some(state) = state.get_mut(..HEADER_END) else { return };
    let (legacy, header) = state.split_at_mut(LEGACY);
    let pkru = header.get(1).map_or(0, |byte| byte & PKRU);
    legacy.fill(0);
    header.fill(0);
    for (at, value) in [(0, 0x7f), (1, 0x03), (24, 0x80), (25, 0x1f)] {
        legacy[at] = value;
    }
    header[0] = X87_SSE;
    header[1] = pkru;
}

/// Returns the registers in the platform's terms.
pub(in crate::ptrace) fn to_registers(regs: &UserRegs) -> Registers {
    let mut general = [0; 31];
    let values = [
        regs.rax, regs.rbx, regs.rcx, regs.rdx, regs.rsi, regs.rdi, regs.rbp, regs.r8, regs.r9,
        regs.r10, regs.r11, regs.r12, regs.r13, regs.r14, regs.r15,
    ];
    general[..values.len()].copy_from_slice(&values);
    Registers {
        general,
        pc: regs.rip,
        sp: regs.rsp,
        flags: regs.eflags,
        tls: regs.fs_base,
        gs_base: regs.gs_base,
    }
}

/// Replaces what the platform's terms name, and keeps the rest.
pub(in crate::ptrace) fn from_registers(regs: &mut UserRegs, from: &Registers) {
    let [rax, rbx, rcx, rdx, rsi, rdi, rbp, r8, r9, r10, r11, r12, r13, r14, r15, ..] =
        from.general;
    *regs = UserRegs {
        r15,
        r14,
        r13,
        r12,
        rbp,
        rbx,
        r11,
        r10,
        r9,
        r8,
        rax,
        rcx,
        rdx,
        rsi,
        rdi,
        orig_rax: u64::MAX,
        cs: USER_CS,
        rip: from.pc,
        eflags: from.flags,
        rsp: from.sp,
        fs_base: from.tls,
        gs_base: from.gs_base,
        ..*regs
    };
    sanitize(regs);
}

/// Performs a system call without libc: no `errno`, no cancellation point.
///
/// # Safety
/// 1. The call with these arguments keeps the memory of this process valid.
#[inline(always)]
pub(in crate::ptrace) unsafe fn syscall(nr: libc::c_long, args: [usize; 6]) -> isize {
    let result: isize;
    // SAFETY: 1. upheld by the caller; `syscall` changes rax, rcx and r11 and nothing else of
    // ours.
    unsafe {
        asm!(
            "syscall",
            inlateout("rax") nr as isize => result,
            in("rdi") args[0],
            in("rsi") args[1],
            in("rdx") args[2],
            in("r10") args[3],
            in("r8") args[4],
            in("r9") args[5],
            lateout("rcx") _,
            lateout("r11") _,
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
    unsafe { asm!("jmp {}", in(reg) to, options(noreturn)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn registers_survive_the_way_there_and_back() {
        let mut from = Registers::default();
        for (index, value) in from.general.iter_mut().take(15).enumerate() {
            *value = 0x1111 * (index as u64 + 1);
        }
        from.pc = 0x40_0000;
        from.sp = 0x7000_0000;
        from.flags = 0x246;
        from.tls = 0x1234_5678;
        from.gs_base = 0x9abc;
        let mut regs = call(0x1000, 1, [0; 6]);
        from_registers(&mut regs, &from);
        assert_eq!(to_registers(&regs), from);
    }

    #[test]
    fn what_the_host_would_refuse_is_replaced() {
        let mut regs = call(0x1000, 1, [0; 6]);
        regs.fs_base = 0xffff_8000_0000_0000;
        regs.gs_base = TASK_SIZE;
        regs.ds = 1;
        regs.cs = 0;
        regs.eflags = u64::MAX;
        sanitize(&mut regs);
        assert_eq!((regs.fs_base, regs.gs_base, regs.ds, regs.cs), (0, 0, 0, 0x33));
        assert_eq!(regs.eflags, 0x25_0fd7);
    }
}
