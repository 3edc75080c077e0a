//! The benchmarks, a program of their own.

use std::time::Duration;

use crate::process::{cargo, run as run_command};
use crate::workspace::Workspace;

/// Builds the benchmarks and runs them with `arguments`, in the folder where the workspace is.
///
/// # Errors
///
/// When they do not build, or an answer is wrong.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.args(["run", "--quiet", "--release", "--package", "benches", "--"]).args(arguments);
    run_command(command.current_dir(workspace.root()), Duration::from_secs(60 * 60))
}
