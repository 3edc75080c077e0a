//! Accesses that may fault, and what a fault needs of the machine: x86-64.
//!
//! # Fault path
//!
//! When an instruction between `20:` and `21:` faults, the signal handler resumes at the landing
//! with RAX = [`Stop::info`] (never zero) and RDX = [`Stop::addr`], every other register as the
//! faulting instruction left it. Each block therefore declares RAX and RDX as outputs, whatever
//! it uses them for, sets EAX to zero as its last step when nothing faulted, and changes no
//! register that it does not declare, before or after a fault.
//!
//! # Registers
//!
//! The leaves called as functions follow the System V ABI (psABI 3.2.1): arguments in RDI, RSI,
//! RDX, all vector registers and RAX, RCX, RDX, RSI, RDI, R8-R11 are theirs to change, DF is
//! clear on entry and stays so. They push nothing, so that a landing is a plain `ret`.
//!
//! Vector moves are VEX or EVEX encoded where AVX exists: a legacy SSE move costs about 100 ns
//! when somebody left the upper halves dirty.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::{asm, global_asm};
use std::sync::atomic::{AtomicU8, AtomicUsize, Ordering};

use crate::recovery::recover;

/// How an access ended.
#[derive(Clone, Copy)]
#[repr(C)]
pub(crate) struct Stop {
    /// Zero when nothing faulted; else signal number and code, see `fault::Cause`.
    pub(crate) info: u64,
    /// The address that the signal reported.
    pub(crate) addr: u64,
}

/// The longest copy that [`copy_small`] and [`zero_small`] take.
pub(crate) const SMALL: usize = 64;

/// Whether the reported address of a fault is the first byte that could not be accessed.
pub(crate) const REPORTS_FIRST_BYTE: bool = true;

/// The vector moves of this CPU; SSE2 until [`detect`] has looked.
static VECTOR: AtomicU8 = AtomicU8::new(SSE2);
const SSE2: u8 = 0;
const AVX: u8 = 1;
const AVX512VL: u8 = 2;

/// From here on `rep movsb` is at least as fast as any vector loop; `usize::MAX` where it is not.
static STRING_FROM: AtomicUsize = AtomicUsize::new(STRING);
const STRING: usize = 4096;

/// Learns what the CPU can do.
pub(crate) fn detect() {
    let level = if std::is_x86_feature_detected!("avx512vl") {
        AVX512VL
    } else if std::is_x86_feature_detected!("avx") {
        AVX
    } else {
        SSE2
    };
    VECTOR.store(level, Ordering::Relaxed);
    let erms = std::arch::x86_64::__cpuid_count(7, 0).ebx & (1 << 9) != 0;
    STRING_FROM.store(if erms { STRING } else { usize::MAX }, Ordering::Relaxed);
}

/// Returns the length from which [`copy_exact`] is the fastest copy.
#[inline]
pub(crate) fn exact_from() -> usize {
    STRING_FROM.load(Ordering::Relaxed)
}

