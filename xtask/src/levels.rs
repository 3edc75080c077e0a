//! Assembly amid code that is optimised differently.
//!
//! What an access does to registers that it does not name goes unnoticed when the compiler keeps nothing in them, so
//! the tests of that run at every level.

use std::time::Duration;

use crate::process::cargo;
use crate::test_run;
use crate::workspace::Workspace;

/// The tests: those of this file of safecopy's integration tests.
const FILTER: &str = "registers";

/// What is said to cargo.
const LEVELS: &[&[&str]] = &[
    &["profile.dev.opt-level=0"],
    &["profile.dev.opt-level=2"],
    &["profile.dev.opt-level=3"],
    &["profile.dev.opt-level=3", "profile.dev.lto=\"fat\"", "profile.dev.codegen-units=1"],
];

/// Runs the tests at every level.
///
/// # Errors
///
/// Names the levels at which one fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let mut failed = Vec::new();
    for level in LEVELS {
        let mut command = cargo();
        command.current_dir(workspace.root()).args(["test", "-p", "safecopy", "--test", "it"]);
        command.env("CARGO_TARGET_DIR", workspace.target().join("levels"));
        // Others' crates are the same at every level, and are not what this is about.
        let fixed = "profile.dev.package.\"*\".opt-level=0";
        command.args(level.iter().chain([&fixed]).flat_map(|setting| ["--config", setting]));
        let passed = test_run::run(command.arg(FILTER), Duration::from_secs(10 * 60));
        match passed {
            Ok(passed) => println!("levels: {passed} tests hold with {}", level.join(" ")),
            Err(error) => failed.push(format!("{}: {error}", level.join(" "))),
        }
    }
    if failed.is_empty() { Ok(()) } else { Err(failed.join("\n  ")) }
}
