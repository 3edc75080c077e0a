//! What differs between machines; both files name the same items.

#[cfg(target_arch = "aarch64")]
#[path = "aarch64.rs"]
mod imp;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod imp;

pub(super) use imp::{
    AUDIT_ARCH_NATIVE, NT_EXTENDED, RESULT_OFFSET, STUB_CODE, STUB_TRAP, SUPPORTED, TASK_SIZE,
    UserRegs, WHOLE_REGISTERS, call, fault_in_vsyscall, from_registers, go, pc, reset_extended,
    result, sanitize, set_result, sp, syscall, to_registers, trapped_at, trapped_calls,
};
