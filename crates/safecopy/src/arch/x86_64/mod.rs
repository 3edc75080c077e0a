//! Accesses that may fault, and what a fault needs of the machine: x86-64.
//!
//! # Fault path
//!
//! When an instruction between `20:` and `21:` faults, the signal handler resumes at the landing
//! with RAX = [`Stop::info`](crate::stop::Stop::info) (never zero) and RDX =
//! [`Stop::addr`](crate::stop::Stop::addr), every other register as the faulting instruction left
//! it. Each block therefore declares RAX and RDX as outputs, whatever it uses them for, sets EAX
//! to zero as its last step when nothing faulted, and changes no register that it does not
//! declare, before or after a fault.
//!
//! # Registers
//!
//! Blocks within a function let the compiler choose their registers and declare each, apart from
//! those that an instruction names itself. The leaves called as functions follow the System V ABI
//! (psABI 1.0, section 3.2): arguments in RDI, RSI, RDX; all vector registers, RAX, RCX, RDX, RSI,
//! RDI and R8-R11 are theirs to change; the result is in RAX and RDX; DF is clear on entry and
//! stays so. They push nothing, so that a landing is a plain `ret`.
//!
//! Vector moves are VEX or EVEX encoded where AVX exists: a legacy SSE move costs about 100 ns
//! when somebody left the upper halves dirty.

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
