//! Benchmarks, which check their answers.
//!
//! `cargo xtask bench run` measures every row and prints tables in Markdown. A row is one operation, done by us, by what
//! the machine does at best (the limit), and by peers, one after the other in every round, on one processor; what
//! counts are the ratios. A wrong answer is an error; a missed target is printed, and is none. `docs/performance.md`
//! says how to read the tables.

mod bench;
mod compare;
mod figures;
mod host;
mod lap;
mod levels;
mod peers;
mod plan;
mod plot;
mod quiet;
mod raw;
mod record;
mod report;
mod row;
mod table;

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::bench::{Bench, Means};
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
    /// Measure every row, print tables, and keep the figures below benches/record
    Record(Length),
    /// Show which ratios changed between two records
    Compare {
        /// The older record
        old: PathBuf,
        /// The newer record; the newest of all when left out
        new: Option<PathBuf>,
    },
    /// Hold memory for another process to read
    #[command(hide = true)]
    Hold { len: usize },
    /// Fork as often as asked, with so many mappings
    #[command(hide = true)]
    Forks { maps: usize },
    /// Put the newest record into docs/performance.md and README.md, and draw the plots
    Report,
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
    #[command(flatten)]
    length: Length,
}

/// How long to measure.
#[derive(Args)]
struct Length {
    /// Shorter turns, eleven rounds
    #[arg(long)]
    quick: bool,
    /// Rounds of each row
    #[arg(long)]
    rounds: Option<usize>,
}

impl Length {
    fn effort(&self) -> Effort {
        let (rounds, turn) = if self.quick { (11, 1e6) } else { (21, 4e6) };
        Effort { rounds: self.rounds.unwrap_or(rounds).max(1), turn }
    }
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Check(rows) => run(Effort::CHECK, &rows),
        Command::Run(options) => run(options.length.effort(), &options.rows),
        Command::Record(length) => record(length.effort()),
        Command::Compare { old, new } => compare(&old, new),
        Command::Hold { len } => peers::process::hold(len),
        Command::Forks { maps } => peers::process::forks(maps),
        Command::Report => report::report(&root()),
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
    let host = prepare()?;
    let usermem = rows.usermem.as_deref();
    let bench = Bench::run(Means::new(effort, &host, usermem), &rows.rows, levels::all);
    if bench.is_empty() {
        return Err(format!("no row is called {}", rows.rows.join(" or ")));
    }
    show(&bench, &host, effort)
}

fn record(effort: Effort) -> Result<(), String> {
    let host = prepare()?;
    let bench = Bench::run(Means::new(effort, &host, None), &[], levels::all);
    show(&bench, &host, effort)?;
    let warnings = host.warnings().into_iter().map(|warning| format!("warning: {warning}\n"));
    let skipped = bench.skipped.iter().map(|(row, reason)| format!("skipped {row}: {reason}\n"));
    let absent = bench.means.absent.iter().map(|reason| format!("absent {reason}\n"));
    let machine: String = [host.describe(), bench.waits()]
        .into_iter()
        .chain(warnings)
        .chain(absent)
        .chain(skipped)
        .collect();
    let path = record::write(&root(), &bench.rows, &machine)?;
    println!(
        "recorded in {}; `cargo xtask bench report` puts it into the documents",
        path.display()
    );
    Ok(())
}

fn compare(old: &Path, new: Option<PathBuf>) -> Result<(), String> {
    let new = new.map_or_else(|| record::newest(&root()), Ok)?;
    print!("{}", compare::compare(&record::read(old)?, &record::read(&new)?));
    Ok(())
}

fn prepare() -> Result<Host, String> {
    safecopy::init().map_err(|error| error.to_string())?;
    Host::pinned()
}

/// Prints what came of a run.
///
/// # Errors
///
/// Names the rows whose answer was wrong.
fn show(bench: &Bench<'_>, host: &Host, effort: Effort) -> Result<(), String> {
    if effort.only_checks() {
        bench.rows.iter().for_each(|row| println!("ok      {}: {}", row.level, row.name));
    } else {
        print!("{}{}", host.describe(), bench.waits());
        host.warnings().iter().for_each(|warning| println!("warning: {warning}"));
    }
    bench.means.absent.iter().for_each(|reason| println!("absent  {reason}"));
    bench.skipped.iter().for_each(|(row, reason)| println!("SKIPPED {row}: {reason}"));
    bench.wrong.iter().for_each(|(row, message)| println!("WRONG   {row}: {message}"));
    if !effort.only_checks() {
        println!("{}", table::tables(&bench.rows));
    }
    let wrong: Vec<&str> = bench.wrong.iter().map(|(row, _)| row.as_str()).collect();
    if wrong.is_empty() { Ok(()) } else { Err(format!("wrong answers: {}", wrong.join("; "))) }
}

/// Returns the folder of the workspace: where cargo says that it is now, else where it was built.
fn root() -> PathBuf {
    let folder = std::env::var_os("CARGO_MANIFEST_DIR").map(PathBuf::from);
    let folder = folder.unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
    folder.parent().map_or(folder.clone(), Path::to_owned)
}
