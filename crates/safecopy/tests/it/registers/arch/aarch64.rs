//! All registers of aarch64.

use std::arch::aarch64::uint64x2_t;
use std::arch::{asm, global_asm};
use std::ffi::c_void;

use safecopy::BackEnd;

/// X0-X30 and FPCR, then V0-V31.
#[repr(C, align(16))]
struct Snapshot {
    general: [u64; 32],
    vector: [u128; 32],
}

/// The general registers that a call preserves, FPCR in place of the last.
const PRESERVED: std::ops::Range<usize> = 19..30;
const FPCR: usize = 31;

/// The vector registers that nothing here has a reason to touch. A call preserves the lower
/// halves of V8-V15, and compilers use V16 and up only when these run out.
const UNTOUCHED: std::ops::Range<usize> = 8..32;

unsafe extern "C" {
    /// Fills the registers from `before`, calls `function` with `argument`, and stores the
    /// registers in `after`.
    fn safecopy_test_call_watched(
        function: extern "C" fn(*mut c_void),
        argument: *mut c_void,
        before: *const Snapshot,
        after: *mut Snapshot,
    );
}

global_asm!(
    ".globl safecopy_test_call_watched",
    "safecopy_test_call_watched:",
    "stp x29, x30, [sp, #-176]!",
    "stp x19, x20, [sp, #16]",
    "stp x21, x22, [sp, #32]",
    "stp x23, x24, [sp, #48]",
    "stp x25, x26, [sp, #64]",
    "stp x27, x28, [sp, #80]",
    "stp d8, d9, [sp, #96]",
    "stp d10, d11, [sp, #112]",
    "stp d12, d13, [sp, #128]",
    "stp d14, d15, [sp, #144]",
    "mrs x4, fpcr",
    "stp x3, x4, [sp, #160]",
    "ldr x4, [x2, #248]",
    "msr fpcr, x4",
    "add x4, x2, #256",
    "ldp q0, q1, [x4]",
    "ldp q2, q3, [x4, #32]",
    "ldp q4, q5, [x4, #64]",
    "ldp q6, q7, [x4, #96]",
    "ldp q8, q9, [x4, #128]",
    "ldp q10, q11, [x4, #160]",
    "ldp q12, q13, [x4, #192]",
    "ldp q14, q15, [x4, #224]",
    "ldp q16, q17, [x4, #256]",
    "ldp q18, q19, [x4, #288]",
    "ldp q20, q21, [x4, #320]",
    "ldp q22, q23, [x4, #352]",
    "ldp q24, q25, [x4, #384]",
    "ldp q26, q27, [x4, #416]",
    "ldp q28, q29, [x4, #448]",
    "ldp q30, q31, [x4, #480]",
    // X16 holds the function, X18 is the platform's, and the call sets X30.
    "mov x16, x0",
    "mov x0, x1",
    "ldp x3, x4, [x2, #24]",
    "ldp x5, x6, [x2, #40]",
    "ldp x7, x8, [x2, #56]",
    "ldp x9, x10, [x2, #72]",
    "ldp x11, x12, [x2, #88]",
    "ldp x13, x14, [x2, #104]",
    "ldr x15, [x2, #120]",
    "ldr x17, [x2, #136]",
    "ldp x19, x20, [x2, #152]",
    "ldp x21, x22, [x2, #168]",
    "ldp x23, x24, [x2, #184]",
    "ldp x25, x26, [x2, #200]",
    "ldp x27, x28, [x2, #216]",
    "ldr x29, [x2, #232]",
    "ldp x1, x2, [x2, #8]",
    "blr x16",
    "ldr x3, [sp, #160]",
    "stp x19, x20, [x3, #152]",
    "stp x21, x22, [x3, #168]",
    "stp x23, x24, [x3, #184]",
    "stp x25, x26, [x3, #200]",
    "stp x27, x28, [x3, #216]",
    "str x29, [x3, #232]",
    "mrs x4, fpcr",
    "str x4, [x3, #248]",
    "add x4, x3, #256",
    "stp q0, q1, [x4]",
    "stp q2, q3, [x4, #32]",
    "stp q4, q5, [x4, #64]",
    "stp q6, q7, [x4, #96]",
    "stp q8, q9, [x4, #128]",
    "stp q10, q11, [x4, #160]",
    "stp q12, q13, [x4, #192]",
    "stp q14, q15, [x4, #224]",
    "stp q16, q17, [x4, #256]",
    "stp q18, q19, [x4, #288]",
    "stp q20, q21, [x4, #320]",
    "stp q22, q23, [x4, #352]",
    "stp q24, q25, [x4, #384]",
    "stp q26, q27, [x4, #416]",
    "stp q28, q29, [x4, #448]",
    "stp q30, q31, [x4, #480]",
    "ldr x4, [sp, #168]",
    "msr fpcr, x4",
    "ldp x19, x20, [sp, #16]",
    "ldp x21, x22, [sp, #32]",
    "ldp x23, x24, [sp, #48]",
    "ldp x25, x26, [sp, #64]",
    "ldp x27, x28, [sp, #80]",
    "ldp d8, d9, [sp, #96]",
    "ldp d10, d11, [sp, #112]",
    "ldp d12, d13, [sp, #128]",
    "ldp d14, d15, [sp, #144]",
    "ldp x29, x30, [sp], #176",
    "ret",
);

