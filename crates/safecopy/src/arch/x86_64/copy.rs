//! Copies: x86-64.
//!
//! # Registers
//!
//! Inline copies use RAX, RDX and general registers of the compiler's choice, those of more than
//! [`SMALL`] bytes XMM0-3; they load everything before they store anything, and store in ascending
//! order. `rep movsb` changes RDI, RSI and RCX, also when it
//! faults, and RCX is then what is left (Intel SDM, volume 2B, REP). Flags change.
//!
//! # Fault path
//!
//! RAX and RDX hold the stop; which part of the destination was written is known only of
//! [`copy_exact`].
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::vector_copy;
use crate::recovery::recover;
use crate::stop::Stop;

/// The longest copy that [`copy_small`] takes, and the longest zeroing of `zero_small`.
pub(crate) const SMALL: usize = 32;

/// Copies up to [`SMALL`] bytes, all loads before the first store. After a fault, any part of
/// the destination may have been written.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn copy_small(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    let (info, addr);
    if len >= 8 {
        if len > 16 {
            // SAFETY: the moves lie within `len`, which is at least 16.
            unsafe {
                asm!(
                    "20:",
                    "mov rax, [{src}]",
                    "mov rdx, [{src} + 8]",
                    "mov {t0}, [{src} + {len} - 16]",
                    "mov {t1}, [{src} + {len} - 8]",
                    "mov [{dst}], rax",
                    "mov [{dst} + 8], rdx",
                    "mov [{dst} + {len} - 16], {t0}",
                    "mov [{dst} + {len} - 8], {t1}",
                    "21:",
                    "xor eax, eax",
                    "22:",
                    recover!("20b", "21b", "22b"),
                    dst = in(reg) dst,
                    src = in(reg) src,
                    len = in(reg) len,
                    t0 = out(reg) _,
                    t1 = out(reg) _,
                    out("rax") info,
                    out("rdx") addr,
                    options(nostack),
                );
            }
        } else {
            // SAFETY: the moves lie within `len`, which is at least 8.
            unsafe {
                asm!(
                    "20:",
                    "mov rax, [{src}]",
                    "mov rdx, [{src} + {len} - 8]",
                    "mov [{dst}], rax",
                    "mov [{dst} + {len} - 8], rdx",
                    "21:",
                    "xor eax, eax",
                    "22:",
                    recover!("20b", "21b", "22b"),
                    dst = in(reg) dst,
                    src = in(reg) src,
                    len = in(reg) len,
                    out("rax") info,
                    out("rdx") addr,
                    options(nostack),
                );
            }
        }
    } else if len >= 4 {
        // SAFETY: the moves lie within `len`, which is at least 4.
        unsafe {
            asm!(
                "20:",
                "mov eax, [{src}]",
                "mov edx, [{src} + {len} - 4]",
                "mov [{dst}], eax",
                "mov [{dst} + {len} - 4], edx",
                "21:",
                "xor eax, eax",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                len = in(reg) len,
                out("rax") info,
                out("rdx") addr,
                options(nostack),
            );
        }
    } else {
        // SAFETY: for 1, 2 and 3 bytes the first, the middle and the last are all there are.
        unsafe {
            asm!(
                "20:",
                "movzx eax, byte ptr [{src}]",
                "movzx edx, byte ptr [{src} + {half}]",
                "movzx {t:e}, byte ptr [{src} + {len} - 1]",
                "mov [{dst}], al",
                "mov [{dst} + {half}], dl",
                "mov [{dst} + {len} - 1], {t:l}",
                "21:",
                "xor eax, eax",
                "22:",
                recover!("20b", "21b", "22b"),
                dst = in(reg) dst,
                src = in(reg) src,
                len = in(reg) len,
                half = in(reg) len / 2,
                t = out(reg) _,
                out("rax") info,
                out("rdx") addr,
                options(nostack),
            );
        }
    }
    Stop { info, addr }
}

