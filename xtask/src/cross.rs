//! The other architecture: builds every crate for aarch64 and runs the tests that need no ptrace under qemu.
//!
//! The compiler is rustup's with its aarch64 target where that is installed, otherwise Debian's `rustc` *and* `rustdoc`,
//! both given to cargo by variables. Binaries are static: dynamic ones hang in this qemu when they start a thread.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::process::{cargo, in_ci, run as run_command};
use crate::setup;
use crate::workspace::Workspace;

const TARGET: &str = "aarch64-unknown-linux-gnu";
const RUSTC: &str = "/usr/bin/rustc";
const RUSTDOC: &str = "/usr/bin/rustdoc";

/// The crates whose tests run under qemu.
const TESTED: &[&str] = &[
    "usermem-types",
    "rangeset",
    "safecopy",
    "biaslock",
    "usermem-io",
    "memmap",
    "memfile",
    "hostfs",
    "platform",
    "mm",
    "testkit",
    "diff-mm",
];

/// The crates of which only unit tests run there, with the reason.
const UNIT_TESTED: &[(&str, &str)] = &[
    ("kernel-task", "the others run programs under ptrace"),
    ("loader", "the others load programs of the host's architecture"),
    ("syscalls", "the others run programs under ptrace"),
];

/// The crates whose tests do not run there, with the reason. They are built.
const BUILT_ONLY: &[(&str, &str)] = &[("usermem", "its tests run programs under ptrace")];

/// Tests of the crates above that fail, or mean nothing, only because of qemu: a part of their name, and the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("compile_fail", "starts a compiler for the host; the proofs hold for every architecture"),
    ("pages_can_be_committed_at_once", "qemu accepts MADV_POPULATE_WRITE and does nothing"),
    ("populating_leaves_contents_and_fills_the_gaps", "as above"),
    ("what_is_populated_is_present", "as above"),
    ("a_file_tells_which_pages_are_in_memory", "as above, and MADV_POPULATE_READ"),
    (
        "devices_for_programs_are_there_and_others_are_refused",
        "qemu looks at the buffer before the file is asked: EFAULT where the host says ENOSPC",
    ),
    (
        "the_file_answers_before_memory_that_is_not_there",
        "qemu looks at the buffer before the file is asked",
    ),
    (
        "a_storm_of_signals",
        "under qemu the process ends by SIGSEGV or hangs, though no access faults",
    ),
    ("a_fault_whose_signal_is_blocked", "qemu hangs at such a fault"),
    (
        "a_memory_manager_behaves_like_the_model",
        "the model does not know that an address may carry a tag here",
    ),
    ("ptrace", "traces a stub process; qemu's user mode has no ptrace"),
    (
        "a_reservation_that_the_host_refuses_is_halved",
        "qemu keeps a record of every page mapped; this takes all memory",
    ),
    ("refusals_of_the_host_are_errors", "the limits that it lowers are those of qemu itself"),
];

/// One test at a time: qemu forks without regard for its other threads, and a child of a test then waits for ever for a
/// lock that one of them held.
const TEST_THREADS: &str = "1";

/// Property tests try so many cases here; emulation is slow and the native run tries them all.
const PROPTEST_CASES: &str = "16";

/// Builds and tests for aarch64.
///
/// # Errors
///
/// When something is missing (installed first in an unattended run), or a build or a test fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    let own_target = rustup_has_target();
    let missing = setup::missing_for_cross(!own_target);
    if !missing.is_empty() {
        if !in_ci() {
            return Err(format!(
                "cross lacks packages; to install them: {}",
                setup::how_to_install(&missing)
            ));
        }
        setup::install_all(&missing)?;
    }
    every_crate_is_named(workspace)?;
    let cross =
        Cross { root: workspace.root(), target: workspace.target().join("cross"), own_target };
    run_command(
        cross.cargo("build").args(["--workspace", "--exclude", "xtask", "--exclude", "benches"]),
        minutes(12),
    )?;
    for (name, reason) in BUILT_ONLY {
        println!("cross: NOT RUN: tests of {name}: {reason}");
    }
    for (name, reason) in UNIT_TESTED {
        println!("cross: UNIT TESTS ONLY: {name}: {reason}");
    }
    for (name, reason) in SKIPPED {
        println!("cross: SKIPPED: tests called *{name}*: {reason}");
    }
    let all = cross.test(&[], TESTED);
    let units: Vec<&str> = UNIT_TESTED.iter().map(|(name, _)| *name).collect();
    let unit = cross.test(&["--lib"], &units);
    all.and(unit)
}

/// Whether the compiler in use has a standard library for aarch64.
pub(crate) fn rustup_has_target() -> bool {
    let output =
        Command::new("rustc").args(["--print", "target-libdir", "--target", TARGET]).output();
    output.is_ok_and(|output| {
        let folder = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        output.status.success() && !folder.is_empty() && Path::new(&folder).is_dir()
    })
}

/// How cargo is called.
struct Cross<'a> {
    root: &'a Path,
    target: PathBuf,
    own_target: bool,
}

impl Cross<'_> {
    fn cargo(&self, subcommand: &str) -> Command {
        let mut command = cargo();
        command.current_dir(self.root).args([subcommand, "--target", TARGET]);
        command.env("CARGO_TARGET_DIR", &self.target);
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_LINKER", "aarch64-linux-gnu-gcc");
        command.env("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER", "qemu-aarch64-static");
        command.env(
            "CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUSTFLAGS",
            "-C target-feature=+crt-static",
        );
        if !self.own_target {
            command.env("RUSTC", RUSTC).env("RUSTDOC", RUSTDOC);
        }
        command
    }

    /// Runs tests of `crates`, those that are skipped left out.
    fn test(&self, kind: &[&str], crates: &[&str]) -> Result<(), String> {
        let mut command = self.cargo("test");
        command.arg("--no-fail-fast").env("PROPTEST_CASES", PROPTEST_CASES);
        command.env("RUST_TEST_THREADS", TEST_THREADS);
        command.args(kind).args(crates.iter().flat_map(|name| ["-p", name])).arg("--");
        command.args(SKIPPED.iter().flat_map(|(name, _)| ["--skip", name]));
        run_command(&mut command, minutes(12))
    }
}

/// A new crate has to be put in one of the two lists.
fn every_crate_is_named(workspace: &Workspace) -> Result<(), String> {
    let partly = || UNIT_TESTED.iter().chain(BUILT_ONLY).map(|(name, _)| *name);
    let named = |name: &str| TESTED.contains(&name) || partly().any(|partly| partly == name);
    let is_tool = |name: &str| name == "xtask" || name == "benches";
    let names = workspace.packages().iter().map(|package| package.name.as_str());
    match names.into_iter().find(|name| !named(name) && !is_tool(name)) {
        None => Ok(()),
        Some(name) => {
            Err(format!("{name}: neither tested nor built only; name it in xtask/src/cross.rs"))
        }
    }
}

const fn minutes(count: u64) -> Duration {
    Duration::from_secs(60 * count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cross_names_every_crate() {
        assert_eq!(every_crate_is_named(&Workspace::find().unwrap()), Ok(()));
    }
}
