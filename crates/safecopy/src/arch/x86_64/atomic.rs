//! Atomic accesses to a word: x86-64.
//!
//! # Registers and flags
//!
//! The compiler chooses the registers of address and operands; RAX and RDX are outputs for the
//! fault path, RAX is also what `cmpxchg` compares and leaves the previous value in. Flags change.
//! The landing of `try_store` is a block of the compiler's, which is given neither.
//! A value is returned in the low bits of a 64-bit register. After a fault it means nothing.
//!
//! # Ordering
//!
//! Aligned loads and stores of up to eight bytes are single accesses; a load acquires and a store
//! releases (Intel SDM, volume 3A, "Guaranteed Atomic Operations" and "Memory Ordering"). `xchg` with memory and what has a
//! `lock` prefix are full barriers.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use crate::access::Access;
use crate::recovery::recover;
use crate::stop::Stop;

/// Implements the accesses for one size.
///
/// A macro because size and register names must be literals in the template: `$ptr` is the size of
/// the memory operand, `$reg` the modifier that names that much of a register, `$load` and `$into`
/// the loads that leave the rest of RAX, and of the register of the value, zero.
macro_rules! accesses {
    ($word:ty, $load:literal, $into:literal, $ptr:literal, $reg:literal) => {
        impl Access for $word {
            #[inline]
            unsafe fn load(ptr: *const Self) -> (Stop, Self) {
                let (info, addr, value): (u64, u64, u64);
                // SAFETY: 1. is ours: the block reads the word and nothing else.
                unsafe {
                    asm!(
                        "xor eax, eax",
                        "20:",
                        concat!($into, " ", $ptr, " [{ptr}]"),
                        "21:",
                        recover!("20b", "21b", "21b"),
                        ptr = in(reg) ptr,
                        value = out(reg) value,
                        out("rax") info,
                        out("rdx") addr,
                        options(nostack),
                    );
                }
                (Stop { info, addr }, value as Self)
            }

            #[inline]
            unsafe fn try_store(ptr: *mut Self, new: Self) -> bool {
                // SAFETY: 1. is ours: the block writes the word and nothing else.
                unsafe {
                    asm!(
                        "20:",
                        concat!("mov ", $ptr, " [{ptr}], {new", $reg, "}"),
                        "21:",
                        recover!("20b", "21b", "{fault}"),
                        ptr = in(reg) ptr,
                        new = in(reg) u64::from(new),
                        fault = label { return false },
                        out("rax") _,
                        out("rdx") _,
                        options(nostack),
                    );
                }
                true
            }

            #[inline]
            unsafe fn store(ptr: *mut Self, new: Self) -> Stop {
                let (info, addr): (u64, u64);
                // SAFETY: 1. is ours: the block writes the word and nothing else.
                unsafe {
                    asm!(
                        "20:",
                        concat!("mov ", $ptr, " [{ptr}], {new", $reg, "}"),
                        "21:",
                        "xor eax, eax",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        new = in(reg) u64::from(new),
                        out("rax") info,
                        out("rdx") addr,
                        options(nostack),
                    );
                }
                Stop { info, addr }
            }

            #[inline]
            unsafe fn swap(ptr: *mut Self, new: Self) -> (Stop, Self) {
                let (info, addr, old): (u64, u64, u64);
                // SAFETY: 1. is ours: the block exchanges the word, locked without a prefix.
                unsafe {
                    asm!(
                        "20:",
                        concat!("xchg ", $ptr, " [{ptr}], {value", $reg, "}"),
                        "21:",
                        "xor eax, eax",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        value = inout(reg) u64::from(new) => old,
                        out("rax") info,
                        out("rdx") addr,
                        options(nostack),
                    );
                }
                (Stop { info, addr }, old as Self)
            }

            #[inline]
            unsafe fn compare_exchange(ptr: *mut Self, expected: Self, new: Self) -> (Stop, Self) {
                let (info, addr, previous): (u64, u64, u64);
                // SAFETY: 1. is ours: the block exchanges the word. RAX holds the previous value
                // afterwards, whether or not it was the expected one.
                unsafe {
                    asm!(
                        "20:",
                        concat!("lock cmpxchg ", $ptr, " [{ptr}], {new", $reg, "}"),
                        "21:",
                        "mov {previous}, rax",
                        "xor eax, eax",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        new = in(reg) u64::from(new),
                        previous = out(reg) previous,
                        inout("rax") u64::from(expected) => info,
                        out("rdx") addr,
                        options(nostack),
                    );
                }
                (Stop { info, addr }, previous as Self)
            }

            #[inline]
            unsafe fn fetch_add(ptr: *mut Self, operand: Self) -> (Stop, Self) {
                let (info, addr, old): (u64, u64, u64);
                // SAFETY: 1. is ours: the block adds to the word.
                unsafe {
                    asm!(
                        "20:",
                        concat!("lock xadd ", $ptr, " [{ptr}], {value", $reg, "}"),
                        "21:",
                        "xor eax, eax",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        value = inout(reg) u64::from(operand) => old,
                        out("rax") info,
                        out("rdx") addr,
                        options(nostack),
                    );
                }
                (Stop { info, addr }, old as Self)
            }

            bitwise!(fetch_and, "and", $load, $ptr, $reg);
            bitwise!(fetch_or, "or", $load, $ptr, $reg);
            bitwise!(fetch_xor, "xor", $load, $ptr, $reg);
        }
    };
}

/// Implements one access that no single instruction does, as a loop around `cmpxchg`.
///
/// # Progress
///
/// A round fails only when another store came between its load and its `cmpxchg`, so somebody
/// always makes progress. The failing `cmpxchg` has itself fetched the cache line for writing and
/// left the new value in RAX; three register instructions later the next one runs. A program that
/// stores to the word from other CPUs can make a round fail, but has to win the line in that
/// window every time; nothing that it does keeps the line from us. The loop holds no lock and can
/// be interrupted anywhere.
macro_rules! bitwise {
    ($name:ident, $op:literal, $load:literal, $ptr:literal, $reg:literal) => {
        #[inline]
        unsafe fn $name(ptr: *mut Self, operand: Self) -> (Stop, Self) {
            let (info, addr, old): (u64, u64, u64);
            // SAFETY: 1. is ours: the block reads and exchanges the word.
            unsafe {
                asm!(
                    "20:",
                    concat!($load, " ", $ptr, " [{ptr}]"),
                    "23:",
                    "mov {scratch}, rax",
                    concat!($op, " {scratch}, {operand}"),
                    concat!("lock cmpxchg ", $ptr, " [{ptr}], {scratch", $reg, "}"),
                    "jne 23b",
                    "21:",
                    "mov {scratch}, rax",
                    "xor eax, eax",
                    "22:",
                    recover!("20b", "21b", "22b"),
                    ptr = in(reg) ptr,
                    operand = in(reg) u64::from(operand),
                    scratch = out(reg) old,
                    out("rax") info,
                    out("rdx") addr,
                    options(nostack),
                );
            }
            (Stop { info, addr }, old as Self)
        }
    };
}

accesses!(u8, "movzx eax,", "movzx {value:e},", "byte ptr", ":l");
accesses!(u16, "movzx eax,", "movzx {value:e},", "word ptr", ":x");
accesses!(u32, "mov eax,", "mov {value:e},", "dword ptr", ":e");
accesses!(u64, "mov rax,", "mov {value},", "qword ptr", ":r");
