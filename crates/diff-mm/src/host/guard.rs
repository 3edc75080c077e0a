//! Accesses that may raise a signal.
//!
//! For a process that has one thread and nothing to lose: the handlers stay, and an instruction
//! fetch executes what is found.

#![expect(unsafe_code, reason = "raw accesses and signal handlers")]

use std::arch::asm;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::Outcome;

/// What the accesses tell the handler, and it them. The assembly knows the order of the first two.
#[repr(C)]
struct Guard {
    /// Where to go on after a signal.
    resume: AtomicU64,
    /// The stack pointer there.
    stack: AtomicU64,
    /// The address whose instruction is to be executed once.
    target: AtomicU64,
    /// Whether that has begun.
    stepping: AtomicU64,
    /// The signal that came; zero for none.
    signal: AtomicU64,
    code: AtomicU64,
    addr: AtomicU64,
}

static GUARD: Guard = Guard {
    resume: AtomicU64::new(0),
    stack: AtomicU64::new(0),
    target: AtomicU64::new(0),
    stepping: AtomicU64::new(0),
    signal: AtomicU64::new(0),
    code: AtomicU64::new(0),
    addr: AtomicU64::new(0),
};

/// `EFLAGS.TF`: a trap after every instruction.
const TRAP: i64 = 0x100;

/// What executed instructions may write.
static SCRATCH: [AtomicU64; 64] = [const { AtomicU64::new(0) }; 64];

/// Sends the signals of this process to the guard.
pub(super) fn install() {
    for signal in [libc::SIGSEGV, libc::SIGBUS, libc::SIGTRAP, libc::SIGILL, libc::SIGFPE] {
        // SAFETY: all zeros are a valid value of the plain C structure.
        let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
        action.sa_sigaction = handler();
        action.sa_flags = libc::SA_SIGINFO;
        // SAFETY: the handler keeps to what it may do: it touches atomics and its own context.
        unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    }
}

#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
fn handler() -> usize {
    handle as *const () as usize
}

extern "C" fn handle(signal: i32, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let context = context.cast::<libc::ucontext_t>();
    // SAFETY: the kernel passes a context that is this handler's own until it returns.
    let registers = unsafe { &mut (*context).uc_mcontext.gregs };
    let pc = registers[libc::REG_RIP as usize];
    let target = GUARD.target.load(Relaxed);
    if signal == libc::SIGTRAP
        && pc.cast_unsigned() == target
        && GUARD.stepping.swap(1, Relaxed) == 0
    {
        return;
    }
    // SAFETY: the kernel passes valid information about the signal.
    let info = unsafe { *info };
    // SAFETY: all these signals come with an address.
    let addr = unsafe { info.si_addr() };
    GUARD.signal.store(u64::from(signal.cast_unsigned()), Relaxed);
    GUARD.code.store(u64::from(info.si_code.cast_unsigned()), Relaxed);
    GUARD.addr.store(addr.addr() as u64, Relaxed);
    registers[libc::REG_RIP as usize] = GUARD.resume.load(Relaxed).cast_signed();
    registers[libc::REG_RSP as usize] = GUARD.stack.load(Relaxed).cast_signed();
    registers[libc::REG_EFL as usize] &= !TRAP;
}

fn outcome(value: u64) -> Outcome {
    match GUARD.signal.swap(0, Relaxed) {
        0 => Outcome::Value(value.cast_signed()),
        signal => Outcome::Signal {
            signal: signal as i32,
            code: GUARD.code.load(Relaxed) as u32 as i32,
            addr: GUARD.addr.load(Relaxed),
        },
    }
}

/// Reads a byte.
pub(super) fn load(addr: u64) -> Outcome {
    let mut value: u64 = 0;
    // SAFETY: a signal that the access raises leads to the label with everything as it was; the
    // only memory that is written is the guard's.
    unsafe {
        asm!(
            "lea {scratch}, [rip + 22f]",
            "mov qword ptr [{guard}], {scratch}",
            "mov qword ptr [{guard} + 8], rsp",
            "movzx {value:e}, byte ptr [{addr}]",
            "22:",
            scratch = out(reg) _,
            guard = in(reg) &raw const GUARD,
            addr = in(reg) addr,
            value = inout(reg) value,
        );
    }
    outcome(value)
}

/// Writes a byte, to an address of the window.
pub(super) fn store(addr: u64, byte: u8) -> Outcome {
    // SAFETY: a signal that the access raises leads to the label with everything as it was. The
    // byte is written to where scripts map what they like, and nothing else is.
    unsafe {
        asm!(
            "lea {scratch}, [rip + 22f]",
            "mov qword ptr [{guard}], {scratch}",
            "mov qword ptr [{guard} + 8], rsp",
            "mov byte ptr [{addr}], {byte}",
            "22:",
            scratch = out(reg) _,
            guard = in(reg) &raw const GUARD,
            addr = in(reg) addr,
            byte = in(reg_byte) byte,
        );
    }
    outcome(0)
}

/// Executes one instruction, whatever it is.
pub(super) fn fetch(addr: u64) -> Outcome {
    GUARD.target.store(addr, Relaxed);
    GUARD.stepping.store(0, Relaxed);
    // SAFETY: the trap flag gives back control after the jump, and after one instruction more at
    // the latest; the handler then goes to the label with the stack pointer of before. Registers
    // point to memory that nobody uses, so an instruction made of the bytes that scripts write
    // harms nothing; those that are not declared as lost are saved.
    unsafe {
        asm!(
            "push rbx",
            "push rbp",
            "lea rcx, [rip + 22f]",
            "mov qword ptr [rdx], rcx",
            "mov qword ptr [rdx + 8], rsp",
            "mov rax, rsi",
            "mov rdi, rsi",
            "mov rbx, rsi",
            "mov rbp, rsi",
            "mov rdx, rsi",
            "xor ecx, ecx",
            "pushfq",
            "or qword ptr [rsp], 0x100",
            "popfq",
            "jmp r11",
            "22:",
            "pop rbp",
            "pop rbx",
            inout("rdx") &raw const GUARD => _,
            inout("rsi") &raw const SCRATCH[32] => _,
            inout("r11") addr => _,
            clobber_abi("C"),
        );
    }
    GUARD.target.store(0, Relaxed);
    match outcome(0) {
        Outcome::Signal { signal, code, addr: at }
            if signal != libc::SIGTRAP && at == addr && signal != libc::SIGILL =>
        {
            Outcome::Signal { signal, code, addr }
        }
        // It was fetched, whatever it then did.
        _ => Outcome::Value(0),
    }
}
