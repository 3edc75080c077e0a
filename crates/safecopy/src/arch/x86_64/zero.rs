//! Zeroing: x86-64.
//!
//! # Registers
//!
//! Inline zeroing uses RAX, which is zero, RDX and general registers of the compiler's choice.
//! `rep stosb` changes RDI and RCX, also when it faults, and RCX is then what is left (Intel
//! SDM, volume 2B, REP). Flags change.
//!
//! # Fault path
//!
//! RAX and RDX hold the stop; RAX is zero from the start, so that the end needs no step of its
//! own. Which part was zeroed is known only of [`zero_exact`].
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::vector_zero;
use crate::recovery::recover;
use crate::stop::Stop;

/// Zeroes up to [`SMALL`](super::SMALL) bytes. After a fault, any part of them may have been zeroed.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn zero_small(dst: *mut u8, len: usize) -> Stop {
    let (info, addr);
    if len >= 8 {
        if len > 16 {
            // SAFETY: the moves lie within `len`, which is at least 16.
            unsafe {
                asm!(
                    "xor eax, eax",
                    "20:",
                    "mov [{dst}], rax",
                    "mov [{dst} + 8], rax",
                    "mov [{dst} + {len} - 16], rax",
                    "mov [{dst} + {len} - 8], rax",
                    "21:",
                    recover!("20b", "21b", "21b"),
                    dst = in(reg) dst,
                    len = in(reg) len,
                    out("rax") info,
                    out("rdx") addr,
                    options(nostack),
                );
            }
        } else {
            // SAFETY: the moves lie within `len`, which is at least 8.
            unsafe {
                asm!(
                    "xor eax, eax",
                    "20:",
                    "mov [{dst}], rax",
                    "mov [{dst} + {len} - 8], rax",
                    "21:",
                    recover!("20b", "21b", "21b"),
                    dst = in(reg) dst,
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
                "xor eax, eax",
                "20:",
                "mov [{dst}], eax",
                "mov [{dst} + {len} - 4], eax",
                "21:",
                recover!("20b", "21b", "21b"),
                dst = in(reg) dst,
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
                "xor eax, eax",
                "20:",
                "mov [{dst}], al",
                "mov [{dst} + {half}], al",
                "mov [{dst} + {len} - 1], al",
                "21:",
                recover!("20b", "21b", "21b"),
                dst = in(reg) dst,
                len = in(reg) len,
                half = in(reg) len / 2,
                out("rax") info,
                out("rdx") addr,
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
#[inline(always)]
pub(crate) unsafe fn zero_chunk(dst: *mut u8, len: usize) -> Stop {
    let (info, addr);
    // SAFETY: the leaf does what 1. and 2. allow, with instructions that the CPU has, and changes
    // the registers that are declared.
    unsafe {
        asm!(
            "call rax",
            inout("rax") vector_zero::leaf() => info,
            in("rdi") dst,
            in("rsi") len,
            out("rdx") addr,
            out("rcx") _, out("r9") _,
            out("xmm0") _, out("xmm16") _,
            // `vzeroupper` changes the upper halves of these as well.
            out("xmm1") _, out("xmm2") _, out("xmm3") _, out("xmm4") _, out("xmm5") _,
            out("xmm6") _, out("xmm7") _, out("xmm8") _, out("xmm9") _, out("xmm10") _,
            out("xmm11") _, out("xmm12") _, out("xmm13") _, out("xmm14") _, out("xmm15") _,
        );
    }
    Stop { info, addr }
}

/// Zeroes bytes in ascending order, and returns how many are left.
///
/// # Safety
/// 1. Writing `[dst, dst + len)` harms nobody.
#[inline(never)]
pub(crate) unsafe fn zero_exact(dst: *mut u8, len: usize) -> (Stop, usize) {
    let (info, addr, left);
    // SAFETY: the bytes are those of the contract. `rep stosb` changes RDI and RCX, also when it
    // faults, and RCX is then exactly what is left.
    unsafe {
        asm!(
            "xor eax, eax",
            "20:",
            "rep stosb",
            "21:",
            recover!("20b", "21b", "21b"),
            inout("rdi") dst => _,
            inout("rcx") len => left,
            out("rax") info,
            out("rdx") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, left)
}
