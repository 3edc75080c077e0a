//! System calls, written only with the three access patterns.
//!
//! A handler gets the [`CurrentTask`](kernel_task::CurrentTask) and the raw [`Args`]. It fetches
//! what the program passed once, into private copies, through the copy wrappers (pattern A), or
//! hands a sequence to a file (pattern C). Error numbers that the wrappers do not decide are
//! decided here. [`Table`] finds the handler of a number; [`Runner`] has the loop that a program lives
//! in.

#![forbid(unsafe_code)]
#![cfg_attr(
    not(target_arch = "x86_64"),
    expect(dead_code, unused_imports, reason = "only x86-64 still has some of the calls")
)]

mod args;
mod outcome;
mod run;
mod table;
mod trace;

mod directories;
mod files;
mod futex;
mod identity;
mod ioctl;
mod limits;
mod memory;
mod metadata;
mod misc;
mod paths;
mod policy;
mod poll;
mod process;
mod read_write;
mod remote;
mod shm;
mod signals;
mod time;

pub use args::Args;
pub use limits::{may_run_on, possible_cpus, remember_cpus};
pub use outcome::SysResult;
pub use run::{Counters, Ended, RunError, Runner};
pub use table::{ArgKind, Entry, Table};
pub use trace::{Line, TraceFilter, TraceSink, UnknownWord};
