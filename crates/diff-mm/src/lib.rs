//! The memory manager and the host's kernel, compared by machine.
//!
//! A [`Script`] is a list of memory operations over a window of addresses and a few small files.
//! It runs in a memory manager over some address space ([`Space`]), by calls of its methods, and
//! in a process of the host ([`Host`]), by system calls, loads, stores and jumps. After every step
//! the two must agree: in the result or signal, in what `smaps` says about the window, and where a
//! process ends, in the contents of every page. What they may differ in is named in one place, the
//! module that compares.
//!
//! Nothing is free outside of the window, so where the kernel chooses an address it chooses one
//! inside, on both sides the same.

mod op;
mod outcome;
mod script;
mod window;
mod words;

mod files;
mod limits;

mod calls;
#[cfg_attr(target_arch = "x86_64", path = "host/mod.rs")]
#[cfg_attr(not(target_arch = "x86_64"), path = "no_host.rs")]
mod host;
mod ours;
mod space;
mod stub_space;

mod freed;
mod masks;
mod paged;
mod refused;
mod shape;

mod compare;

mod campaign;
mod generate;
mod shrink;

#[cfg(test)]
mod tests;

pub use campaign::{Campaign, Finding, Verdicts};
pub use compare::{Difference, Verdict, compare};
pub use generate::Generator;
pub use host::Host;
pub use op::{Arg, Op};
pub use ours::{Supply, run as run_here, run_with as run_here_with};
pub use outcome::{Ending, Line, Observation, Outcome};
pub use script::{ParseError, Script, Step};
pub use shrink::shrink;
pub use space::{SoftSpace, Space};
pub use stub_space::StubSpace;
pub use window::{HEAP, PAGE, PAGES, WINDOW};
