//! How many instructions the hot paths take, counted by valgrind, which counts the same every time.
//!
//! The rows are functions called `row_…` of an example, which does what each is about a number of times. Callgrind says
//! what a call of one has cost with everything that it called.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use crate::ci::Outcome;
use crate::golden::{Golden, Options, build, report};
use crate::process::{find_program, run as run_command};
use crate::workspace::Workspace;

/// The crate and the example that has the rows.
const PACKAGE: &str = "mm";
const EXAMPLE: &str = "counts";
const FOLDER: &str = "crates/mm/counts";
const PREFIX: &str = "counts::row_";
/// How often a row does what it is about: the example's `TIMES`.
const TIMES: u64 = 64;
/// How many percent more, or fewer, are no difference.
const SLACK: u64 = 3;

type Counts = BTreeMap<String, u64>;

/// Counts, and compares with the committed numbers or replaces them.
///
/// # Errors
///
/// When a row differs.
pub(crate) fn run(workspace: &Workspace, options: &Options) -> Result<(), String> {
    report("counts", count(workspace, options.bless))
}

/// Counts, as a step of `cargo xtask ci`.
pub(crate) fn step(workspace: &Workspace) -> Outcome {
    count(workspace, false)
}

fn count(workspace: &Workspace, bless: bool) -> Outcome {
    let Some(valgrind) = find_program("valgrind") else {
        return Outcome::Skipped(
            "valgrind is missing; `cargo xtask setup` says how to get it".into(),
        );
    };
    let golden = match Golden::new(workspace, FOLDER, "txt") {
        Ok(golden) => golden,
        Err(message) => return Outcome::Failed(message),
    };
    let old = match golden.read() {
        Err(skipped) if !bless => return skipped,
        old => old.unwrap_or_default(),
    };
    match measure(workspace, &valgrind) {
        Ok(new) if bless => golden.write(&show(&new)),
        Ok(new) => compare(&parse(&old), &new, golden.name()).into(),
        Err(message) => Outcome::Failed(message),
    }
}

fn measure(workspace: &Workspace, valgrind: &Path) -> Result<Counts, String> {
    let program = build(workspace, PACKAGE, EXAMPLE)?;
    let out = workspace.target().join("callgrind.out");
    let mut command = Command::new(valgrind);
    command.args(["--quiet", "--tool=callgrind", "--compress-strings=no", "--compress-pos=no"]);
    command.arg(format!("--callgrind-out-file={}", out.display())).arg(program);
    // Nothing of the caller's environment is to be copied and looked through.
    run_command(command.env_clear(), Duration::from_secs(5 * 60))?;
    let text = fs::read_to_string(&out).map_err(|error| format!("{}: {error}", out.display()))?;
    let counts = inclusive(&text);
    if counts.is_empty() { Err(format!("{}: no row in it", out.display())) } else { Ok(counts) }
}

/// Returns what a call of each row cost, with everything below it, in the words of callgrind's file: `cfn=` says what is
/// called, the line after `calls=` where from and at what cost.
fn inclusive(text: &str) -> Counts {
    let mut counts = Counts::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let Some(row) = line.strip_prefix("cfn=").and_then(|name| name.strip_prefix(PREFIX)) else {
            continue;
        };
        let mut after = lines.by_ref().skip_while(|line| !line.starts_with("calls=")).skip(1);
        let cost = after.next().and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        *counts.entry(row.to_owned()).or_default() += cost.unwrap_or_default();
    }
    counts.values_mut().for_each(|cost| *cost /= TIMES);
    counts
}

fn show(counts: &Counts) -> String {
    let mut text = String::new();
    for (row, count) in counts {
        writeln!(text, "{row} {count}").expect("writing to a string does not fail");
    }
    text
}

fn parse(text: &str) -> Counts {
    let rows = text.lines().filter_map(|line| line.split_once(' '));
    rows.filter_map(|(row, count)| Some((row.to_owned(), count.parse().ok()?))).collect()
}

/// Compares, and prints a line per row.
fn compare(old: &Counts, new: &Counts, file: &str) -> Result<(), String> {
    let mut differences = Vec::new();
    for row in old.keys().chain(new.keys().filter(|row| !old.contains_key(*row))) {
        let line = match (old.get(row), new.get(row)) {
            (Some(&old), Some(&new)) => {
                let change = (new as f64 - old as f64) * 100.0 / old.max(1) as f64;
                let line = format!("{row:<28} {old:>9} -> {new:>9}  {change:+.1} %");
                println!("{line}");
                if old.abs_diff(new) * 100 <= old * SLACK {
                    continue;
                }
                line
            }
            (Some(_), None) => format!("{row}: is no longer counted"),
            (None, _) => format!("{row}: has no committed number"),
        };
        differences.push(line);
    }
    if differences.is_empty() {
        return Ok(());
    }
    Err(format!(
        "instructions differ from {file} by more than {SLACK} %:\n  {}\nif that is meant, `cargo xtask counts --bless`",
        differences.join("\n  ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> Counts {
        parse(text)
    }

    #[test]
    fn calls_of_rows_are_divided_and_added() {
        let text = "\
fn=counts::row_a
3 9
cfi=x.rs
cfn=counts::row_b
calls=1 7 
59 640
cfn=other
calls=2 7
60 999
cfn=counts::row_b
cob=y
calls=1 7
61 64
";
        assert_eq!(inclusive(text), counts("b 11\n"));
    }

    #[test]
    fn three_percent_are_no_difference() {
        assert_eq!(compare(&counts("a 1000"), &counts("a 1030"), "f"), Ok(()));
        assert_eq!(compare(&counts("a 1000"), &counts("a 970"), "f"), Ok(()));
        let message = compare(&counts("a 1000\nb 1\n"), &counts("a 1031\nb 1\n"), "f").unwrap_err();
        assert!(message.contains("1000 ->      1031  +3.1 %"), "{message}");
        assert!(message.ends_with("`cargo xtask counts --bless`") && !message.contains("b "));
    }

    #[test]
    fn rows_that_come_and_go_are_differences() {
        assert!(compare(&counts("a 1"), &counts(""), "f").unwrap_err().contains("no longer"));
        assert!(compare(&counts(""), &counts("a 1"), "f").unwrap_err().contains("no committed"));
    }

    #[test]
    fn what_is_shown_can_be_read() {
        let all = counts("a 1\nb 20\n");
        assert_eq!(parse(&show(&all)), all);
    }
}
