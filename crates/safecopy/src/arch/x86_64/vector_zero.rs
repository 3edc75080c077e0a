//! Zeroing of more than 32 bytes with vector moves: x86-64.
//!
//! # Registers
//!
//! Leaves that only [`zero_chunk`](super::zero::zero_chunk) calls, with destination and length in
//! RDI and RSI, which stay what they are. Changed are RAX and RDX (the stop), RCX, R9, flags, and
//! XMM0 (`sse2`), YMM0-15 (`avx`, which ends with `vzeroupper`), YMM or ZMM16 (`evex32`, `evex64`).
//! They push nothing.
//!
//! # Fault path
//!
//! The landing is the last `ret`, for `avx` the `vzeroupper` before it, with the stop in RAX and
//! RDX as any result of two words.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::global_asm;
use std::sync::atomic::{AtomicPtr, Ordering};

use super::back_end::Leaf;
use crate::recovery::recover;

// Code, of which only the addresses are taken: they are no functions of any ABI, see above.
unsafe extern "C" {
    #[link_name = "safecopy_zero_sse2"]
    static SSE2: u8;
    #[link_name = "safecopy_zero_avx"]
    static AVX: u8;
    #[link_name = "safecopy_zero_evex32"]
    static EVEX32: u8;
    #[link_name = "safecopy_zero_evex64"]
    static EVEX64: u8;
    #[link_name = "safecopy_zero_strings"]
    static STRINGS: u8;
}

/// The leaf in use.
static LEAF: AtomicPtr<u8> = AtomicPtr::new((&raw const SSE2).cast_mut());

/// Returns the address of the leaf in use, whose instructions the CPU has.
#[inline(always)]
pub(super) fn leaf() -> *mut u8 {
    LEAF.load(Ordering::Relaxed)
}

/// Puts a leaf into use, which the CPU must be able to run.
pub(super) fn select(leaf: Leaf) {
    LEAF.store(address_of(leaf), Ordering::Relaxed);
}

/// Returns the address of a leaf.
pub(super) fn address_of(leaf: Leaf) -> *mut u8 {
    let code = match leaf {
        Leaf::Sse2 => &raw const SSE2,
        Leaf::Avx => &raw const AVX,
        Leaf::Evex32 => &raw const EVEX32,
        Leaf::Evex64 => &raw const EVEX64,
        Leaf::Strings => &raw const STRINGS,
    };
    code.cast_mut()
}

/// Zeroes more than 32 bytes, for one vector width.
///
/// A macro because the three differ only in names that the assembler must see: what clears the
/// register, the unaligned store, the register, the width and what restores the upper halves.
macro_rules! vector_zero {
    ($name:literal, $clear:literal, $mov:literal, $reg:literal, $width:literal, $short:expr,
     $leave:literal) => {
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
            $short,
            "cmp rsi, 2*W",
            "ja 23f",
            concat!($mov, " [rdi], ", $reg),
            concat!($mov, " [rdi + rsi - W], ", $reg),
            "xor eax, eax",
            $leave,
            "ret",
            "23:",
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
            "lea r9, [rdi + rsi - 4*W]",
            "lea rcx, [rdi + W]",
            "and rcx, -W",
            ".balign 32",
            "26:",
            concat!($mov, " [rcx], ", $reg),
            concat!($mov, " [rcx + W], ", $reg),
            concat!($mov, " [rcx + 2*W], ", $reg),
            concat!($mov, " [rcx + 3*W], ", $reg),
            "add rcx, 4*W",
            "cmp rcx, r9",
            "jb 26b",
            concat!($mov, " [r9], ", $reg),
            concat!($mov, " [r9 + W], ", $reg),
            concat!($mov, " [r9 + 2*W], ", $reg),
            concat!($mov, " [r9 + 3*W], ", $reg),
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

vector_zero!("safecopy_zero_sse2", "xorps xmm0, xmm0", "movups", "xmm0", "16", "", "");
vector_zero!(
    "safecopy_zero_avx",
    "vpxor xmm0, xmm0, xmm0",
    "vmovdqu",
    "ymm0",
    "32",
    "",
    "vzeroupper"
);
vector_zero!(
    "safecopy_zero_evex32",
    "vpxorq ymm16, ymm16, ymm16",
    "vmovdqu64",
    "ymm16",
    "32",
    "",
    ""
);
vector_zero!(
    "safecopy_zero_evex64",
    "vpxorq ymm16, ymm16, ymm16",
    "vmovdqu64",
    "zmm16",
    "64",
    concat!(
        "cmp rsi, W\n",
        "ja 22f\n",
        "vmovdqu64 [rdi], ymm16\n",
        "vmovdqu64 [rdi + rsi - 32], ymm16\n",
        "xor eax, eax\n",
        "ret\n",
        "22:"
    ),
    ""
);

global_asm!(
    ".pushsection .text.safecopy_zero_strings,\"ax\",@progbits",
    ".globl safecopy_zero_strings",
    ".hidden safecopy_zero_strings",
    ".type safecopy_zero_strings, @function",
    ".balign 64",
    "safecopy_zero_strings:",
    "mov rcx, rsi",
    "mov r9, rdi",
    "xor eax, eax",
    "20:",
    "rep stosb",
    "21:",
    "mov rdi, r9",
    "ret",
    recover!("20b", "21b", "21b"),
    ".size safecopy_zero_strings, . - safecopy_zero_strings",
    ".popsection",
);
