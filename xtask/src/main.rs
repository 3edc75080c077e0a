//! Checks of the workspace, run as `cargo xtask COMMAND`.
//!
//! `cargo xtask ci` runs every check, in one table ([`ci::STEPS`]); the other commands run one of them, or prepare the
//! machine. There are no scripts beside this program: `.ci/run` calls it.

#![forbid(unsafe_code)]

mod ci;
mod cross;
mod diff_mm;
mod layers;
mod process;
mod setup;
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
    /// Says which packages the tests and checks want and lack; installs them with --install or CI=true
    Setup {
        /// Install what is missing with apt-get
        #[arg(long)]
        install: bool,
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
        Command::Setup { install } => setup::run(install || process::in_ci()),
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
