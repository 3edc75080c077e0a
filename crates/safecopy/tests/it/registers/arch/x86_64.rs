//! All registers of x86-64.

use std::arch::x86_64::__m256i;
use std::arch::{asm, global_asm};
use std::ffi::c_void;

use safecopy::BackEnd;

/// General registers, in the order in which the assembly stores them.
const GENERAL: [&str; 15] = [
    "rbx", "rbp", "r12", "r13", "r14", "r15", "flags", "rax", "rcx", "rdx", "rsi", "r8", "r9",
    "r10", "r11",
];

/// How many of them a call preserves; the flags are the direction flag alone.
const PRESERVED: usize = 7;

const DIRECTION: u64 = 1 << 10;

/// The bytes of the extended state, in the standard format of XSAVE.
const STATE: usize = 4096;

/// x87, SSE, AVX, the mask registers, the upper halves of ZMM0-15, and ZMM16-31.
const COMPONENTS: u64 = 0b1110_0111;
const AVX: u32 = 2;
const MASKS: u32 = 5;
const ZMM_UPPER: u32 = 6;
const ZMM_HIGH: u32 = 7;

#[repr(C, align(64))]
struct Snapshot {
    state: [u8; STATE],
    general: [u64; GENERAL.len()],
}

unsafe extern "C" {
    /// Fills the registers from `before`, calls `function` with `argument`, and stores the
    /// registers in `after`. `components` says which extended state there is.
    fn safecopy_test_call_watched(
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
        before: *const Snapshot,
        after: *mut Snapshot,
        components: u64,
    );
}

global_asm!(
    ".globl safecopy_test_call_watched",
    "safecopy_test_call_watched:",
    "push rbx",
    "push rbp",
    "push r12",
    "push r13",
    "push r14",
    "push r15",
    // What must outlive the call: `after`, `components`, and the function until then.
    "push rcx",
    "push r8",
    "push rdi",
    "mov rdi, rsi",
    "mov eax, r8d",
    "mov rcx, rdx",
    "xor edx, edx",
    "xrstor64 [rcx]",
    "mov rbx, [rcx + 4096]",
    "mov rbp, [rcx + 4096 + 8]",
    "mov r12, [rcx + 4096 + 16]",
    "mov r13, [rcx + 4096 + 24]",
    "mov r14, [rcx + 4096 + 32]",
    "mov r15, [rcx + 4096 + 40]",
    "mov rax, [rcx + 4096 + 56]",
    "mov rdx, [rcx + 4096 + 72]",
    "mov rsi, [rcx + 4096 + 80]",
    "mov r8, [rcx + 4096 + 88]",
    "mov r9, [rcx + 4096 + 96]",
    "mov r10, [rcx + 4096 + 104]",
    "mov r11, [rcx + 4096 + 112]",
    "mov rcx, [rcx + 4096 + 64]",
    "call [rsp]",
    "mov rcx, [rsp + 16]",
    "mov [rcx + 4096], rbx",
    "mov [rcx + 4096 + 8], rbp",
    "mov [rcx + 4096 + 16], r12",
    "mov [rcx + 4096 + 24], r13",
    "mov [rcx + 4096 + 32], r14",
    "mov [rcx + 4096 + 40], r15",
    "pushfq",
    "pop [rcx + 4096 + 48]",
    "mov eax, [rsp + 8]",
    "xor edx, edx",
    "xsave64 [rcx]",
    "add rsp, 24",
    "pop r15",
    "pop r14",
    "pop r13",
    "pop r12",
    "pop rbp",
    "pop rbx",
    "vzeroupper",
    "ret",
);

/// Calls `access` between two snapshots, and compares them.
pub(super) fn call_watched(back_end: BackEnd, access: &mut dyn FnMut()) {
    extern "C" fn call(access: *mut c_void) {
        // SAFETY: it is the reference below, which nobody else uses meanwhile.
        let access = unsafe { &mut *access.cast::<&mut dyn FnMut()>() };
        access();
    }

    let components = enabled() & COMPONENTS;
    assert_ne!(components & 1 << AVX, 0, "the machine has AVX");
    let mut before = Box::new(Snapshot { state: [0; STATE], general: [0; GENERAL.len()] });
    let mut after = Box::new(Snapshot { state: [0; STATE], general: [0; GENERAL.len()] });
    for (at, value) in before.general.iter_mut().enumerate() {
        *value = 0xdead_0000_beef_0000 + at as u64;
    }
    fill(&mut before.state, components);
    let mut access = access;
    // SAFETY: the snapshots are aligned and large enough, and the state is a valid one.
    unsafe {
        safecopy_test_call_watched(
            call,
            (&raw mut access).cast(),
            &raw const *before,
            &raw mut *after,
            components,
        );
    }
    before.general[PRESERVED - 1] = 0;
    after.general[PRESERVED - 1] &= DIRECTION;
    for (at, name) in GENERAL.into_iter().enumerate().take(PRESERVED) {
        assert_eq!(after.general[at], before.general[at], "{name}, {back_end}");
    }
    // MXCSR's flags may change, its controls may not; the x87 control word neither.
    assert_eq!(after.state[..2], before.state[..2], "x87 control word, {back_end}");
    let mxcsr = |state: &[u8]| u16::from_ne_bytes([state[24], state[25]]) & !0x3f;
    assert_eq!(mxcsr(&after.state), mxcsr(&before.state), "mxcsr, {back_end}");
    // The mask registers and ZMM16-31 are poisoned, and not compared: no call preserves them, and the
    // C library's `memcpy`, which unoptimised code around an access calls, uses them.
}

