//! Accesses that may fault, and what a fault needs of the machine: aarch64.
//!
//! # Fault path
//!
//! When an instruction between `20:` and `21:` faults, the signal handler resumes at the landing
//! with X0 = [`Stop::info`] (never zero) and X1 = [`Stop::addr`], every other register as the
//! faulting instruction left it. Each block therefore declares X0 and X1 as outputs, sets X0 to
//! zero as its last step when nothing faulted, and changes no register that it does not declare,
//! before or after a fault. No access writes its base register back, so that the registers always
//! tell the progress.
//!
//! # Registers
//!
//! The leaf called as a function follows AAPCS64: arguments in X0-X2; X0-X17 and V0-V7 are its
//! own to change. It pushes nothing, so that a landing is a plain `ret`.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::{asm, global_asm};

use crate::recovery::recover;

/// How an access ended.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Stop {
    /// Zero when nothing faulted; else signal number and code, see `fault::Cause`.
    pub(crate) info: u64,
    /// The address that the signal reported.
    pub(crate) addr: u64,
}

/// The longest copy that [`copy_small`] and [`zero_small`] take.
pub(crate) const SMALL: usize = 64;

/// Whether the reported address of a fault is the first byte that could not be accessed. Here it
/// is any byte of the access.
pub(crate) const REPORTS_FIRST_BYTE: bool = false;

/// Learns what the CPU can do: all that is used is in every CPU.
pub(crate) fn detect() {}

/// Returns the length from which [`copy_exact`] is the fastest copy: it never is.
#[inline]
pub(crate) fn exact_from() -> usize {
    usize::MAX
}

/// Copies up to [`SMALL`] bytes, all loads before the first store. After a fault, any part of
/// the destination may have been written.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn copy_small(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    let (info, addr);
    let (src_end, dst_end) = (src.wrapping_add(len), dst.wrapping_add(len));
    if len > 32 {
        // SAFETY: the moves lie within `len`, which is at least 32.
        unsafe {
            asm!(
                "20:",
                "ldp q0, q1, [{src}]",
                "ldp q2, q3, [{src_end}, #-32]",
                "stp q0, q1, [{dst}]",
                "stp q2, q3, [{dst_end}, #-32]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                out("x0") info,
                out("x1") addr,
                out("v0") _, out("v1") _, out("v2") _, out("v3") _,
                options(nostack),
            );
        }
    } else if len > 16 {
        // SAFETY: the moves lie within `len`, which is at least 16.
        unsafe {
            asm!(
                "20:",
                "ldr q0, [{src}]",
                "ldr q1, [{src_end}, #-16]",
                "str q0, [{dst}]",
                "str q1, [{dst_end}, #-16]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                out("x0") info,
                out("x1") addr,
                out("v0") _, out("v1") _,
                options(nostack),
            );
        }
    } else if len >= 8 {
        // SAFETY: the moves lie within `len`, which is at least 8.
        unsafe {
            asm!(
                "20:",
                "ldr x0, [{src}]",
                "ldr x1, [{src_end}, #-8]",
                "str x0, [{dst}]",
                "str x1, [{dst_end}, #-8]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                out("x0") info,
                out("x1") addr,
                options(nostack),
            );
        }
    } else if len >= 4 {
        // SAFETY: the moves lie within `len`, which is at least 4.
        unsafe {
            asm!(
                "20:",
                "ldr w0, [{src}]",
                "ldr w1, [{src_end}, #-4]",
                "str w0, [{dst}]",
                "str w1, [{dst_end}, #-4]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                out("x0") info,
                out("x1") addr,
                options(nostack),
            );
        }
    } else {
        // SAFETY: for 1, 2 and 3 bytes the first, the middle and the last are all there are.
        unsafe {
            asm!(
                "20:",
                "ldrb w0, [{src}]",
                "ldrb w1, [{src}, {half}]",
                "ldrb {last:w}, [{src_end}, #-1]",
                "strb w0, [{dst}]",
                "strb w1, [{dst}, {half}]",
                "strb {last:w}, [{dst_end}, #-1]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                dst_end = in(reg) dst_end,
                src_end = in(reg) src_end,
                half = in(reg) len / 2,
                last = out(reg) _,
                out("x0") info,
                out("x1") addr,
                options(nostack),
            );
        }
    }
    Stop { info, addr }
}

/// Copies more than [`SMALL`] bytes with vector moves. After a fault, any part of the destination
/// may have been written.
///
/// # Safety
/// 1. `len > SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline]
pub(crate) unsafe fn copy_chunk(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    // SAFETY: the contract is ours.
    unsafe { safecopy_copy_neon(dst, src, len) }
}

/// Copies bytes in ascending order, and returns how many are left.
///
/// # Safety
/// 1. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(never)]
pub(crate) unsafe fn copy_exact(dst: *mut u8, src: *const u8, len: usize) -> (Stop, usize) {
    let (info, addr, left);
    // SAFETY: the bytes are those of the contract. Words first; a word that faults is done again
    // byte by byte.
    unsafe {
        asm!(
            "20:",
            "cmp {left}, #8",
            "b.lo 21f",
            "ldr x0, [{src}]",
            "str x0, [{dst}]",
            "add {src}, {src}, #8",
            "add {dst}, {dst}, #8",
            "sub {left}, {left}, #8",
            "b 20b",
            "21:",
            recover!("20b", "21b", "21b"),
            "22:",
            "cbz {left}, 23f",
            "ldrb w0, [{src}]",
            "strb w0, [{dst}]",
            "add {src}, {src}, #1",
            "add {dst}, {dst}, #1",
            "sub {left}, {left}, #1",
            "b 22b",
            "23:",
            "mov x0, xzr",
            "24:",
            recover!("22b", "23b", "24b"),
            dst = inout(reg) dst => _,
            src = inout(reg) src => _,
            left = inout(reg) len => left,
            out("x0") info,
            out("x1") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, left)
}

/// Zeroes up to [`SMALL`] bytes. After a fault, any part of them may have been zeroed.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn zero_small(dst: *mut u8, len: usize) -> Stop {
    // SAFETY: the contract is a part of ours.
    unsafe { zero_exact(dst, len) }.0
}