/// Copies up to [`SMALL`] bytes, all loads before the first store. After a fault, any part of
/// the destination may have been written.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn copy_small(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    let (info, addr);
    if len > 32 {
        if VECTOR.load(Ordering::Relaxed) == SSE2 {
            // SAFETY: 1. is a part of ours; 2. is ours.
            return unsafe { copy_exact_stop(dst, src, len) };
        }
        // SAFETY: AVX is there; the moves lie within `len`, which is at least 32.
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
    } else if len > 16 {
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
    } else if len >= 8 {
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

/// Copies more than [`SMALL`] bytes with vector moves. After a fault, any part of the destination
/// may have been written.
///
/// # Safety
/// 1. `len > SMALL`.
/// 2. Writing `[dst, dst + len)` and reading `[src, src + len)` harms nobody.
#[inline]
pub(crate) unsafe fn copy_chunk(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    match VECTOR.load(Ordering::Relaxed) {
        // SAFETY: the contract is ours, and the CPU has the instructions.
        AVX512VL => unsafe { safecopy_copy_avx512vl(dst, src, len) },
        // SAFETY: the contract is ours, and the CPU has the instructions.
        AVX => unsafe { safecopy_copy_avx(dst, src, len) },
        // SAFETY: the contract is ours, and every x86-64 CPU has SSE2.
        _ => unsafe { safecopy_copy_sse2(dst, src, len) },
    }
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

/// Does [`copy_exact`] without the count.
///
/// # Safety
/// 1. As for [`copy_exact`].
unsafe fn copy_exact_stop(dst: *mut u8, src: *const u8, len: usize) -> Stop {
    // SAFETY: the contract is the same.
    unsafe { copy_exact(dst, src, len) }.0
}

/// Zeroes up to [`SMALL`] bytes. After a fault, any part of them may have been zeroed.
///
/// # Safety
/// 1. `1 <= len <= SMALL`.
/// 2. Writing `[dst, dst + len)` harms nobody.
#[inline(always)]
pub(crate) unsafe fn zero_small(dst: *mut u8, len: usize) -> Stop {
    let (info, addr);
    if len > 16 {
        // SAFETY: the bytes are those of the contract.
        return unsafe { zero_exact(dst, len) }.0;
    }
    if len >= 8 {
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

/// Loads a word, with acquire ordering.
///
/// # Safety
/// 1. Reading the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn load_u32(ptr: *const u32) -> (Stop, u32) {
    let (info, addr, value);
    // SAFETY: the word is that of the contract. Every load of this architecture acquires.
    unsafe {
        asm!(
            "20:",
            "mov {value:e}, [{ptr}]",
            "21:",
            "xor eax, eax",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            value = out(reg) value,
            out("rax") info,
            out("rdx") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, value)
}

/// Swaps a word and returns the old one, with acquire and release ordering.
///
/// # Safety
/// 1. Reading and writing the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn swap_u32(ptr: *mut u32, new: u32) -> (Stop, u32) {
    let (info, addr, old);
    // SAFETY: the word is that of the contract. XCHG with memory is locked.
    unsafe {
        asm!(
            "20:",
            "xchg [{ptr}], {value:e}",
            "21:",
            "xor eax, eax",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            value = inout(reg) new => old,
            out("rax") info,
            out("rdx") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, old)
}

/// Stores `new` where `expected` is, and returns what was there, with acquire and release
/// ordering.
///
/// # Safety
/// 1. Reading and writing the four bytes at `ptr`, which is aligned to four, harms nobody.
#[inline]
pub(crate) unsafe fn compare_exchange_u32(ptr: *mut u32, expected: u32, new: u32) -> (Stop, u32) {
    let (info, addr, previous);
    // SAFETY: the word is that of the contract. CMPXCHG leaves the previous value in EAX, also
    // when it stores.
    unsafe {
        asm!(
            "20:",
            "lock cmpxchg [{ptr}], {new:e}",
            "21:",
            "mov {previous:e}, eax",
            "xor eax, eax",
            "22:",
            recover!("20b", "21b", "22b"),
            ptr = in(reg) ptr,
            new = in(reg) new,
            previous = out(reg) previous,
            inout("rax") u64::from(expected) => info,
            out("rdx") addr,
            options(nostack),
        );
    }
    (Stop { info, addr }, previous)
}

/// Returns whether the CPU can name `addr` at all; a fault on one that it cannot carries no
/// address.
pub(crate) fn is_canonical(addr: usize) -> bool {
    let addr = addr.cast_signed();
    (addr << 16) >> 16 == addr
}

/// Returns an address as a signal reports it.
pub(crate) fn untagged(addr: usize) -> usize {
    addr
}

/// Returns the program counter of an interrupted context.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
pub(crate) unsafe fn program_counter(context: *const libc::ucontext_t) -> usize {
    // SAFETY: the pointer is valid (1).
    let rip = unsafe { (*context).uc_mcontext.gregs[libc::REG_RIP as usize] };
    rip as usize
}

/// Makes an interrupted context go on at `landing`, with `stop` where the assembly expects it.
///
/// # Safety
/// 1. `context` is the context that a signal handler was given.
/// 2. `landing` belongs to the entry that holds the context's program counter.
pub(crate) unsafe fn resume_at(context: *mut libc::ucontext_t, landing: usize, stop: Stop) {
    // SAFETY: the pointer is valid (1), and nobody else uses the context meanwhile.
    let gregs = unsafe { &mut (*context).uc_mcontext.gregs };
    gregs[libc::REG_RIP as usize] = landing as i64;
    gregs[libc::REG_RAX as usize] = stop.info as i64;
    gregs[libc::REG_RDX as usize] = stop.addr as i64;
}

unsafe extern "C" {
    fn safecopy_copy_sse2(dst: *mut u8, src: *const u8, len: usize) -> Stop;
    fn safecopy_copy_avx(dst: *mut u8, src: *const u8, len: usize) -> Stop;
    fn safecopy_copy_avx512vl(dst: *mut u8, src: *const u8, len: usize) -> Stop;
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
