//! Atomic accesses to a word: aarch64.
//!
//! # Registers and flags
//!
//! The compiler chooses the registers of address and operands; X0 and X1 are outputs for the fault
//! path, and scratch of the loops. Flags change. A value is returned in the low bits of a 64-bit
//! register. After a fault it means nothing. The landing of `try_store` is a block of the compiler's,
//! which is given neither X0 nor X1.
//!
//! # Two forms
//!
//! Where the CPU has LSE (ARMv8.1; the kernel says so by `HWCAP_ATOMICS`) each access is one
//! instruction. Otherwise it is a loop of an exclusive load and an exclusive store.
//!
//! # Progress of the loops
//!
//! A round fails when somebody wrote to the reservation granule (16 bytes to 2 KiB) of the word
//! between its two exclusives, or when a signal or an interrupt came between them. Between the two
//! there are at most two instructions, none of which accesses memory or branches, which is what
//! the architecture asks of a loop whose progress it guarantees (Arm ARM, "Load-Exclusive and
//! Store-Exclusive instruction usage restrictions"). A program that
//! writes to the granule from other CPUs can make rounds fail, but has to hit that window every
//! time. The loop holds no lock and can be interrupted anywhere.
//!
//! # Ordering
//!
//! `ldar` acquires and `stlr` releases; the forms of the others are those that do both.
#![expect(unsafe_code, reason = "assembly")]

use std::arch::asm;

use super::back_end::has_lse;
use crate::access::Access;
use crate::recovery::recover;
use crate::stop::Stop;

/// Implements the accesses for one size.
///
/// A macro because instruction and register names must be literals in the template: `$size` is
/// the suffix of an instruction, `$reg` the modifier that names that much of a register, `$x1` and
/// `$zero` are that much of X1 and of the zero register.
macro_rules! accesses {
    ($word:ty, $size:literal, $reg:literal, $x1:literal, $zero:literal) => {
        impl Access for $word {
            #[inline]
            unsafe fn load(ptr: *const Self) -> (Stop, Self) {
                let (info, addr, value): (u64, u64, u64);
                // SAFETY: 1. is ours: the block reads the word and nothing else.
                unsafe {
                    asm!(
                        "20:",
                        concat!("ldar", $size, " {value", $reg, "}, [{ptr}]"),
                        "21:",
                        "mov x0, xzr",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        value = out(reg) value,
                        out("x0") info,
                        out("x1") addr,
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
                        concat!("stlr", $size, " {new", $reg, "}, [{ptr}]"),
                        "21:",
                        recover!("20b", "21b", "{fault}"),
                        ptr = in(reg) ptr,
                        new = in(reg) u64::from(new),
                        fault = label { return false },
                        out("x0") _,
                        out("x1") _,
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
                        concat!("stlr", $size, " {new", $reg, "}, [{ptr}]"),
                        "21:",
                        "mov x0, xzr",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        new = in(reg) u64::from(new),
                        out("x0") info,
                        out("x1") addr,
                        options(nostack),
                    );
                }
                Stop { info, addr }
            }

            #[inline]
            unsafe fn compare_exchange(ptr: *mut Self, expected: Self, new: Self) -> (Stop, Self) {
                let (info, addr, previous): (u64, u64, u64);
                if has_lse() {
                    // SAFETY: 1. is ours: the block exchanges the word. When something else is
                    // there, setting no bit of it asks whether it may be written, which the
                    // architecture leaves open for the exchange itself.
                    unsafe {
                        asm!(
                            ".arch_extension lse",
                            "mov {previous}, {expected}",
                            "20:",
                            concat!("casal", $size, " {previous", $reg, "}, {new", $reg, "}, [{ptr}]"),
                            "cmp {previous}, {expected}",
                            "b.eq 21f",
                            concat!("stset", $size, " ", $zero, ", [{ptr}]"),
                            "21:",
                            "mov x0, xzr",
                            "22:",
                            recover!("20b", "21b", "22b"),
                            ptr = in(reg) ptr,
                            expected = in(reg) u64::from(expected),
                            new = in(reg) u64::from(new),
                            previous = out(reg) previous,
                            out("x0") info,
                            out("x1") addr,
                            options(nostack),
                        );
                    }
                } else {
                    // SAFETY: 1. is ours: the block exchanges the word. When something else is
                    // there it is stored once more, so that memory that may not be written faults
                    // whatever it holds.
                    unsafe {
                        asm!(
                            "20:",
                            concat!("ldaxr", $size, " {previous", $reg, "}, [{ptr}]"),
                            "cmp {previous}, {expected}",
                            "csel x1, {new}, {previous}, eq",
                            concat!("stlxr", $size, " w0, ", $x1, ", [{ptr}]"),
                            "cbnz w0, 20b",
                            "21:",
                            "mov x0, xzr",
                            "22:",
                            recover!("20b", "21b", "22b"),
                            ptr = in(reg) ptr,
                            expected = in(reg) u64::from(expected),
                            new = in(reg) u64::from(new),
                            previous = out(reg) previous,
                            out("x0") info,
                            out("x1") addr,
                            options(nostack),
                        );
                    }
                }
                (Stop { info, addr }, previous as Self)
            }

            read_modify_write!(swap, $size, $reg, $x1, "swpal", "mov x1, {operand}", |new| new);
            read_modify_write!(
                fetch_add, $size, $reg, $x1, "ldaddal", "add x1, {old}, {operand}", |added| added
            );
            // The instructions clear bits, those that are not to be kept.
            read_modify_write!(
                fetch_and, $size, $reg, $x1, "ldclral", "bic x1, {old}, {operand}", |kept| !kept
            );
            read_modify_write!(
                fetch_or, $size, $reg, $x1, "ldsetal", "orr x1, {old}, {operand}", |set| set
            );
            read_modify_write!(
                fetch_xor, $size, $reg, $x1, "ldeoral", "eor x1, {old}, {operand}", |flipped| flipped
            );
        }
    };
}

