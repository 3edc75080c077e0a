//! Models of concurrent code, run in every interleaving of their threads.

use std::time::Duration;

use crate::process::cargo;
use crate::test_run;
use crate::workspace::Workspace;

/// The crates that have models: unit tests with this word in their names.
const CRATES: &[&str] = &["safecopy", "biaslock"];
const FILTER: &str = "loom";

/// Runs the models.
///
/// # Errors
///
/// When one finds an interleaving that goes wrong, or none is there.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo();
    command.current_dir(workspace.root()).args(["test", "--release", "--lib"]);
    command.args(CRATES.iter().flat_map(|name| ["-p", name]));
    // Other flags would have everything built anew, so these builds are kept apart.
    command.env("CARGO_TARGET_DIR", workspace.target().join("loom"));
    command.env("RUSTFLAGS", "--cfg loom").arg(FILTER);
    let passed = test_run::run(&mut command, Duration::from_secs(10 * 60))?;
    println!("loom: {passed} models hold in every interleaving");
    Ok(())
}
