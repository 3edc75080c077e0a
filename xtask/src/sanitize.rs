//! Tests under AddressSanitizer.
//!
//! It watches every access that the compiler made; those of the assembly it does not see. It has a signal handler of
//! its own for SIGSEGV and SIGBUS, installed before ours, which is thereby shown to recover and to pass on.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use cargo_metadata::Message;

use crate::ci::Outcome;
use crate::nightly::Nightly;
use crate::process::{Stream, run as run_command, watch};
use crate::test_run;
use crate::workspace::Workspace;

/// Builds on the host's own triple, which alone keeps the flag from build scripts and macros.
const TRIPLE: &str = concat!("x86_64", "-unknown-linux-gnu");

const FLAG: &str = "-Zsanitizer=address";

/// What is tested: unit and integration tests; compiler errors and examples in documentation gain nothing from it.
const SELECTION: &[&str] = &[
    "-p",
    "safecopy",
    "-p",
    "usermem-io",
    "-p",
    "memfile",
    "-p",
    "mm",
    "--lib",
    "--test",
    "it",
    "--test",
    "signals",
];

/// The same for those tests of signals that AddressSanitizer's own handler is in the way of.
const SIGNALS: &[&str] = &["-p", "safecopy", "--test", "signals"];

/// Finding uses of a stack frame that is gone costs code in every function that finds thread-local variables, and a
/// test takes their register away.
const COMMON: &str = "detect_leaks=1:detect_stack_use_after_return=0";

/// Tests that fail under AddressSanitizer's own handler: a part of their name, and the reason.
const SKIPPED: &[(&str, &str)] = &[
    ("ends_the_process_by_its_signal", "it reports a fault of its own accord, and exits"),
    ("without_init_a_fault_ends_the_process", "it reports a fault of its own accord, and exits"),
    ("pitfall_13_the_message_about_a_stack_overflow", "the message is its own"),
    ("pitfall_14_a_sent_signal_does_not_take", "it takes a sent signal for a fault"),
    ("pitfall_14_rusts_own_handler_swallows", "it takes a sent signal for a fault"),
];

/// Tests that fail with and without it.
const SKIPPED_ALWAYS: &[(&str, &str)] = &[
    ("on_a_stack_that_is_nearly_full", "its code needs more of the stack than is left"),
    ("conformance::ptrace", "its runtime makes calls in the stub that the stub's filter forbids"),
];

/// A program that reads beyond its allocation; what is there depends on nothing that a compiler can foresee.
const OVERFLOW: &str = r#"
fn main() {
    let bytes: Box<[u8]> = std::env::args().map(|argument| argument.len() as u8).collect();
    let beyond = bytes.as_ptr().wrapping_add(bytes.len());
    println!("{}", unsafe { beyond.read_volatile() });
}
"#;

/// Runs the tests under AddressSanitizer.
///
/// # Errors
///
/// When the nightly compiler is missing, AddressSanitizer turns out to be off, or a test fails.
pub(crate) fn run(workspace: &Workspace) -> Result<(), String> {
    sanitize(workspace, &Nightly::find()?)
}

/// The same, skipped without a nightly compiler.
pub(crate) fn step(workspace: &Workspace) -> Outcome {
    match Nightly::find() {
        Ok(nightly) => sanitize(workspace, &nightly).into(),
        Err(missing) => Outcome::Skipped(missing),
    }
}