/// Implements one access that always stores.
///
/// `$lse` is the instruction that does it, `$compute` what leaves in X1 what the loop stores, both
/// of the operand that the pattern makes of the caller's.
macro_rules! read_modify_write {
    ($name:ident, $size:literal, $reg:literal, $x1:literal, $lse:literal, $compute:literal,
     |$given:ident| $operand:expr) => {
        #[inline]
        unsafe fn $name(ptr: *mut Self, $given: Self) -> (Stop, Self) {
            let (info, addr, old): (u64, u64, u64);
            let operand = u64::from($operand);
            if has_lse() {
                // SAFETY: 1. is ours: the block reads and writes the word.
                unsafe {
                    asm!(
                        ".arch_extension lse",
                        "20:",
                        concat!($lse, $size, " {operand", $reg, "}, {old", $reg, "}, [{ptr}]"),
                        "21:",
                        "mov x0, xzr",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        operand = in(reg) operand,
                        old = out(reg) old,
                        out("x0") info,
                        out("x1") addr,
                        options(nostack),
                    );
                }
            } else {
                // SAFETY: 1. is ours: the block reads and writes the word.
                unsafe {
                    asm!(
                        "20:",
                        concat!("ldaxr", $size, " {old", $reg, "}, [{ptr}]"),
                        $compute,
                        concat!("stlxr", $size, " w0, ", $x1, ", [{ptr}]"),
                        "cbnz w0, 20b",
                        "21:",
                        "mov x0, xzr",
                        "22:",
                        recover!("20b", "21b", "22b"),
                        ptr = in(reg) ptr,
                        operand = in(reg) operand,
                        old = out(reg) old,
                        out("x0") info,
                        out("x1") addr,
                        options(nostack),
                    );
                }
            }
            (Stop { info, addr }, old as Self)
        }
    };
}

accesses!(u8, "b", ":w", "w1", "wzr");
accesses!(u16, "h", ":w", "w1", "wzr");
accesses!(u32, "", ":w", "w1", "wzr");
accesses!(u64, "", ":x", "x1", "xzr");
