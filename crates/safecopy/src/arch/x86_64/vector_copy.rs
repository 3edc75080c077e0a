//! Copies of more than 64 bytes with vector moves: x86-64.
//!
//! # Registers
//!
//! Functions of the System V ABI: destination, source and length in RDI, RSI and RDX. They change
//! those, RAX, RCX, R8, flags, and vector registers: XMM0-7 (`sse2`), YMM0-7 (`avx`, which ends
//! with `vzeroupper`) or YMM16-23 (`avx512vl`: registers without a legacy name, whose upper halves
//! hold nobody up). They push nothing.
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
    pub(super) fn safecopy_copy_sse2(dst: *mut u8, src: *const u8, len: usize) -> Stop;
    pub(super) fn safecopy_copy_avx(dst: *mut u8, src: *const u8, len: usize) -> Stop;
    pub(super) fn safecopy_copy_avx512vl(dst: *mut u8, src: *const u8, len: usize) -> Stop;
}

/// One vector copy of more than 64 bytes, for one vector width.
///
/// A macro because the three differ only in names that the assembler must see: `$load`/`$store`
/// (unaligned), the register name's two halves, the width and what restores the upper halves.
macro_rules! vector_copy {
    ($name:literal, $mov:literal, $reg:literal, $width:literal, [$a:literal $b:literal $c:literal
     $d:literal $e:literal $f:literal $g:literal $h:literal], $leave:literal) => {
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".type ", $name, ", @function"),
            ".balign 64",
            concat!($name, ":"),
            concat!(".set W, ", $width),
            "20:",
            "cmp rdx, 4*W",
            "ja 24f",
            // Up to four vectors: two from the front, two from the back.
            concat!($mov, " ", $reg, $a, ", [rsi]"),
            concat!($mov, " ", $reg, $b, ", [rsi + W]"),
            concat!($mov, " ", $reg, $c, ", [rsi + rdx - 2*W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + rdx - W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + W], ", $reg, $b),
            concat!($mov, " [rdi + rdx - 2*W], ", $reg, $c),
            concat!($mov, " [rdi + rdx - W], ", $reg, $d),
            "xor eax, eax",
            $leave,
            "ret",
            "24:",
            "cmp rdx, 8*W",
            "ja 25f",
            // Up to eight vectors: four from the front, four from the back.
            concat!($mov, " ", $reg, $a, ", [rsi]"),
            concat!($mov, " ", $reg, $b, ", [rsi + W]"),
            concat!($mov, " ", $reg, $c, ", [rsi + 2*W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + 3*W]"),
            concat!($mov, " ", $reg, $e, ", [rsi + rdx - 4*W]"),
            concat!($mov, " ", $reg, $f, ", [rsi + rdx - 3*W]"),
            concat!($mov, " ", $reg, $g, ", [rsi + rdx - 2*W]"),
            concat!($mov, " ", $reg, $h, ", [rsi + rdx - W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + W], ", $reg, $b),
            concat!($mov, " [rdi + 2*W], ", $reg, $c),
            concat!($mov, " [rdi + 3*W], ", $reg, $d),
            concat!($mov, " [rdi + rdx - 4*W], ", $reg, $e),
            concat!($mov, " [rdi + rdx - 3*W], ", $reg, $f),
            concat!($mov, " [rdi + rdx - 2*W], ", $reg, $g),
            concat!($mov, " [rdi + rdx - W], ", $reg, $h),
            "xor eax, eax",
            $leave,
            "ret",
            "25:",
            // One vector, then aligned stores four at a time, then the last four vectors.
            concat!($mov, " ", $reg, $a, ", [rsi]"),
            "lea rcx, [rdi + rdx - 4*W]",
            "lea r8, [rsi + rdx - 4*W]",
            "sub rsi, rdi",
            concat!($mov, " [rdi], ", $reg, $a),
            "and rdi, -W",
            "add rdi, W",
            ".balign 32",
            "26:",
            concat!($mov, " ", $reg, $a, ", [rsi + rdi]"),
            concat!($mov, " ", $reg, $b, ", [rsi + rdi + W]"),
            concat!($mov, " ", $reg, $c, ", [rsi + rdi + 2*W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + rdi + 3*W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + W], ", $reg, $b),
            concat!($mov, " [rdi + 2*W], ", $reg, $c),
            concat!($mov, " [rdi + 3*W], ", $reg, $d),
            "add rdi, 4*W",
            "cmp rdi, rcx",
            "jb 26b",
            concat!($mov, " ", $reg, $a, ", [r8]"),
            concat!($mov, " ", $reg, $b, ", [r8 + W]"),
            concat!($mov, " ", $reg, $c, ", [r8 + 2*W]"),
            concat!($mov, " ", $reg, $d, ", [r8 + 3*W]"),
            concat!($mov, " [rcx], ", $reg, $a),
            concat!($mov, " [rcx + W], ", $reg, $b),
            concat!($mov, " [rcx + 2*W], ", $reg, $c),
            concat!($mov, " [rcx + 3*W], ", $reg, $d),
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

vector_copy!("safecopy_copy_sse2", "movups", "xmm", "16", ["0" "1" "2" "3" "4" "5" "6" "7"], "");
vector_copy!(
    "safecopy_copy_avx", "vmovdqu", "ymm", "32", ["0" "1" "2" "3" "4" "5" "6" "7"], "vzeroupper"
);
// Registers from 16 up have no legacy name, so their upper halves hold nobody up.
vector_copy!(
    "safecopy_copy_avx512vl", "vmovdqu64", "ymm", "32",
    ["16" "17" "18" "19" "20" "21" "22" "23"], ""
);
