//! Where application code runs, and how it is entered and left.
//!
//! A [`Platform`] makes address spaces and contexts. A [`Context`] is one application thread's
//! CPU state; [`Context::switch`] runs it until it needs the kernel. [`null`] records mappings
//! and runs nothing; [`mirror`] maps them in our own process; [`ptrace`] runs code in stub
//! processes. In the first two a [`SoftCpu`] plays the processor.

mod context;
mod regs;
mod soft_cpu;

pub mod mirror;
pub mod null;
pub mod ptrace;

#[cfg(test)]
mod test_file;

pub use context::{
    Arch, Context, Event, FaultInfo, Interrupt, Platform, PlatformError, SignalInfo, SyscallInfo,
};
pub use ptrace::{Check, probe};
pub use regs::Registers;
pub use soft_cpu::{Refusal, SoftCpu, SoftMemory};
