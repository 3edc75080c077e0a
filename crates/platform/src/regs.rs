//! The integer registers of an application thread.

/// The integer registers of an application thread, in the machine's terms.
///
/// On x86-64 `general` is, in order: rax, rbx, rcx, rdx, rsi, rdi, rbp, r8 to r15. On aarch64 it
/// is x0 to x30.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Registers {
    /// The general registers, without the stack pointer.
    pub general: [u64; 31],
    /// The address of the next instruction.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// The flags register, or the process state.
    pub flags: u64,
    /// The thread pointer: the FS base, or `TPIDR_EL0`.
    pub tls: u64,
    /// The GS base; unused on aarch64.
    pub gs_base: u64,
}