/// The longest copy that is made inline where the CPU has AVX.
const INLINE: usize = 64;

/// Copies more than [`SMALL`] bytes with vector moves. After a fault, any part of the destination
/// may have been written.
///
/// # Safety
/// 1. `len > SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn copy_chunk(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    if len <= INLINE && vector_copy::has_inline() {
        // SAFETY: 1. is ours and was just checked; 2. is ours; 3. was just asked.
        unsafe { copy_inline(dst, src, len) }
    } else {
        // SAFETY: 1. and 2. are ours.
        unsafe { copy_by_leaf(dst, src, len) }
    }
}

/// Copies up to [`INLINE`] bytes with moves that leave no upper half of a register dirty, all loads
/// before the first store.
///
/// # Safety
/// 1. `SMALL < len <= INLINE`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
/// 3. The CPU has AVX.
#[inline(always)]
unsafe fn copy_inline(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    let (info, addr);
    // SAFETY: the moves lie within `len`, which is at least 32, and the CPU has them.
    unsafe {
        asm!(
            "20:",
            "vmovdqu xmm0, [{src}]",
            "vmovdqu xmm1, [{src} + 16]",
            "vmovdqu xmm2, [{src} + {len} - 32]",
            "vmovdqu xmm3, [{src} + {len} - 16]",
            "vmovdqu [{dst}], xmm0",
            "vmovdqu [{dst} + 16], xmm1",
            "vmovdqu [{dst} + {len} - 32], xmm2",
            "vmovdqu [{dst} + {len} - 16], xmm3",
            "21:",
            "xor eax, eax",
            "22:",
            recover!("20b", "21b", "22b"),
            dst = in(reg) dst,
            src = in(reg) src,
            len = in(reg) len,
            out("rax") info,
            out("rdx") addr,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _,
            options(nostack),
        );
    }
    Stop { info, addr }
}

/// Copies more than [`SMALL`] bytes with the leaf in use.
///
/// # Safety
/// 1. `len > SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(always)]
unsafe fn copy_by_leaf(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    let (info, addr);
    // SAFETY: the leaf does what 1. and 2. allow, with instructions that the CPU has, and changes
    // the registers that are declared. A call by hand rather than through an ABI: whoever inlines
    // this keeps its values in the other registers.
    unsafe {
        asm!(
            "call rax",
            inout("rax") vector_copy::leaf() => info,
            in("rdi") dst,
            in("rsi") src,
            inout("rdx") len => addr,
            out("rcx") _, out("r8") _, out("r9") _,
            out("xmm0") _, out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _,
            out("xmm5") _, out("xmm6") _, out("xmm7") _, out("xmm8") _,
            // `vzeroupper` changes the upper halves of these as well.
            out("xmm9") _, out("xmm10") _, out("xmm11") _, out("xmm12") _, out("xmm13") _,
            out("xmm14") _, out("xmm15") _,
            out("xmm16") _, out("xmm17") _, out("xmm18") _, out("xmm19") _, out("xmm20") _,
            out("xmm21") _, out("xmm22") _, out("xmm23") _, out("xmm24") _, out("xmm25") _,
            out("k1") _,
        );
    }
    Stop { info, addr }
}

/// Copies bytes in ascending order, and returns how many are left.
///
/// # Safety
/// 1. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(never)]
pub(crate) unsafe fn copy_exact(dst: *mut u8, src: *const u8, len: usize) -> (Stop, usize) {
    let (info, addr, left);
    // SAFETY: the bytes are those of the contract. `rep movsb` changes RDI, RSI and RCX, also
    // when it faults, and RCX is then exactly what is left.
    unsafe {
        asm!(
            "20:",
            "rep movsb",
            "21:",
            "xor eax, eax",
            "22:",
            recover!("20b", "21b", "22b"),
            inout("rdi") dst => _,
            inout("rsi") src => _,
            inout("rcx") len => left,
            out("rax") info,
            out("rdx") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, left)
}
