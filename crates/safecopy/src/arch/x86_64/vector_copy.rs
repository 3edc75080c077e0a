//! Copies of more than 32 bytes with vector moves: x86-64.
//!
//! # Registers
//!
//! Leaves that only [`copy_chunk`](super::copy::copy_chunk) calls, those of vectors for more than 64 bytes, with destination, source and
//! length in RDI, RSI and RDX. RDI and RSI stay what they are. Changed are RAX and RDX (the stop),
//! RCX, R8, R9, flags, and vector registers: XMM0-8 (`sse2`), YMM0-15 (`avx`, which ends with
//! `vzeroupper`), YMM or ZMM16-25 and K1 (`evex32`, `evex64`: registers without a legacy name, whose
//! upper halves hold nobody up). They push nothing.
//!
//! # Fault path
//!
//! The landing is the last `ret`, for `avx` the `vzeroupper` before it, with the stop in RAX and
//! RDX as any result of two words.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::global_asm;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

use super::back_end::Leaf;
use crate::recovery::recover;

// Code, of which only the addresses are taken: they are no functions of any ABI, see above.
unsafe extern "C" {
    #[link_name = "safecopy_copy_sse2"]
    static SSE2: u8;
    #[link_name = "safecopy_copy_avx"]
    static AVX: u8;
    #[link_name = "safecopy_copy_evex32"]
    static EVEX32: u8;
    #[link_name = "safecopy_copy_evex64"]
    static EVEX64: u8;
    #[link_name = "safecopy_copy_strings"]
    static STRINGS: u8;
}

/// The leaf in use.
static LEAF: AtomicPtr<u8> = AtomicPtr::new((&raw const SSE2).cast_mut());

/// Whether copies of up to twice what general registers take are made inline with VEX moves. Apart
/// from the leaf, of which it is a part, so that it is no more than a byte to look at.
static INLINE: AtomicBool = AtomicBool::new(false);

/// Returns whether copies that are a little too long for general registers are made inline with VEX
/// moves, which the CPU then has.
#[inline(always)]
pub(super) fn has_inline() -> bool {
    INLINE.load(Ordering::Relaxed)
}

/// Returns the address of the leaf in use, whose instructions the CPU has.
#[inline(always)]
pub(super) fn leaf() -> *mut u8 {
    LEAF.load(Ordering::Relaxed)
}

