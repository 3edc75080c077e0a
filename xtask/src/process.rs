//! Running other programs.

use std::env;
use std::io::{BufRead as _, BufReader, Read};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process_group};

/// Whether this is an unattended run (`CI=true`).
pub(crate) fn in_ci() -> bool {
    env::var("CI").is_ok_and(|value| value == "true" || value == "1")
}

/// Returns the cargo that runs this program, or the one on the path.
pub(crate) fn cargo() -> Command {
    Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
}

/// Returns where `program` is on the search path; system folders are searched even when the path does not name them.
pub(crate) fn find_program(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"].map(PathBuf::from);
    env::split_paths(&path)
        .chain(system)
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}

/// Runs `command` to its end without standard input; unattended, it is ended with its children after `limit`.
///
/// # Errors
///
/// When it cannot be started, fails, or outlives `limit`; the message names the command.
pub(crate) fn run(command: &mut Command, limit: Duration) -> Result<(), String> {
    let shown = announce(command);
    let ended = spawn(command).and_then(|mut child| wait(&mut child, limit));
    judge(&shown, ended)
}

/// Runs `command` to its end and returns what it wrote to standard output.
///
/// # Errors
///
/// When it cannot be started, fails, or writes no text; the message names the command.
pub(crate) fn capture(command: &mut Command) -> Result<String, String> {
    let shown = announce(command);
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("`{shown}`: {error}"))?;
    if !output.status.success() {
        return Err(format!("`{shown}`: {}", output.status));
    }
    String::from_utf8(output.stdout).map_err(|error| format!("`{shown}`: {error}"))
}

/// A stream of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stream {
    Stdout,
    Stderr,
}

/// Runs `command` like [`run`], and calls `each` with every line that it writes to `stream`.
///
/// # Errors
///
/// As for [`run`].
pub(crate) fn watch(
    command: &mut Command,
    stream: Stream,
    limit: Duration,
    mut each: impl FnMut(&str) + Send,
) -> Result<(), String> {
    let shown = announce(command);
    match stream {
        Stream::Stdout => command.stdout(Stdio::piped()),
        Stream::Stderr => command.stderr(Stdio::piped()),
    };
    let ended = spawn(command).and_then(|mut child| {
        let stdout = child.stdout.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        let stderr = child.stderr.take().map(|pipe| Box::new(pipe) as Box<dyn Read + Send>);
        let pipe = stdout.or(stderr).expect("one of them was asked for");
        thread::scope(|scope| {
            scope.spawn(move || {
                for line in BufReader::new(pipe).split(b'\n').map_while(Result::ok) {
                    each(String::from_utf8_lossy(&line).trim_end());
                }
            });
            wait(&mut child, limit)
        })
    });
    judge(&shown, ended)
}

fn announce(command: &Command) -> String {
    let shown = show(command);
    println!("$ {shown}");
    shown
}

fn judge(shown: &str, ended: Result<ExitStatus, String>) -> Result<(), String> {
    match ended {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}`: {status}")),
        Err(error) => Err(format!("`{shown}`: {error}")),
    }
}

/// Unattended, in a process group of its own, so that its children end with it. (At a terminal an interrupt from the
/// keyboard would not reach the group.)
fn spawn(command: &mut Command) -> Result<Child, String> {
    if in_ci() {
        command.process_group(0);
    }
    command.stdin(Stdio::null()).spawn().map_err(|error| error.to_string())
}

fn wait(child: &mut Child, limit: Duration) -> Result<ExitStatus, String> {
    if in_ci() {
        wait_limited(child, limit)
    } else {
        child.wait().map_err(|error| error.to_string())
    }
}

fn wait_limited(child: &mut Child, limit: Duration) -> Result<ExitStatus, String> {
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            end(child)?;
            return Err(format!("not done after {} s, ended", limit.as_secs()));
        }
        thread::sleep(Duration::from_millis(100));
    }
}

fn end(child: &mut Child) -> Result<(), String> {
    let group = Pid::from_child(child);
    kill_process_group(group, Signal::KILL).map_err(|error| error.to_string())?;
    child.wait().map(|_| ()).map_err(|error| error.to_string())
}

/// The command as one would type it, with the variables that it sets.
fn show(command: &Command) -> String {
    let variables = command.get_envs().filter_map(|(name, value)| {
        Some(format!("{}={}", name.to_string_lossy(), value?.to_string_lossy()))
    });
    let program = name_of(Path::new(command.get_program()));
    let arguments = command.get_args().map(|argument| argument.to_string_lossy().into_owned());
    variables.chain([program]).chain(arguments).collect::<Vec<_>>().join(" ")
}

fn name_of(program: &Path) -> String {
    program.file_name().unwrap_or(program.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn failure_names_the_command() {
        let error = run(Command::new("/bin/sh").args(["-c", "exit 3"]), Duration::from_secs(9))
            .unwrap_err();
        assert_eq!(error, "`sh -c exit 3`: exit status: 3");
    }

    #[test]
    fn limit_ends_the_whole_group() {
        let mut command = Command::new("/bin/sh");
        let mut child =
            command.args(["-c", "sleep 100 & sleep 100"]).process_group(0).spawn().unwrap();
        let error = wait_limited(&mut child, Duration::ZERO).unwrap_err();
        assert_eq!(error, "not done after 0 s, ended");
    }

    #[test]
    fn lines_of_one_stream_are_seen_as_they_come() {
        let mut lines = Vec::new();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", "echo one; echo two >&2; exit 4"]);
        let each = |line: &str| lines.push(line.to_owned());
        let ended = watch(&mut command, Stream::Stderr, Duration::from_secs(9), each);
        assert!(ended.unwrap_err().ends_with("exit status: 4"));
        assert_eq!(lines, ["two"]);
    }

    #[test]
    fn programs_are_found_outside_the_path_too() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("no-such-program-anywhere"), None);
    }
}
