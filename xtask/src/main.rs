//! Checks of the workspace, run as `cargo xtask COMMAND`.
//!
//! `cargo xtask ci` runs every check, in one table ([`ci::STEPS`]); the other commands run one of them, or prepare the
//! machine. There are no scripts beside this program: `.ci/run` calls it.

#![forbid(unsafe_code)]

mod asm;
mod bench;
mod ci;
mod counts;
mod cross;
mod diff_mm;
mod fuzz;
mod golden;
mod layers;
mod levels;
mod loom;
mod nightly;
mod process;
mod sanitize;
mod setup;
mod test_run;
mod tidy;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::workspace::Workspace;

#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", about = "Checks of the workspace")]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Checks the rank of every crate and every dependency, and prints the layers as a diagram
    Layers,
    /// Checks what no compiler checks: layout of the tree, documents that name code, unsafe code where it may be
    Tidy,
    /// Builds every crate for aarch64 and runs the tests that need no ptrace under qemu
    Cross,
    /// Compares the memory manager with the host's kernel by random scripts; --help lists the options
    #[command(disable_help_flag = true)]
    DiffMm {
        /// What diff-mm is given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs the concurrent parts of safecopy in every interleaving of their threads
    Loom,
    /// Runs the tests of registers around assembly at every level of optimisation
    Levels,
    /// Compares the machine code of the hot leaves with the committed one; needs objdump
    Asm(golden::Options),
    /// Compares instruction counts of the hot paths with the committed ones; needs valgrind
    Counts(golden::Options),
    /// Runs tests under AddressSanitizer; needs a nightly compiler
    Sanitize,
    /// Feeds bytes to the oracles of testkit, guided by coverage; needs a nightly compiler and cargo-fuzz
    Fuzz(fuzz::Options),
    /// Says which packages the tests and checks want and lack; installs them with --install or CI=true
    Setup {
        /// Install what is missing with apt-get and cargo
        #[arg(long)]
        install: bool,
    },
    /// Measures, records, compares and reports; --help lists how
    #[command(disable_help_flag = true)]
    Bench {
        /// What the benchmarks are given
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Runs every check, cheap to dear, and reports all failures at the end
    Ci(ci::Options),
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let outcome = Workspace::find().and_then(|workspace| match arguments.command {
        Command::Layers => layers::run(&workspace),
        Command::Tidy => tidy::run(&workspace),
        Command::Cross => cross::run(&workspace),
        Command::DiffMm { arguments } => diff_mm::run(&workspace, &arguments),
        Command::Loom => loom::run(&workspace),
        Command::Levels => levels::run(&workspace),
        Command::Asm(options) => asm::run(&workspace, &options),
        Command::Counts(options) => counts::run(&workspace, &options),
        Command::Sanitize => sanitize::run(&workspace),
        Command::Fuzz(options) => fuzz::run(&workspace, &options),
        Command::Setup { install } => setup::run(install || process::in_ci()),
        Command::Bench { arguments } => bench::run(&workspace, &arguments),
        Command::Ci(options) => ci::run(&workspace, &options),
    });
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}
