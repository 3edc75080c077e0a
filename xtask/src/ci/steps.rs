//! The table of checks.

use std::process::Command;
use std::time::Duration;

use crate::process::{cargo, run as run_command};
use crate::workspace::Workspace;
use crate::{cross, layers, tidy};

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Workspace) -> Result<(), String>,
}

/// Every check of the workspace, cheap to dear. `docs/testing.md` describes each of them; `tidy` compares the two.
pub(crate) const STEPS: &[Step] = &[
    Step {
        name: "layers",
        about: "ranks, dependencies, where unsafe code may be",
        run: layers::run,
    },
    Step { name: "tidy", about: "layout of the tree, documents that name code", run: tidy::run },
    Step { name: "fmt", about: "formatting", run: fmt },
    Step { name: "clippy", about: "lints of all targets, warnings denied", run: clippy },
    Step { name: "docs", about: "documentation of every item, warnings denied", run: docs },
    Step { name: "tests", about: "every test natively", run: tests },
    Step { name: "cross", about: "every crate for aarch64, tests under qemu", run: cross::run },
    Step { name: "bench", about: "every benchmark once, small, answers checked", run: bench },
];

fn fmt(workspace: &Workspace) -> Result<(), String> {
    step(workspace, cargo().args(["fmt", "--all", "--check"]), 2)
        .map_err(|error| format!("{error}; `cargo fmt --all` repairs it"))
}

fn clippy(workspace: &Workspace) -> Result<(), String> {
    step(
        workspace,
        cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        12,
    )
}

fn docs(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo();
    // Of private items too: most of what links point to is private to its crate.
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    step(workspace, command.env("RUSTDOCFLAGS", "-D warnings"), 8)
}

fn tests(workspace: &Workspace) -> Result<(), String> {
    step(workspace, cargo().args(["test", "--workspace", "--no-fail-fast"]), 20)
}

fn bench(workspace: &Workspace) -> Result<(), String> {
    step(
        workspace,
        cargo().args(["run", "--release", "--package", "benches", "--", "run", "--quick"]),
        12,
    )
}

fn step(workspace: &Workspace, command: &mut Command, minutes: u64) -> Result<(), String> {
    run_command(command.current_dir(workspace.root()), Duration::from_secs(60 * minutes))
}
