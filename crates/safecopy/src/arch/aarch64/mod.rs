//! Accesses that may fault, and what a fault needs of the machine: aarch64.
//!
//! # Fault path
//!
//! When an instruction between `20:` and `21:` faults, the signal handler resumes at the landing
//! with X0 = [`Stop::info`](crate::stop::Stop::info) (never zero) and X1 =
//! [`Stop::addr`](crate::stop::Stop::addr), every other register as the faulting instruction left
//! it. Each block therefore declares X0 and X1 as outputs, sets X0 to zero as its last step when
//! nothing faulted, and changes no register that it does not declare, before or after a fault. No
//! access writes its base register back, so that the registers always tell the progress.
//!
//! # Registers
//!
//! Blocks within a function let the compiler choose their registers and declare each. The leaves
//! called as functions follow AAPCS64 (section 6): arguments in X0-X2, the result in X0 and X1;
//! X0-X17 and V0-V7 are their own to change. They push nothing, so that a landing is a plain
//! `ret`.

mod atomic;
mod back_end;
mod context;
mod copy;
mod vector_copy;
mod vector_zero;
mod zero;

pub(crate) use back_end::{CHUNK, Choice, prefers_exact, prefers_exact_zero};
pub(crate) use context::{REPORTS_FIRST_BYTE, is_canonical, program_counter, resume_at, untagged};
pub(crate) use copy::{SMALL, copy_chunk, copy_exact, copy_small};
pub(crate) use zero::{zero_chunk, zero_exact, zero_small};
