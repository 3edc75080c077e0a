//! Benchmarks, which check their answers.
//!
//! `cargo xtask bench run` measures every row and prints tables in Markdown. A row is one operation, done by us, by what
//! the machine does at best (the limit), and by peers, one after the other in every round, on one processor; what
//! counts are the ratios. A wrong answer is an error; a missed target is printed, and is none. `docs/performance.md`
//! says how to read the tables.

mod bench;
mod figures;
mod host;
mod lap;
mod levels;
mod plan;
mod raw;
mod row;
mod table;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::bench::Bench;
use crate::host::Host;
use crate::plan::Effort;

#[derive(Parser)]
#[command(name = "cargo xtask bench", about = "Benchmarks of usermem, which check their answers")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Do every operation a few times: checks the answers, measures nothing
    Check(Rows),
    /// Measure every row, or those named, and print tables
    Run(Options),
}

/// Which rows.
#[derive(Args)]
struct Rows {
    /// Measure this command rather than the one built here
    #[arg(long, value_name = "PATH")]
    usermem: Option<PathBuf>,
    /// Rows whose name, with its level, contains one of these
    rows: Vec<String>,
}

/// What to run, and how long.
#[derive(Args)]
struct Options {
    #[command(flatten)]
    rows: Rows,
    /// Shorter turns, eleven rounds
    #[arg(long)]
    quick: bool,
    /// Rounds of each row
    #[arg(long)]
    rounds: Option<usize>,
}

impl Options {
    fn effort(&self) -> Effort {
        let (rounds, turn) = if self.quick { (11, 1e6) } else { (21, 4e6) };
        Effort { rounds: self.rounds.unwrap_or(rounds).max(1), turn }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check(rows) => run(Effort { rounds: 0, turn: 0.0 }, &rows),
        Command::Run(options) => run(options.effort(), &options.rows),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn run(effort: Effort, rows: &Rows) -> Result<(), String> {
    safecopy::init().map_err(|error| error.to_string())?;
    let host = Host::pinned()?;
    let bench = Bench::run(effort, &host, rows.usermem.as_deref(), &rows.rows, levels::all);
    if bench.is_empty() {
        return Err(format!("no row is called {}", rows.rows.join(" or ")));
    }
    if effort.only_checks() {
        bench.rows.iter().for_each(|row| println!("ok      {}: {}", row.level, row.name));
    } else {
        println!("{}", table::tables(&bench.rows));
        print!("{}", host.describe());
        host.warnings().iter().for_each(|warning| println!("warning: {warning}"));
    }
    bench.skipped.iter().for_each(|(row, reason)| println!("SKIPPED {row}: {reason}"));
    bench.wrong.iter().for_each(|(row, message)| println!("WRONG   {row}: {message}"));
    let wrong: Vec<&str> = bench.wrong.iter().map(|(row, _)| row.as_str()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("wrong answers: {}", wrong.join("; "))) }
}
