//! Rows of our own memory, beyond the program's.
//!
//! The program's pages are a memfd's: in our process they count as shared memory (`RssShmem`), which is left out. What is
//! left is ours: `RssAnon` (our heap and stack) and `RssFile` (our code, and whatever host file we have mapped).

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Stdio};

use super::Programs;
use super::programs::not_installed;
use super::runner::{Runner, find};
use crate::plan::Plan;
use crate::row::{Row, Unit};

/// The most MiB that may be ours.
const MOST: f64 = 24.0;

/// While a program holds much memory in one mapping.
pub(super) fn of_a_large_program(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let pages = programs.setting.effort.size(65_536, 256).to_string();
    row(programs, name, &programs.fixture.path("hold"), &[OsStr::new(&pages)])
}

/// While a program holds many mappings of files.
pub(super) fn of_python(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let Some(python) = find("python3") else { return not_installed("python3") };
    let code = "import sys, json, hashlib, re, zlib; print('ready', flush=True); sys.stdin.read()";
    row(programs, name, &python, &[OsStr::new("-c"), OsStr::new(code)])
}

fn row(
    programs: &Programs<'_>,
    name: String,
    program: &Path,
    arguments: &[&OsStr],
) -> Result<Result<Row, String>, String> {
    let ours = programs.ours();
    let plan = Plan::new(name).unit(Unit::Mebibytes).whole();
    programs.setting.measure(plan.ours(|_| hold(&ours, program, arguments)).bound(MOST))
}

/// Runs a program up to its `ready`, looks at our memory, lets it end.
fn hold(runner: &Runner, program: &Path, arguments: &[&OsStr]) -> Result<f64, String> {
    let failed = |error: std::io::Error| format!("{runner}: {}: {error}", program.display());
    let mut command = runner.command(program);
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().map_err(failed)?;
    let mut line = String::new();
    let output = child.stdout.take().expect("our own invariant: standard output is a pipe");
    let mut output = BufReader::new(output);
    output.read_line(&mut line).map_err(failed)?;
    let resident = resident(&child);
    drop(child.stdin.take());
    let status = child.wait().map_err(failed)?;
    if line != "ready\n" || !status.success() {
        return Err(format!("{runner}: {}: {status}, printed {line:?}", program.display()));
    }
    resident
}

/// Returns the MiB that are the child's own.
fn resident(child: &Child) -> Result<f64, String> {
    let path = format!("/proc/{}/status", child.id());
    let status = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    own_mebibytes(&status).ok_or_else(|| format!("{path}: no RssAnon and RssFile in it"))
}

fn own_mebibytes(status: &str) -> Option<f64> {
    let kib = |name: &str| -> Option<f64> {
        let line = status.lines().find_map(|line| line.strip_prefix(name))?;
        line.trim().strip_suffix(" kB")?.trim().parse().ok()
    };
    Some((kib("RssAnon:")? + kib("RssFile:")?) / 1024.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shared_memory_is_not_ours() {
        let status = "Name:\tx\nVmRSS:\t  999999 kB\nRssAnon:\t    1024 kB\nRssFile:\t    2560 kB\nRssShmem:\t  900000 kB\n";
        assert_eq!(own_mebibytes(status), Some(3.5));
        assert_eq!(own_mebibytes("Name:\tx\n"), None);
    }
}
