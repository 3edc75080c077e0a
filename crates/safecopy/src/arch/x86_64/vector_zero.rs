//! Zeroing of more than 64 bytes with vector moves: x86-64.
//!
//! # Registers
//!
//! Functions of the System V ABI: destination and length in RDI and RSI. They change RDI, RAX,
//! RCX, flags, and XMM0 (`sse2`), YMM0 (`avx`, which ends with `vzeroupper`) or YMM16
//! (`avx512vl`). They push nothing.
//!
//! # Fault path
//!
//! The landing is the last `ret`, for `avx` the `vzeroupper` before it, with the stop in RAX and
//! RDX as any result of two words.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::global_asm;

use crate::recovery::recover;
use crate::stop::Stop;

unsafe extern "C" {
    pub(super) fn safecopy_zero_sse2(dst: *mut u8, len: usize) -> Stop;
    pub(super) fn safecopy_zero_avx(dst: *mut u8, len: usize) -> Stop;
    pub(super) fn safecopy_zero_avx512vl(dst: *mut u8, len: usize) -> Stop;
}

/// Zeroes more than 64 bytes, for one vector width.
///
/// A macro because the three differ only in names that the assembler must see: what clears the
/// register, the unaligned store, the register, the width and what restores the upper halves.
macro_rules! vector_zero {
    ($name:literal, $clear:literal, $mov:literal, $reg:literal, $width:literal, $leave:literal) => {
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".type ", $name, ", @function"),
            ".balign 64",
            concat!($name, ":"),
            concat!(".set W, ", $width),
            $clear,
            "20:",
            "cmp rsi, 4*W",
            "ja 24f",
            // Up to four vectors: two from the front, two from the back.
            concat!($mov, " [rdi], ", $reg),
            concat!($mov, " [rdi + W], ", $reg),
            concat!($mov, " [rdi + rsi - 2*W], ", $reg),
            concat!($mov, " [rdi + rsi - W], ", $reg),
            "xor eax, eax",
            $leave,
            "ret",
            "24:",
            "cmp rsi, 8*W",
            "ja 25f",
            // Up to eight vectors: four from the front, four from the back.
            concat!($mov, " [rdi], ", $reg),
            concat!($mov, " [rdi + W], ", $reg),
            concat!($mov, " [rdi + 2*W], ", $reg),
            concat!($mov, " [rdi + 3*W], ", $reg),
            concat!($mov, " [rdi + rsi - 4*W], ", $reg),
            concat!($mov, " [rdi + rsi - 3*W], ", $reg),
            concat!($mov, " [rdi + rsi - 2*W], ", $reg),
            concat!($mov, " [rdi + rsi - W], ", $reg),
            "xor eax, eax",
            $leave,
            "ret",
            "25:",
            // One vector, then aligned stores four at a time, then the last four vectors.
            concat!($mov, " [rdi], ", $reg),
            "lea rcx, [rdi + rsi - 4*W]",
            "and rdi, -W",
            "add rdi, W",
            ".balign 32",
            "26:",
            concat!($mov, " [rdi], ", $reg),
            concat!($mov, " [rdi + W], ", $reg),
            concat!($mov, " [rdi + 2*W], ", $reg),
            concat!($mov, " [rdi + 3*W], ", $reg),
            "add rdi, 4*W",
            "cmp rdi, rcx",
            "jb 26b",
            concat!($mov, " [rcx], ", $reg),
            concat!($mov, " [rcx + W], ", $reg),
            concat!($mov, " [rcx + 2*W], ", $reg),
            concat!($mov, " [rcx + 3*W], ", $reg),
            "xor eax, eax",
            "21:",
            $leave,
            "ret",
            recover!("20b", "21b", "21b"),
            concat!(".size ", $name, ", . - ", $name),
            ".popsection",
        );
    };
}

vector_zero!("safecopy_zero_sse2", "xorps xmm0, xmm0", "movups", "xmm0", "16", "");
vector_zero!("safecopy_zero_avx", "vpxor xmm0, xmm0, xmm0", "vmovdqu", "ymm0", "32", "vzeroupper");
vector_zero!(
    "safecopy_zero_avx512vl",
    "vpxorq ymm16, ymm16, ymm16",
    "vmovdqu64",
    "ymm16",
    "32",
    ""
);
