//! Running other programs.

use std::env;
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
    let shown = show(command);
    println!("$ {shown}");
    command.stdin(Stdio::null());
    let status = if in_ci() {
        run_limited(command, limit)
    } else {
        command.status().map_err(|error| error.to_string())
    };
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("`{shown}`: {status}")),
        Err(error) => Err(format!("`{shown}`: {error}")),
    }
}

/// In a process group of its own, so that its children end with it. (Not at a terminal: an interrupt from the keyboard
/// would not reach the group.)
fn run_limited(command: &mut Command, limit: Duration) -> Result<ExitStatus, String> {
    let mut child = command.process_group(0).spawn().map_err(|error| error.to_string())?;
    let start = Instant::now();
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(status);
        }
        if start.elapsed() > limit {
            end(&mut child)?;
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
        let error = run_limited(
            Command::new("/bin/sh").args(["-c", "sleep 100 & sleep 100"]),
            Duration::ZERO,
        )
        .unwrap_err();
        assert_eq!(error, "not done after 0 s, ended");
    }

    #[test]
    fn programs_are_found_outside_the_path_too() {
        assert!(find_program("sh").is_some());
        assert_eq!(find_program("no-such-program-anywhere"), None);
    }
}
