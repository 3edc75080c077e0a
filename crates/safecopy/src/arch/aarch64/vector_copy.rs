//! Copies of more than 64 bytes with vector moves: aarch64.
//!
//! # Registers
//!
//! A function of AAPCS64: destination, source and length in X0, X1 and X2. It changes X0, X1,
//! X3-X5, V0-V7 and flags, and pushes nothing.
//!
//! # Fault path
//!
//! The landing is the last `ret`, with the stop in X0 and X1 as any result of two words.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::global_asm;

use crate::recovery::recover;
use crate::stop::Stop;

unsafe extern "C" {
    pub(super) fn safecopy_copy_neon(dst: *mut u8, src: *const u8, len: usize) -> Stop;
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
