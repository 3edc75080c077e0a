//! Copies: aarch64.
//!
//! # Registers
//!
//! Inline copies use X0, X1, general registers of the compiler's choice, and V0-V3; they load
//! everything before they store anything. The counting copy uses X0 and three registers that it
//! declares as changed. Flags change.
//!
//! # Fault path
//!
//! X0 and X1 hold the stop; which part of the destination was written is known only of
//! [`copy_exact`].
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::vector_copy::safecopy_copy_neon;
use crate::recovery::recover;
use crate::stop::Stop;

/// The longest copy that [`copy_small`] takes, and the longest zeroing of `zero_small`.
pub(crate) const SMALL: usize = 64;

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
    // SAFETY: 1. and 2. are ours.
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
