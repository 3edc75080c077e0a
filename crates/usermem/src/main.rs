//! Runs unmodified Linux programs over application memory that it owns.
//!
//! The command line, and nothing else: what a program is given to run with is put together in
//! [`start`], and everything that it does from then on happens in the crates below.

#![forbid(unsafe_code)]

mod cli;
mod doctor;
mod failure;
mod host;
mod proc_files;
mod search;
mod size;
mod start;
mod stats;

use std::process::ExitCode;

fn main() -> ExitCode {
    match cli::parse() {
        Ok(cli::Command::Run(options)) => match start::run(options) {
            Ok(code) => ExitCode::from(code),
            Err(failure) => failure.report(),
        },
        Ok(cli::Command::Doctor) => doctor::examine(),
        Err(code) => code,
    }
}
