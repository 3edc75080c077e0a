//! Fuzzing: bytes chosen by coverage, fed to the oracles of testkit.
//!
//! What it finds and learns is kept below the build folder: `corpus/TARGET` holds inputs that reached something new,
//! and the next run goes on from them; `artifacts/TARGET` holds inputs that failed.

mod report;
mod target;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use self::report::Report;
use self::target::Target;
use crate::ci::Outcome;
use crate::nightly::Nightly;
use crate::process::{in_ci, run as run_command};
use crate::setup;
use crate::workspace::{Workspace, name};

/// The folder of the targets: a workspace of its own.
pub(crate) const FOLDER: &str = "crates/testkit/fuzz";

/// For how long each target runs in `cargo xtask ci`.
const STEP: Duration = Duration::from_secs(10);

/// What `cargo xtask fuzz` runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Minutes for all targets together [default: 5]
    #[arg(long, value_name = "N")]
    minutes: Option<u64>,
    /// Seconds for all targets together, besides the minutes
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Run once, with this input, as to see a failure again
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,
    /// The targets; all of them when none is named
    #[arg(value_name = "TARGET")]
    targets: Vec<String>,
}

impl Options {
    fn total(&self) -> Duration {
        let default = if self.seconds.is_none() { 5 } else { 0 };
        let minutes = self.minutes.unwrap_or(default);
        Duration::from_secs(60 * minutes + self.seconds.unwrap_or(0))
    }
}

/// Fuzzes as the options say.
///
/// # Errors
///
/// When something is missing, a target does not build, or one finds an input that fails.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let names = choose(&all(workspace)?, &options.targets)?;
    let built = build(workspace, &prepare()?)?;
    let targets: Vec<Target<'_>> = names.iter().map(|name| Target::new(&built, name)).collect();
    if let Some(input) = &options.input {
        return targets.iter().try_for_each(|target| target.try_input(input));
    }
    let each = options.total() / u32::try_from(targets.len()).unwrap_or(u32::MAX).max(1);
    fuzz(&targets, each)
}

/// Fuzzes every target for a moment.
pub(crate) fn step(workspace: &Workspace) -> Outcome {
    let nightly = match prepare() {
        Ok(nightly) => nightly,
        Err(missing) => return Outcome::Skipped(missing),
    };
    let all = all(workspace).and_then(|names| {
        let built = build(workspace, &nightly)?;
        let targets: Vec<Target<'_>> = names.iter().map(|name| Target::new(&built, name)).collect();
        fuzz(&targets, STEP)
    });
    all.into()
}

/// Returns the compiler, once cargo-fuzz is there too; an unattended run installs that.
fn prepare() -> Result<Nightly, String> {
    let nightly = Nightly::find()?;
    if !setup::CARGO_FUZZ.is_missing() {
        return Ok(nightly);
    }
    if !in_ci() {
        return Err(format!("no cargo-fuzz: `{}` gets it", setup::CARGO_FUZZ.how_to_install()));
    }
    setup::CARGO_FUZZ.install()?;
    Ok(nightly)
}

/// Returns the names of all targets.
fn all(workspace: &Workspace) -> Result<Vec<String>, String> {
    let files = workspace.files(&format!("{FOLDER}/fuzz_targets"))?;
    Ok(files.iter().map(|file| name(&file.with_extension(""))).collect())
}

fn choose(all: &[String], named: &[String]) -> Result<Vec<String>, String> {
    if let Some(unknown) = named.iter().find(|name| !all.contains(name)) {
        return Err(format!("there is no target called `{unknown}`, but {}", all.join(", ")));
    }
    let is_chosen = |name: &&String| named.is_empty() || named.contains(name);
    Ok(all.iter().filter(is_chosen).cloned().collect())
}

/// Builds every target, with assertions, and returns the folder for everything that fuzzing makes.
fn build(workspace: &Workspace, nightly: &Nightly) -> Result<PathBuf, String> {
    let folder = workspace.target().join("fuzz");
    let mut command = nightly.cargo();
    command.current_dir(workspace.root()).args(["fuzz", "build", "--debug-assertions"]);
    command.args(["--fuzz-dir", FOLDER, "--target-dir"]).arg(&folder);
    run_command(&mut command, Duration::from_secs(12 * 60))?;
    Ok(folder)
}

/// Runs the targets one after the other, and sums up.
fn fuzz(targets: &[Target<'_>], each: Duration) -> Result<(), String> {
    let ended: Vec<(Report, Result<(), String>)> =
        targets.iter().map(|target| target.fuzz(each)).collect();
    println!("\n{}", Report::HEADING);
    for (target, (report, result)) in targets.iter().zip(&ended) {
        println!("{}", report.line(target.name(), result.is_ok()));
    }
    let failures: Vec<String> = ended.into_iter().filter_map(|(_, result)| result.err()).collect();
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

fn create(folder: &Path) -> Result<(), String> {
    fs::create_dir_all(folder).map_err(|error| format!("{}: {error}", folder.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn targets_are_chosen_by_name() {
        let all = ["a", "b"].map(str::to_owned);
        assert_eq!(choose(&all, &[]).unwrap(), all);
        assert_eq!(choose(&all, &all[1..]).unwrap(), ["b"]);
        let error = choose(&all, &["c".to_owned()]).unwrap_err();
        assert_eq!(error, "there is no target called `c`, but a, b");
    }

    #[test]
    fn minutes_and_seconds_add_up() {
        let total = |minutes, seconds| {
            Options { minutes, seconds, input: None, targets: Vec::new() }.total().as_secs()
        };
        assert_eq!(total(None, None), 300);
        assert_eq!(total(None, Some(50)), 50);
        assert_eq!(total(Some(1), Some(5)), 65);
    }

    #[test]
    fn every_target_is_found() {
        assert!(all(&Workspace::find().unwrap()).unwrap().contains(&"io_script".to_owned()));
    }
}
