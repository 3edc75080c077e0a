//! Random scripts for the memory manager and the host's kernel: `diff-mm` does the work.

use crate::process::cargo;
use crate::workspace::Workspace;

/// Builds and runs `diff-mm` with `arguments`.
///
/// # Errors
///
/// When it cannot be built, or finds a difference.
pub(crate) fn run(workspace: &Workspace, arguments: &[String]) -> Result<(), String> {
    let mut command = cargo();
    command.current_dir(workspace.root());
    command.args(["run", "--quiet", "--package", "diff-mm", "--"]).args(arguments);
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("diff-mm: {status}")),
        Err(error) => Err(format!("diff-mm: {error}")),
    }
}
