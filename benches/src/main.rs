//! Benchmarks of `usermem run`, which check their answers.
//!
//! `cargo run --release -p benches -- run` builds the command, runs every row and prints a table in Markdown. Each row
//! runs the same program natively, under us and (where it says so) under `proot`, in interleaved rounds of one run; what
//! counts are the ratios. A wrong answer is an error; a missed target is printed, and is none. `docs/performance.md`
//! says how to read the table.

#![forbid(unsafe_code)]

mod figures;
mod fixture;
mod report;
mod rows;
mod runner;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

#[derive(Parser)]
#[command(name = "benches", about = "Benchmarks of usermem, which check their answers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run every row, or those named
    Run(Options),
}

/// What to run.
#[derive(Args)]
pub(crate) struct Options {
    /// Small sizes, one round: checks the answers, measures nothing
    #[arg(long)]
    quick: bool,
    /// Rounds of each row
    #[arg(long, default_value_t = 11)]
    rounds: usize,
    /// Measure this command rather than the one built here
    #[arg(long, value_name = "PATH")]
    usermem: Option<PathBuf>,
    /// Rows whose name contains one of these
    rows: Vec<String>,
}

fn main() -> ExitCode {
    let Command::Run(options) = Arguments::parse().command;
    match rows::run(&options) {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