/// Fills the state with values that are valid and nowhere the initial ones.
fn fill(state: &mut [u8; STATE], components: u64) {
    let mut value = 0x11_u8;
    let mut poison = |bytes: &mut [u8]| {
        for byte in bytes {
            value = value.wrapping_mul(5).wrapping_add(1) | 1;
            *byte = value;
        }
    };
    // Double precision instead of extended, and rounding towards zero.
    state[..2].copy_from_slice(&0x027f_u16.to_ne_bytes());
    state[24..28].copy_from_slice(&0x7f80_u32.to_ne_bytes());
    poison(&mut state[160..416]);
    for (component, len) in [(AVX, 256), (MASKS, 64), (ZMM_UPPER, 512), (ZMM_HIGH, 1024)] {
        if components & 1 << component != 0 {
            let at = offset(component);
            poison(&mut state[at..at + len]);
        }
    }
    state[512..520].copy_from_slice(&components.to_ne_bytes());
}

/// Returns where a component is in the standard format.
fn offset(component: u32) -> usize {
    let offset = std::arch::x86_64::__cpuid_count(0xd, component).ebx as usize;
    assert!((576..STATE).contains(&offset));
    offset
}

/// Returns the components that the kernel has enabled.
fn enabled() -> u64 {
    assert!(std::is_x86_feature_detected!("xsave"), "the machine has XSAVE");
    let (low, high): (u32, u32);
    // SAFETY: XGETBV is there with XSAVE.
    unsafe {
        asm!(
            "xgetbv",
            in("ecx") 0,
            out("eax") low,
            out("edx") high,
            options(nomem, nostack, preserves_flags),
        );
    }
    u64::from(high) << 32 | u64::from(low)
}

/// Runs `access` while every vector register is in use.
#[inline(always)]
pub(super) fn with_pinned_vectors<R>(access: impl FnOnce() -> R) -> R {
    with_pinned!(
        access, |at: usize| 1.5 + at as f64, f64::to_bits;
        v0 in "xmm0", v1 in "xmm1", v2 in "xmm2", v3 in "xmm3",
        v4 in "xmm4", v5 in "xmm5", v6 in "xmm6", v7 in "xmm7",
        v8 in "xmm8", v9 in "xmm9", v10 in "xmm10", v11 in "xmm11",
        v12 in "xmm12", v13 in "xmm13", v14 in "xmm14", v15 in "xmm15"
    )
}

/// Runs `access` while every vector register is in use at its full width.
#[inline(always)]
pub(super) fn with_wide_vectors<R>(access: impl FnOnce() -> R) -> R {
    assert!(std::is_x86_feature_detected!("avx"), "the machine has AVX");
    // SAFETY: the machine has AVX.
    unsafe { with_ymm(access) }
}

#[target_feature(enable = "avx")]
fn with_ymm<R>(access: impl FnOnce() -> R) -> R {
    let value = |at: usize| {
        let words: [u64; 4] = std::array::from_fn(|word| 0x0101_0101 * (4 * at + word + 1) as u64);
        // SAFETY: any bits are such a value.
        unsafe { std::mem::transmute::<[u64; 4], __m256i>(words) }
    };
    // SAFETY: any bits are such numbers.
    let bits = |value: __m256i| unsafe { std::mem::transmute::<__m256i, [u64; 4]>(value) };
    with_pinned!(
        access, value, bits;
        v0 in "ymm0", v1 in "ymm1", v2 in "ymm2", v3 in "ymm3",
        v4 in "ymm4", v5 in "ymm5", v6 in "ymm6", v7 in "ymm7",
        v8 in "ymm8", v9 in "ymm9", v10 in "ymm10", v11 in "ymm11",
        v12 in "ymm12", v13 in "ymm13", v14 in "ymm14", v15 in "ymm15"
    )
}

/// Runs `access` while the register that finds thread-local variables points nowhere.
pub(super) fn without_thread_pointer<R>(access: impl FnOnce() -> R) -> R {
    const ARCH_SET_FS: u64 = 0x1002;
    const ARCH_GET_FS: u64 = 0x1003;
    /// `libc::syscall` would store `errno`, which is a thread-local variable.
    fn arch_prctl(code: u64, argument: u64) {
        let result: u64;
        // SAFETY: reads or sets the FS base; nothing in between uses it.
        unsafe {
            asm!(
                "syscall",
                inout("rax") libc::SYS_arch_prctl as u64 => result,
                in("rdi") code,
                in("rsi") argument,
                out("rcx") _,
                out("r11") _,
                options(nostack),
            );
        }
        // No panic: it would need what is missing.
        if result != 0 {
            std::process::abort();
        }
    }
    let mut base = 0_u64;
    arch_prctl(ARCH_GET_FS, (&raw mut base).expose_provenance() as u64);
    arch_prctl(ARCH_SET_FS, 0);
    let result = access();
    arch_prctl(ARCH_SET_FS, base);
    result
}