/// Calls `access` between two snapshots, and compares them.
pub(super) fn call_watched(back_end: BackEnd, access: &mut dyn FnMut()) {
    extern "C" fn call(access: *mut c_void) {
        // SAFETY: it is the reference below, which nobody else uses meanwhile.
        let access = unsafe { &mut *access.cast::<&mut dyn FnMut()>() };
        access();
    }

    let poison = 0x1111_2222_3333_4444_5555_6666_7777_8888_u128;
    let mut before = Box::new(Snapshot {
        general: std::array::from_fn(|at| 0xdead_0000_beef_0000 + at as u64),
        vector: std::array::from_fn(|at| poison.wrapping_mul(2 * at as u128 + 1)),
    });
    // Rounding towards zero.
    before.general[FPCR] = 0b11 << 22;
    let mut after = Box::new(Snapshot { general: [0; 32], vector: [0; 32] });
    let mut access = access;
    // SAFETY: the snapshots are aligned, and their control register is a valid one.
    unsafe {
        safecopy_test_call_watched(
            call,
            (&raw mut access).cast(),
            &raw const *before,
            &raw mut *after,
        );
    }
    for at in PRESERVED.chain([FPCR]) {
        assert_eq!(after.general[at], before.general[at], "x{at}, {back_end}");
    }
    for at in UNTOUCHED {
        assert_eq!(after.vector[at], before.vector[at], "v{at}, {back_end}");
    }
}

/// Runs `access` while every vector register is in use.
#[inline(always)]
pub(super) fn with_pinned_vectors<R>(access: impl FnOnce() -> R) -> R {
    with_pinned!(
        access, |at: usize| 1.5 + at as f64, f64::to_bits;
        v0 in "v0", v1 in "v1", v2 in "v2", v3 in "v3",
        v4 in "v4", v5 in "v5", v6 in "v6", v7 in "v7",
        v8 in "v8", v9 in "v9", v10 in "v10", v11 in "v11",
        v12 in "v12", v13 in "v13", v14 in "v14", v15 in "v15",
        v16 in "v16", v17 in "v17", v18 in "v18", v19 in "v19",
        v20 in "v20", v21 in "v21", v22 in "v22", v23 in "v23",
        v24 in "v24", v25 in "v25", v26 in "v26", v27 in "v27",
        v28 in "v28", v29 in "v29", v30 in "v30", v31 in "v31"
    )
}

/// Runs `access` while every vector register is in use at its full width.
#[inline(always)]
pub(super) fn with_wide_vectors<R>(access: impl FnOnce() -> R) -> R {
    let value = |at: usize| {
        let words: [u64; 2] = std::array::from_fn(|word| 0x0101_0101 * (2 * at + word + 1) as u64);
        // SAFETY: any bits are such a value.
        unsafe { std::mem::transmute::<[u64; 2], uint64x2_t>(words) }
    };
    // SAFETY: any bits are such numbers.
    let bits = |value: uint64x2_t| unsafe { std::mem::transmute::<uint64x2_t, [u64; 2]>(value) };
    with_pinned!(
        access, value, bits;
        v0 in "v0", v1 in "v1", v2 in "v2", v3 in "v3",
        v4 in "v4", v5 in "v5", v6 in "v6", v7 in "v7",
        v8 in "v8", v9 in "v9", v10 in "v10", v11 in "v11",
        v12 in "v12", v13 in "v13", v14 in "v14", v15 in "v15",
        v16 in "v16", v17 in "v17", v18 in "v18", v19 in "v19",
        v20 in "v20", v21 in "v21", v22 in "v22", v23 in "v23",
        v24 in "v24", v25 in "v25", v26 in "v26", v27 in "v27",
        v28 in "v28", v29 in "v29", v30 in "v30", v31 in "v31"
    )
}

/// Runs `access` while the register that finds thread-local variables points nowhere.
pub(super) fn without_thread_pointer<R>(access: impl FnOnce() -> R) -> R {
    let base: u64;
    // SAFETY: what runs until it is put back uses no thread-local variable.
    unsafe {
        asm!(
            "mrs {base}, tpidr_el0",
            "msr tpidr_el0, xzr",
            base = out(reg) base,
            options(nostack, preserves_flags),
        );
    }
    let result = access();
    // SAFETY: it is what was there.
    unsafe {
        asm!("msr tpidr_el0, {base}", base = in(reg) base, options(nostack, preserves_flags));
    }
    result
}
