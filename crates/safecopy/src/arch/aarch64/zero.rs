//! Zeroing: aarch64.
//!
//! # Registers
//!
//! Inline zeroing uses X0, X1, general registers of the compiler's choice, and V0. The counting
//! form uses X0 and two registers that it declares as changed. Flags change.
//!
//! # Fault path
//!
//! X0 and X1 hold the stop; which part was zeroed is known only of [`zero_exact`].
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::vector_zero::safecopy_zero_neon;
use crate::recovery::recover;
use crate::stop::Stop;

/// Zeroes up to [`SMALL`](super::SMALL) bytes. After a fault, any part of them may have been
/// zeroed.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn zero_small(dst: *mut u8, len: usize) -> Stop {
    let (info, addr);
    let end = dst.wrapping_add(len);
    if len > 32 {
        // SAFETY: the moves lie within `len`, which is at least 32.
        unsafe {
            asm!(
                "movi v0.2d, #0",
                "20:",
                "stp q0, q0, [{dst}]",
                "stp q0, q0, [{end}, #-32]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                end = in(reg) end,
                out("x0") info,
                out("x1") addr,
                out("v0") _,
                options(nostack),
            );
        }
    } else if len >= 16 {
        // SAFETY: the moves lie within `len`, which is at least 16.
        unsafe {
            asm!(
                "20:",
                "stp xzr, xzr, [{dst}]",
                "stp xzr, xzr, [{end}, #-16]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                end = in(reg) end,
                out("x0") info,
                out("x1") addr,
                options(nostack),
            );
        }
    } else if len >= 8 {
        // SAFETY: the moves lie within `len`, which is at least 8.
        unsafe {
            asm!(
                "20:",
                "str xzr, [{dst}]",
                "str xzr, [{end}, #-8]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                end = in(reg) end,
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
                "str wzr, [{dst}]",
                "str wzr, [{end}, #-4]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                end = in(reg) end,
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
                "strb wzr, [{dst}]",
                "strb wzr, [{dst}, {half}]",
                "strb wzr, [{end}, #-1]",
                "21:",
                "mov x0, xzr",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                end = in(reg) end,
                half = in(reg) len / 2,
                out("x0") info,
                out("x1") addr,
                options(nostack),
            );
        }
    }
    Stop { info, addr }
}

/// Zeroes more than [`SMALL`](super::SMALL) bytes with vector moves. After a fault, any part of
/// them may have been zeroed.
///
/// # Safety
/// 1. `len > SMALL`.
/// 2. Writing `[dst, dst + len)` harms nobody.
#[inline]
pub(crate) unsafe fn zero_chunk(dst: *mut u8, len: usize) -> Stop {
    // SAFETY: 1. and 2. are ours.
    unsafe { safecopy_zero_neon(dst, len) }
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
