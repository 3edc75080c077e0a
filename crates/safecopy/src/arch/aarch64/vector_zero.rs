//! Zeroing of more than 64 bytes with vector moves: aarch64.
//!
//! # Registers
//!
//! A function of AAPCS64: destination and length in X0 and X1. It changes X0, X3, X4, V0 and
//! flags, and pushes nothing.
//!
//! # Fault path
//!
//! The landing is the last `ret`, with the stop in X0 and X1 as any result of two words.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::global_asm;

use crate::recovery::recover;
use crate::stop::Stop;

unsafe extern "C" {
    pub(super) fn safecopy_zero_neon(dst: *mut u8, len: usize) -> Stop;
}

global_asm!(
    ".pushsection .text.safecopy_zero_neon,\"ax\",@progbits",
    ".globl safecopy_zero_neon",
    ".hidden safecopy_zero_neon",
    ".type safecopy_zero_neon, @function",
    ".balign 64",
    "safecopy_zero_neon:",
    "movi v0.2d, #0",
    "add x3, x0, x1",
    "sub x4, x3, #64",
    // 64 bytes at a time, then the last 64.
    "20:",
    "stp q0, q0, [x0]",
    "stp q0, q0, [x0, #32]",
    "add x0, x0, #64",
    "cmp x0, x4",
    "b.lo 20b",
    "stp q0, q0, [x4]",
    "stp q0, q0, [x4, #32]",
    "mov x0, xzr",
    "21:",
    "ret",
    recover!("20b", "21b", "21b"),
    ".size safecopy_zero_neon, . - safecopy_zero_neon",
    ".popsection",
);
