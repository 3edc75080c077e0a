//! What differs between machines; both files name the same items.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod imp;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod imp;

pub(super) use imp::{
    AUDIT_ARCH_NATIVE, CALL_OFFSET, CAN_RETURN, NT_EXTENDED, RESULT_OFFSET, STUB_CODE, STUB_TRAP,
    SUPPORTED, TASK_SIZE, UserRegs, WHOLE_REGISTERS, call, can_return_to, expected,
    fault_in_vsyscall, from_registers, go, pc, progress, reset_extended, result, returning_call,
    sanitize, set_pc, set_result, sp, syscall, to_registers, trapped_at,
};

/// How far the stub's code came that makes a call and goes on as the application.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(target_arch = "aarch64", expect(dead_code, reason = "there is no such code there"))]
pub(super) enum Progress {
    /// It is not in there, or the application jumped there by itself.
    Elsewhere,
    /// The call comes next.
    NotMade,
    /// The call has returned this, and nobody has looked at it, or it was wrong.
    Result(u64),
    /// The call has returned what it should.
    Made,
    /// All registers are the application's; the jump to it comes next.
    Leaving,
}
