//! The table of checks.

use std::process::Command;
use std::time::Duration;

use super::Outcome;
use crate::process::{cargo, run as run_command};
use crate::workspace::Workspace;
use crate::{asm, counts, cross, fuzz, layers, levels, loom, sanitize, tidy};

/// One check.
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) about: &'static str,
    pub(crate) run: fn(&Workspace) -> Outcome,
}

const fn step(name: &'static str, about: &'static str, run: fn(&Workspace) -> Outcome) -> Step {
    Step { name, about, run }
}

/// Every check of the workspace, cheap to dear. `docs/testing.md` describes each of them; `tidy` compares the two.
pub(crate) const STEPS: &[Step] = &[
    step("layers", "ranks, dependencies, where unsafe code may be", |w| layers::run(w).into()),
    step("tidy", "layout of the tree, documents that name code, examples", |w| tidy::run(w).into()),
    step("fmt", "formatting", |w| fmt(w).into()),
    step("clippy", "lints of all targets, warnings denied", |w| clippy(w).into()),
    step("docs", "documentation of every item, warnings denied", |w| docs(w).into()),
    step("tests", "every test natively", |w| tests(w).into()),
    step("loom", "every interleaving of small models", |w| loom::run(w).into()),
    step("levels", "registers around assembly at every level of optimisation", |w| {
        levels::run(w).into()
    }),
    step("cross", "every crate for aarch64, tests under qemu", |w| cross::run(w).into()),
    step("sanitize", "tests under AddressSanitizer (nightly)", sanitize::step),
    step("fuzz", "ten seconds of fuzzing for each target (nightly)", fuzz::step),
    step("asm", "machine code of the hot leaves", asm::step),
    step("counts", "instructions of the hot paths (valgrind)", counts::step),
    step("bench", "every benchmark once, small, answers checked", |w| bench(w).into()),
];

fn fmt(workspace: &Workspace) -> Result<(), String> {
    in_root(workspace, cargo().args(["fmt", "--all", "--check"]), 2)
        .map_err(|error| format!("{error}; `cargo fmt --all` repairs it"))?;
    let manifest = format!("{}/Cargo.toml", fuzz::FOLDER);
    in_root(workspace, cargo().args(["fmt", "--manifest-path", &manifest, "--check"]), 2)
}

fn clippy(workspace: &Workspace) -> Result<(), String> {
    in_root(
        workspace,
        cargo().args(["clippy", "--workspace", "--all-targets", "--", "-D", "warnings"]),
        12,
    )
}

fn docs(workspace: &Workspace) -> Result<(), String> {
    let mut command = cargo();
    // Of private items too: most of what links point to is private to its crate.
    command.args(["doc", "--workspace", "--no-deps", "--document-private-items"]);
    in_root(workspace, command.env("RUSTDOCFLAGS", "-D warnings"), 8)
}

fn tests(workspace: &Workspace) -> Result<(), String> {
    in_root(workspace, cargo().args(["test", "--workspace", "--no-fail-fast"]), 20)
}

fn bench(workspace: &Workspace) -> Result<(), String> {
    in_root(
        workspace,
        cargo().args(["run", "--release", "--package", "benches", "--", "check"]),
        12,
    )
}

fn in_root(workspace: &Workspace, command: &mut Command, minutes: u64) -> Result<(), String> {
    run_command(command.current_dir(workspace.root()), Duration::from_secs(60 * minutes))
}
