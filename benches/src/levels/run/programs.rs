//! Rows of the host's own programs, timed from start to end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use super::runner::{Runner, find};
use super::{Goal, Programs};
use crate::row::Row;

/// What a row answers whose program this machine lacks.
pub(super) fn not_installed(program: &str) -> Result<Result<Row, String>, String> {
    Ok(Err(format!("{program} is not installed")))
}

/// A program of many mappings and little work.
pub(super) fn python(programs: &Programs<'_>, name: String) -> Result<Result<Row, String>, String> {
    let Some(python) = find("python3") else { return not_installed("python3") };
    // The first answer shows that code runs; the timed program does nothing.
    for runner in [Runner::Native, programs.ours()] {
        let (output, _) = runner.run(&python, &["-c".as_ref(), "print(6 * 7)".as_ref()])?;
        expect(&runner, &output, "42\n")?;
    }
    let once = |runner: &Runner| {
        let (output, time) = runner.run(&python, &["-c".as_ref(), "pass".as_ref()])?;
        expect(runner, &output, "").map(|()| time)
    };
    programs.compare(name, &[Goal::OfNative(6.0)], once)
}

/// A program that computes over a file.
pub(super) fn sha256sum(
    programs: &Programs<'_>,
    name: String,
) -> Result<Result<Row, String>, String> {
    let Some(program) = find("sha256sum") else { return not_installed("sha256sum") };
    let mib = programs.setting.effort.size(64, 1);
    let file = programs.fixture.file("random", mib)?;
    let arguments = [file.as_os_str()];
    let (answer, _) = Runner::Native.run(&program, &arguments)?;
    let once = |runner: &Runner| {
        let (output, time) = runner.run(&program, &arguments)?;
        expect(runner, &output, &answer).map(|()| time)
    };
    programs.compare(name, &[Goal::OfNative(1.2)], once)
}

/// A program that moves a file through its memory.
pub(super) fn cat(programs: &Programs<'_>, name: String) -> Result<Result<Row, String>, String> {
    let Some(program) = find("cat") else { return not_installed("cat") };
    let mib = programs.setting.effort.size(256, 4);
    let file = programs.fixture.sparse_file("sparse", mib)?;
    let ours = programs.ours();
    // What goes to /dev/null cannot be checked; what goes to a pipe can.
    let count = count_output(&ours, &program, file.as_os_str())?;
    if count != mib << 20 {
        return Err(format!("{ours}: cat wrote {count} of {} bytes", mib << 20));
    }
    let once = |runner: &Runner| {
        let null = File::create("/dev/null").map_err(|error| format!("/dev/null: {error}"))?;
        let mut command = runner.command(&program);
        command.arg(&file).stdout(null).stderr(Stdio::inherit());
        let start = Instant::now();
        let status = command.status().map_err(|error| format!("{runner}: cat: {error}"))?;
        let time = start.elapsed().as_secs_f64() * 1e9;
        if status.success() { Ok(time) } else { Err(format!("{runner}: cat: {status}")) }
    };
    programs.compare(name, &[Goal::OfNative(2.5)], once)
}

/// Runs a program and counts the zero bytes that it writes.
fn count_output(runner: &Runner, program: &Path, argument: &OsStr) -> Result<u64, String> {
    let failed = |error: std::io::Error| format!("{runner}: {}: {error}", program.display());
    let mut child =
        runner.command(program).arg(argument).stdout(Stdio::piped()).spawn().map_err(failed)?;
    let mut output = child.stdout.take().expect("our own invariant: standard output is a pipe");
    let mut buffer = vec![0; 1 << 20];
    let mut count = 0;
    loop {
        let read = output.read(&mut buffer).map_err(failed)?;
        if read == 0 {
            break;
        }
        count += buffer[..read].iter().filter(|byte| **byte == 0).count() as u64;
    }
    let status = child.wait().map_err(failed)?;
    if status.success() {
        Ok(count)
    } else {
        Err(format!("{runner}: {}: {status}", program.display()))
    }
}

fn expect(runner: &Runner, output: &str, answer: &str) -> Result<(), String> {
    if output == answer {
        Ok(())
    } else {
        Err(format!("{runner}: printed {output:?}, not {answer:?}"))
    }
}