/// Puts a leaf into use, which the CPU must be able to run.
pub(super) fn select(leaf: Leaf) {
    LEAF.store(address_of(leaf), Ordering::Relaxed);
    INLINE.store(leaf.has_vex(), Ordering::Relaxed);
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

/// One vector copy of more than 32 bytes, for one vector width.
///
/// A macro because they differ only in what the assembler must see: the unaligned move, the register
/// name's two halves, the width, what one of them does for short copies and for a tail behind the end
/// of a page, and what restores the upper halves.
macro_rules! vector_copy {
    ($name:literal, $mov:literal, $reg:literal, $width:literal, [$a:literal $b:literal $c:literal
     $d:literal $e:literal $f:literal $g:literal $h:literal $i:literal], $short:expr, $split:expr,
     $finish:literal, $leave:literal) => {
        global_asm!(
            concat!(".pushsection .text.", $name, ",\"ax\",@progbits"),
            concat!(".globl ", $name),
            concat!(".hidden ", $name),
            concat!(".type ", $name, ", @function"),
            ".balign 64",
            concat!($name, ":"),
            concat!(".set W, ", $width),
            "20:",
            "cmp rdx, 2*W",
            "ja 23f",
            $short,
            // Up to two vectors: the first and the last.
            concat!($mov, " ", $reg, $a, ", [rsi]"),
            concat!($mov, " ", $reg, $b, ", [rsi + rdx - W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + rdx - W], ", $reg, $b),
            "xor eax, eax",
            $leave,
            "ret",
            "23:",
            // Beyond that, the first vector and the last whatever the length, and loaded first.
            concat!($mov, " ", $reg, $a, ", [rsi]"),
            concat!($mov, " ", $reg, $b, ", [rsi + rdx - W]"),
            "cmp rdx, 4*W",
            "ja 24f",
            // Up to four vectors: two from the front, two from the back.
            concat!($mov, " ", $reg, $c, ", [rsi + W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + rdx - 2*W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + W], ", $reg, $c),
            concat!($mov, " [rdi + rdx - 2*W], ", $reg, $d),
            concat!($mov, " [rdi + rdx - W], ", $reg, $b),
            "xor eax, eax",
            $leave,
            "ret",
            "24:",
            "cmp rdx, 8*W",
            "ja 25f",
            // Up to eight vectors: four from the front, four from the back.
            concat!($mov, " ", $reg, $c, ", [rsi + W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + 2*W]"),
            concat!($mov, " ", $reg, $e, ", [rsi + 3*W]"),
            concat!($mov, " ", $reg, $f, ", [rsi + rdx - 4*W]"),
            concat!($mov, " ", $reg, $g, ", [rsi + rdx - 3*W]"),
            concat!($mov, " ", $reg, $h, ", [rsi + rdx - 2*W]"),
            concat!($mov, " [rdi], ", $reg, $a),
            concat!($mov, " [rdi + W], ", $reg, $c),
            concat!($mov, " [rdi + 2*W], ", $reg, $d),
            concat!($mov, " [rdi + 3*W], ", $reg, $e),
            concat!($mov, " [rdi + rdx - 4*W], ", $reg, $f),
            concat!($mov, " [rdi + rdx - 3*W], ", $reg, $g),
            concat!($mov, " [rdi + rdx - 2*W], ", $reg, $h),
            concat!($mov, " [rdi + rdx - W], ", $reg, $b),
            "xor eax, eax",
            $leave,
            "ret",
            "25:",
            $split,
            // Aligned stores, four at a time, between the first vector and the last four. Those are
            // loaded before the loop and stored after it: where source and destination lie equally
            // within their pages, a load just behind a store is taken for one that depends on it.
            concat!($mov, " ", $reg, $c, ", [rsi + rdx - 4*W]"),
            concat!($mov, " ", $reg, $d, ", [rsi + rdx - 3*W]"),
            concat!($mov, " ", $reg, $e, ", [rsi + rdx - 2*W]"),
            "lea r9, [rdi + rdx - 4*W]",
            concat!($mov, " [rdi], ", $reg, $a),
            "lea rcx, [rdi + W]",
            "and rcx, -W",
            "mov r8, rsi",
            "sub r8, rdi",
            ".balign 32",
            "26:",
            concat!($mov, " ", $reg, $f, ", [r8 + rcx]"),
            concat!($mov, " ", $reg, $g, ", [r8 + rcx + W]"),
            concat!($mov, " ", $reg, $h, ", [r8 + rcx + 2*W]"),
            concat!($mov, " ", $reg, $i, ", [r8 + rcx + 3*W]"),
            concat!($mov, " [rcx], ", $reg, $f),
            concat!($mov, " [rcx + W], ", $reg, $g),
            concat!($mov, " [rcx + 2*W], ", $reg, $h),
            concat!($mov, " [rcx + 3*W], ", $reg, $i),
            "add rcx, 4*W",
            "cmp rcx, r9",
            "jb 26b",
            concat!($mov, " [r9], ", $reg, $c),
            concat!($mov, " [r9 + W], ", $reg, $d),
            concat!($mov, " [r9 + 2*W], ", $reg, $e),
            concat!($mov, " [r9 + 3*W], ", $reg, $b),
            $finish,
            "21:",
            $leave,
            "ret",
            recover!("20b", "21b", "21b"),
            concat!(".size ", $name, ", . - ", $name),
            ".popsection",
        );
    };
}

vector_copy!(
    "safecopy_copy_sse2", "movups", "xmm", "16", ["0" "1" "2" "3" "4" "5" "6" "7" "8"], "", "",
    "xor eax, eax", ""
);
vector_copy!(
    "safecopy_copy_avx", "vmovdqu", "ymm", "32", ["0" "1" "2" "3" "4" "5" "6" "7" "8"], "", "",
    "xor eax, eax", "vzeroupper"
);
// Registers from 16 up have no legacy name, so their upper halves hold nobody up.
vector_copy!(
    "safecopy_copy_evex32", "vmovdqu64", "ymm", "32",
    ["16" "17" "18" "19" "20" "21" "22" "23" "24"], "", "",
    "xor eax, eax", ""
);
vector_copy!(
    "safecopy_copy_evex64", "vmovdqu64", "zmm", "64",
    ["16" "17" "18" "19" "20" "21" "22" "23" "24"],
    concat!(
        "cmp rdx, W\n",
        "ja 22f\n",
        "vmovdqu64 ymm16, [rsi]\n",
        "vmovdqu64 ymm17, [rsi + rdx - 32]\n",
        "vmovdqu64 [rdi], ymm16\n",
        "vmovdqu64 [rdi + rdx - 32], ymm17\n",
        "xor eax, eax\n",
        "ret\n",
        "22:"
    ),
    // A store across the end of a page costs as much as half a page of others, and with the last
    // vector a buffer that begins a few bytes into its page makes one. What lies behind the end of
    // that page, less than a vector, is moved apart: last, so that all is written in ascending order,
    // from ZMM25 to where RAX says.
    concat!(
        "xor eax, eax\n",
        "lea r9, [rdi + rdx - 1]\n",
        "and r9d, 4095\n",
        "cmp r9d, W - 1\n",
        "jae 27f\n",
        "mov ecx, W - 1\n",
        "sub ecx, r9d\n",
        "mov rax, -1\n",
        "shr rax, cl\n",
        "kmovq k1, rax\n",
        "not r9\n",
        "add rdx, r9\n",
        "vmovdqu8 zmm25{{k1}}{{z}}, [rsi + rdx]\n",
        "lea rax, [rdi + rdx]\n",
        "vmovdqu64 zmm17, [rsi + rdx - W]\n",
        "27:"
    ),
    "test rax, rax\njz 21f\nvmovdqu8 [rax]{{k1}}, zmm25\nxor eax, eax",
    ""
);

global_asm!(
    ".pushsection .text.safecopy_copy_strings,\"ax\",@progbits",
    ".globl safecopy_copy_strings",
    ".hidden safecopy_copy_strings",
    ".type safecopy_copy_strings, @function",
    ".balign 64",
    "safecopy_copy_strings:",
    "mov rcx, rdx",
    "mov r8, rdi",
    "mov r9, rsi",
    "20:",
    "rep movsb",
    "xor eax, eax",
    "21:",
    "mov rdi, r8",
    "mov rsi, r9",
    "ret",
    recover!("20b", "21b", "21b"),
    ".size safecopy_copy_strings, . - safecopy_copy_strings",
    ".popsection",
);