/// Zeroes bytes in ascending order, and returns how many are left.
///
/// # Safety
/// 1. Writing `[dst, dst + len)` harms nobody.
#[inline(never)]
pub(crate) unsafe fn zero_exact(dst: *mut u8, len: usize) -> (Stop, usize) {
    let (info, addr, left);
    // SAFETY: the bytes are those of the contract. Pairs of words first; a pair that faults is
    // done again byte by byte.
    unsafe {
        asm!(
            "20:",
            "cmp {left}, #16",
            "b.lo 21f",
            "stp xzr, xzr, [{dst}]",
            "add {dst}, {dst}, #16",
            "sub {left}, {left}, #16",
            "b 20b",
            "21:",
            recover!("20b", "21b", "21b"),
            "22:",
            "cbz {left}, 23f",
            "strb wzr, [{dst}]",
            "add {dst}, {dst}, #1",
            "sub {left}, {left}, #1",
            "b 22b",
            "23:",
            "mov x0, xzr",
            "24:",
            recover!("22b", "23b", "24b"),
            dst = inout(reg) dst => _,
            left = inout(reg) len => left,
            out("x0") info,
            out("x1") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, left)
}

/// Loads a word, with acquire ordering.
///
/// # Safety
/// 1. Reading the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn load_u32(ptr: *const u32) -> (Stop, u32) {
    let (info, addr, value);
    // SAFETY: the word is that of the contract.
    unsafe {
        asm!(
            "20:",
            "ldar {value:w}, [{ptr}]",
            "21:",
            "mov x0, xzr",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            value = out(reg) value,
            out("x0") info,
            out("x1") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, value)
}

/// Swaps a word and returns the old one, with acquire and release ordering.
///
/// # Safety
/// 1. Reading and writing the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn swap_u32(ptr: *mut u32, new: u32) -> (Stop, u32) {
    let (info, addr, old);
    // SAFETY: the word is that of the contract.
    unsafe {
        asm!(
            "20:",
            "ldaxr {old:w}, [{ptr}]",
            "stlxr w0, {new:w}, [{ptr}]",
            "cbnz w0, 20b",
            "21:",
            "mov x0, xzr",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            new = in(reg) new,
            old = out(reg) old,
            out("x0") info,
            out("x1") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, old)
}

/// Stores `new` where `expected` is, and returns what was there, with acquire and release
/// ordering.
///
/// When something else is there it is stored once more, so that memory that may not be written
/// faults whatever it holds, as on x86-64.
///
/// # Safety
/// 1. Reading and writing the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn compare_exchange_u32(ptr: *mut u32, expected: u32, new: u32) -> (Stop, u32) {
    let (info, addr, previous);
    // SAFETY: the word is that of the contract.
    unsafe {
        asm!(
            "20:",
            "ldaxr {previous:w}, [{ptr}]",
            "cmp {previous:w}, {expected:w}",
            "csel w1, {new:w}, {previous:w}, eq",
            "stlxr w0, w1, [{ptr}]",
            "cbnz w0, 20b",
            "21:",
            "mov x0, xzr",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            expected = in(reg) expected,
            new = in(reg) new,
            previous = out(reg) previous,
            out("x0") info,
            out("x1") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, previous)
}

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

unsafe extern "C" {
    fn safecopy_copy_neon(dst: *mut u8, src: *const u8, len: usize) -> Stop;
}

global_asm!(
    ".pushsection .text.safecopy_copy_neon,\"ax\",@progbits",
    ".globl safecopy_copy_neon",
    ".hidden safecopy_copy_neon",
    ".type safecopy_copy_neon, @function",
    ".balign 64",
    "safecopy_copy_neon:",
    "20:",
    "add x3, x1, x2",
    "add x4, x0, x2",
    "cmp x2, #128",
    "b.hi 25f",
    // Up to 128 bytes: 64 from the front, 64 from the back.
    "ldp q0, q1, [x1]",
    "ldp q2, q3, [x1, #32]",
    "ldp q4, q5, [x3, #-64]",
    "ldp q6, q7, [x3, #-32]",
    "stp q0, q1, [x0]",
    "stp q2, q3, [x0, #32]",
    "stp q4, q5, [x4, #-64]",
    "stp q6, q7, [x4, #-32]",
    "mov x0, xzr",
    "ret",
    "25:",
    // 64 bytes at a time, then the last 64.
    "sub x5, x4, #64",
    "26:",
    "ldp q0, q1, [x1]",
    "ldp q2, q3, [x1, #32]",
    "stp q0, q1, [x0]",
    "stp q2, q3, [x0, #32]",
    "add x1, x1, #64",
    "add x0, x0, #64",
    "cmp x0, x5",
    "b.lo 26b",
    "ldp q0, q1, [x3, #-64]",
    "ldp q2, q3, [x3, #-32]",
    "stp q0, q1, [x4, #-64]",
    "stp q2, q3, [x4, #-32]",
    "mov x0, xzr",
    "21:",
    "ret",
    recover!("20b", "21b", "21b"),
    ".size safecopy_copy_neon, . - safecopy_copy_neon",
    ".popsection",
);
