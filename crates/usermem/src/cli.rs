//! The command line.

use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};
use syscalls::TraceFilter;

use crate::failure::OURS;
use crate::size;

/// Runs Linux programs whose every byte of memory lives behind a memory manager of ours.
#[derive(Debug, Parser)]
#[command(name = "usermem", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Run a program; the exit status is the program's, or 128+N when signal N killed it, 125 when
    /// usermem failed, 126 when the program cannot be executed, 127 when it was not found.
    Run(RunOptions),
    /// Tell what the host offers, and what to change where it does not suffice.
    Doctor,
}

/// How to run a program.
#[derive(Debug, Args)]
pub(crate) struct RunOptions {
    /// What the program sees as /.
    #[arg(long, value_name = "DIR", default_value = "/")]
    pub(crate) root: PathBuf,

    /// Let the program change files below DIR; nothing is writable otherwise.
    #[arg(long = "rw", value_name = "DIR")]
    pub(crate) writable: Vec<PathBuf>,

    /// Set an environment variable.
    #[arg(long = "env", value_name = "K=V", value_parser = parse_variable)]
    pub(crate) env: Vec<(Vec<u8>, Vec<u8>)>,

    /// Do not pass the caller's environment on.
    #[arg(long)]
    pub(crate) clear_env: bool,

    /// Where the program starts, as it sees it; default: the caller's working directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) cwd: Option<OsString>,

    /// Refuse memory beyond this much: ENOMEM. Suffixes K, M, G, T.
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub(crate) max_memory: Option<u64>,

    /// Print a line per system call on stderr; SET limits it to calls by name, comma-separated.
    #[arg(long, value_name = "SET", num_args = 0..=1, require_equals = true,
          default_missing_value = "all", value_parser = parse_filter)]
    pub(crate) trace: Option<TraceFilter>,

    /// Print what happened on stderr when the program ends.
    #[arg(long)]
    pub(crate) stats: bool,

    /// The program and its arguments; what follows the program is never an option of ours.
    #[arg(value_names = ["PROGRAM", "ARG"], required = true, num_args = 1..,
          trailing_var_arg = true)]
    command: Vec<OsString>,
}

fn parse_variable(text: &str) -> Result<(Vec<u8>, Vec<u8>), String> {
    match text.split_once('=') {
        Some((name, value)) if !name.is_empty() => Ok((name.into(), value.into())),
        _ => Err("NAME=VALUE is wanted".to_owned()),
    }
}

fn parse_filter(text: &str) -> Result<TraceFilter, String> {
    text.parse::<TraceFilter>().map_err(|error| error.to_string())
}

impl RunOptions {
    /// The program, as it was named.
    pub(crate) fn program(&self) -> &OsStr {
        self.command.first().map(OsString::as_os_str).unwrap_or_default()
    }

    /// The arguments of the program, the zeroth included.
    pub(crate) fn argv(&self) -> Vec<Vec<u8>> {
        self.command.iter().map(|argument| argument.clone().into_vec()).collect()
    }
}

/// Parses the command line; help and version are printed, and mistakes explained, here.
pub(crate) fn parse() -> Result<Command, ExitCode> {
    Cli::try_parse().map(|cli| cli.command).map_err(|error| {
        // Nothing is left to tell anyone when not even this can be printed.
        let _ = error.print();
        if error.use_stderr() { ExitCode::from(OURS) } else { ExitCode::SUCCESS }
    })
}