fn sanitize(workspace: &Workspace, nightly: &Nightly) -> Result<(), String> {
    let folder = workspace.target().join("sanitize");
    finds_an_overflow(nightly, &folder)?;
    for binary in build(workspace, nightly, &folder)? {
        is_instrumented(&binary)?;
    }
    for (name, reason) in SKIPPED {
        println!("sanitize: SKIPPED with its handler: *{name}*: {reason}");
    }
    for (name, reason) in SKIPPED_ALWAYS {
        println!("sanitize: SKIPPED: *{name}*: {reason}");
    }
    let skip = |(name, _): &(&'static str, _)| ["--skip", *name];
    let without_skips: Vec<&str> = SKIPPED_ALWAYS.iter().flat_map(skip).collect();
    let with_skips: Vec<&str> = SKIPPED_ALWAYS.iter().chain(SKIPPED).flat_map(skip).collect();
    let with = "handle_segv=1:handle_sigbus=1";
    let without = "handle_segv=0:handle_sigbus=0";
    let all = test(workspace, nightly, &folder, SELECTION, with, &with_skips)?;
    let signals = test(workspace, nightly, &folder, SIGNALS, without, &without_skips)?;
    println!("sanitize: {all} tests pass with its signal handler, {signals} of signals without");
    Ok(())
}

fn cargo_test(
    workspace: &Workspace,
    nightly: &Nightly,
    folder: &Path,
    selection: &[&str],
) -> Command {
    let mut command = nightly.cargo();
    command.current_dir(workspace.root()).env("RUSTFLAGS", FLAG).arg("test").args(selection);
    command.args(["--target", TRIPLE, "--target-dir"]).arg(folder);
    command
}

fn test(
    workspace: &Workspace,
    nightly: &Nightly,
    folder: &Path,
    selection: &[&str],
    handler: &str,
    arguments: &[&str],
) -> Result<usize, String> {
    let mut command = cargo_test(workspace, nightly, folder, selection);
    command.env("ASAN_OPTIONS", format!("{COMMON}:{handler}"));
    command.args(["--no-fail-fast", "--"]).args(arguments);
    test_run::run(&mut command, Duration::from_secs(8 * 60))
}

/// Builds the tests and returns their binaries.
fn build(
    workspace: &Workspace,
    nightly: &Nightly,
    folder: &Path,
) -> Result<BTreeSet<PathBuf>, String> {
    let mut command = cargo_test(workspace, nightly, folder, SELECTION);
    command.args(["--no-run", "--message-format=json-render-diagnostics"]);
    let mut binaries = BTreeSet::new();
    watch(&mut command, Stream::Stdout, Duration::from_secs(10 * 60), |line| {
        let messages = Message::parse_stream(line.as_bytes()).map_while(Result::ok);
        binaries.extend(messages.filter_map(|message| match message {
            Message::CompilerArtifact(artifact) => artifact.executable.map(PathBuf::from),
            _ => None,
        }));
    })?;
    if binaries.is_empty() { Err("cargo built no tests".into()) } else { Ok(binaries) }
}

/// Checks that a binary carries AddressSanitizer.
fn is_instrumented(binary: &Path) -> Result<(), String> {
    let bytes = fs::read(binary).map_err(|error| format!("{}: {error}", binary.display()))?;
    let mark = b"__asan_report_load1";
    if bytes.windows(mark.len()).any(|window| window == mark) {
        Ok(())
    } else {
        Err(format!("{}: built without AddressSanitizer", binary.display()))
    }
}

/// Checks that a mistake is reported, on this machine, with this compiler.
fn finds_an_overflow(nightly: &Nightly, folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let (source, binary) = (folder.join("overflow.rs"), folder.join("overflow"));
    fs::write(&source, OVERFLOW).map_err(|error| format!("{}: {error}", source.display()))?;
    let mut compile = nightly.rustc();
    compile.args([FLAG, "-o"]).arg(&binary).arg(&source);
    run_command(&mut compile, Duration::from_secs(60))?;
    let output = Command::new(&binary).output().map_err(|error| error.to_string())?;
    let report = String::from_utf8_lossy(&output.stderr);
    if !output.status.success() && report.contains("AddressSanitizer: heap-buffer-overflow") {
        println!("sanitize: a read beyond an allocation is reported");
        Ok(())
    } else {
        Err(format!("a read beyond an allocation went unnoticed: {}; {report}", output.status))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_binary_without_it_is_noticed() {
        let error = is_instrumented(Path::new("/bin/sh")).unwrap_err();
        assert_eq!(error, "/bin/sh: built without AddressSanitizer");
    }
}
