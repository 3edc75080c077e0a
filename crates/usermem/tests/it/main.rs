//! End-to-end tests: whole programs under `usermem run`, compared with the same programs run by the host.
//!
//! | module | what runs |
//! |---|---|
//! | [`busybox`], [`debian`] | ordinary programs: same standard output and exit status, same files left behind |
//! | [`guests`] | programs of our own that probe the edges of Linux's interface: same output, line by line |
//! | [`confinement`] | programs that try to get out, or to take more than they were given |
//! | [`elf`] | programs that are not programs: truncated, corrupt, missing |
//! | [`cli`] | options, exit status, traces, what is left behind when the command is killed |
//!
//! The expected answer is nearly always the host's own, taken in the same minute from the same files.
#![cfg(all(target_os = "linux", target_arch = "x86_64"))]

mod harness;

mod busybox;
mod debian;

mod guests;

mod confinement;

mod elf;

mod cli;
