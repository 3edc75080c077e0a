//! Every check, in one table.

mod steps;
mod summary;

use std::time::Instant;

use clap::Args;

pub(crate) use self::steps::STEPS;
use self::steps::Step;
pub(crate) use self::summary::Outcome;
use self::summary::{Row, summary};
use crate::workspace::Workspace;

/// What `cargo xtask ci` runs.
#[derive(Args)]
pub(crate) struct Options {
    /// Leave out a step, named as in --list (repeatable)
    #[arg(long, value_name = "STEP")]
    skip: Vec<String>,
    /// Run only this step (repeatable)
    #[arg(long, value_name = "STEP")]
    only: Vec<String>,
    /// List the steps and stop
    #[arg(long)]
    list: bool,
}

/// Runs the steps and prints a summary.
///
/// # Errors
///
/// Names the steps that failed, or the option that names no step.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    let chosen = choose(STEPS, options)?;
    if options.list {
        STEPS.iter().for_each(|step| println!("{:<8} {}", step.name, step.about));
        return Ok(());
    }
    let mut rows = Vec::new();
    for step in STEPS {
        if !chosen.iter().any(|chosen| chosen.name == step.name) {
            rows.push(Row { name: step.name, outcome: Outcome::LeftOut, seconds: 0.0 });
            continue;
        }
        println!("\n== {}: {}", step.name, step.about);
        let start = Instant::now();
        let outcome = (step.run)(workspace);
        match &outcome {
            Outcome::Failed(message) => println!("{}: {message}", step.name),
            Outcome::Skipped(reason) => println!("{}: SKIPPED: {reason}", step.name),
            Outcome::Passed | Outcome::LeftOut => {}
        }
        rows.push(Row { name: step.name, outcome, seconds: start.elapsed().as_secs_f64() });
    }
    print!("\n{}", summary(&rows));
    let failed: Vec<&str> = rows.iter().filter(|row| row.failed()).map(|row| row.name).collect();
    if failed.is_empty() { Ok(()) } else { Err(format!("failed: {}", failed.join(", "))) }
}

/// Returns the steps that the options ask for, in the order of the table.
fn choose<'a>(steps: &'a [Step], options: &Options) -> Result<Vec<&'a Step>, String> {
    let known = |name: &String| steps.iter().any(|step| step.name == name);
    if let Some(name) = options.skip.iter().chain(&options.only).find(|name| !known(name)) {
        return Err(format!(
            "there is no step called `{name}`; `cargo xtask ci --list` shows them"
        ));
    }
    let is_named = |list: &[String], step: &Step| list.iter().any(|name| name == step.name);
    let wanted = |step: &&Step| options.only.is_empty() || is_named(&options.only, step);
    Ok(steps.iter().filter(wanted).filter(|step| !is_named(&options.skip, step)).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(skip: &[&str], only: &[&str], expected: Result<&[&str], &str>) {
        let owned = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
        let options = Options { skip: owned(skip), only: owned(only), list: false };
        let chosen = choose(STEPS, &options);
        let names =
            chosen.as_ref().map(|steps| steps.iter().map(|step| step.name).collect::<Vec<_>>());
        assert_eq!(names.as_deref().map_err(|message| message.as_str()), expected);
    }

    #[test]
    fn steps_run_in_the_order_of_the_table() {
        check(
            &[],
            &[],
            Ok(&[
                "layers", "tidy", "fmt", "clippy", "docs", "tests", "loom", "levels", "cross",
                "sanitize", "fuzz", "asm", "counts", "bench",
            ]),
        );
        check(
            &["tests", "cross", "loom", "levels", "fuzz", "sanitize"],
            &[],
            Ok(&["layers", "tidy", "fmt", "clippy", "docs", "asm", "counts", "bench"]),
        );
        check(&["fmt"], &["tidy", "fmt", "layers"], Ok(&["layers", "tidy"]));
    }

    #[test]
    fn a_misspelt_step_is_no_silent_pass() {
        check(
            &["test"],
            &[],
            Err("there is no step called `test`; `cargo xtask ci --list` shows them"),
        );
    }
}
