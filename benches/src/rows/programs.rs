//! Rows of the host's own programs, timed from start to end.

use std::ffi::OsStr;
use std::fs::File;
use std::io::Read;
use std::path::Path;
use std::process::Stdio;
use std::time::Instant;

use super::Setting;
use crate::report::{Row, Target};
use crate::runner::{Runner, find};

/// A program of many mappings and little work.
pub(super) fn python(setting: &Setting<'_>) -> Result<Option<Row>, String> {
    let Some(python) = find("python3") else { return Ok(None) };
    // The first answer shows that code runs; the timed program does nothing.
    for runner in [Runner::Native, Runner::Usermem(setting.fixture.usermem().to_owned())] {
        let (output, _) = runner.run(&python, &["-c".as_ref(), "print(6 * 7)".as_ref()])?;
        expect(&runner, &output, "42\n")?;
    }
    let once = |runner: &Runner| {
        let (output, time) = runner.run(&python, &["-c".as_ref(), "pass".as_ref()])?;
        expect(runner, &output, "").map(|()| time)
    };
    setting.compare("python3 -c pass".to_owned(), &[Target::OfNative(6.0)], once).map(Some)
}

/// A program that computes over a file.
pub(super) fn sha256sum(setting: &Setting<'_>) -> Result<Option<Row>, String> {
    let Some(program) = find("sha256sum") else { return Ok(None) };
    let mib = setting.size(256, 1);
    let file = setting.fixture.file("random", mib)?;
    let arguments = [file.as_os_str()];
    let (answer, _) = Runner::Native.run(&program, &arguments)?;
    let once = |runner: &Runner| {
        let (output, time) = runner.run(&program, &arguments)?;
        expect(runner, &output, &answer).map(|()| time)
    };
    setting.compare(format!("sha256sum of {mib} MiB"), &[Target::OfNative(1.2)], once).map(Some)
}

/// A program that moves a file through its memory.
pub(super) fn cat(setting: &Setting<'_>) -> Result<Option<Row>, String> {
    let Some(program) = find("cat") else { return Ok(None) };
    let mib = setting.size(1024, 4);
    let file = setting.fixture.sparse_file("sparse", mib)?;
    let ours = Runner::Usermem(setting.fixture.usermem().to_owned());
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
    setting
        .compare(format!("cat of {mib} MiB to /dev/null"), &[Target::OfNative(2.5)], once)
        .map(Some)
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
