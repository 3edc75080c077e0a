//! One child process, run to its end with a time limit.

use std::ffi::OsStr;
use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

/// How long a program may take before it counts as hung.
const TIMEOUT: Duration = Duration::from_secs(120);

/// How a child ended and what it wrote.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit status, or 128+N when signal N killed the child.
    pub(crate) status: i32,
    /// The signal that killed the child itself.
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Ended {
    /// Standard error as text.
    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Standard output as text.
    pub(crate) fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Checks that `usermem` itself neither panicked nor was killed, whatever became of the program.
    #[track_caller]
    pub(crate) fn check_sound(&self, what: &str) -> &Self {
        let text = self.stderr_text();
        assert!(!text.contains("panicked at"), "{what}: usermem panicked:\n{text}");
        assert_eq!(self.signal, None, "{what}: usermem was killed by a signal; stderr:\n{text}");
        self
    }

    /// Checks the exit status and, for statuses of ours, that standard error holds exactly one line.
    #[track_caller]
    pub(crate) fn check_refused(&self, what: &str, status: i32) {
        self.check_sound(what);
        let text = self.stderr_text();
        assert_eq!(self.status, status, "{what}: exit status; stderr:\n{text}");
        assert_eq!(text.lines().count(), 1, "{what}: one line on stderr expected, got:\n{text}");
        assert!(text.ends_with('\n'), "{what}: the line on stderr does not end: {text:?}");
        assert_eq!(self.stdout_text(), "", "{what}: nothing may appear on stdout");
    }
}

/// Returns `usermem run` with the tests' environment; options and `--` are the caller's to add.
pub(crate) fn usermem() -> Command {
    let mut command = environment(Path::new(env!("CARGO_BIN_EXE_usermem")));
    command.arg("run");
    command
}

/// Returns a command for `program` with a small fixed environment, the same natively and under us.
pub(crate) fn environment(program: &Path) -> Command {
    let mut command = Command::new(program);
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C")
        .env("HOME", "/nonexistent")
        .env("TZ", "UTC0");
    command
}

/// Returns where `name` is installed, looking in `/usr/bin` and `/bin` only.
pub(crate) fn find_program(name: &str) -> Option<PathBuf> {
    ["/usr/bin", "/bin"].iter().map(|dir| Path::new(dir).join(name)).find(|path| path.exists())
}

/// Runs `command` to its end, feeding it `stdin`.
///
/// # Panics
///
/// Panics when the program cannot be started or does not end within [`TIMEOUT`]; it is killed then.
#[track_caller]
pub(crate) fn run(mut command: Command, stdin: &[u8]) -> Ended {
    let name = describe(&command);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("cannot start {name}: {error}"));
    let mut feed = child.stdin.take().expect("stdin is piped");
    let mut out = child.stdout.take().expect("stdout is piped");
    let mut err = child.stderr.take().expect("stderr is piped");
    let (status, stdout, stderr) = thread::scope(|scope| {
        // A program may end without reading all its input; that is its business.
        scope.spawn(move || drop(feed.write_all(stdin)));
        let stdout = scope.spawn(move || read_all(&mut out));
        let stderr = scope.spawn(move || read_all(&mut err));
        let status = wait(&mut child);
        (status, stdout.join().expect("reader ended"), stderr.join().expect("reader ended"))
    });
    let Some(status) = status else {
        let text = String::from_utf8_lossy(&stderr).into_owned();
        panic!("{name} did not end within {TIMEOUT:?} and was killed; stderr:\n{text}");
    };
    let signal = status.signal();
    let code = status.code().or(signal.map(|n| 128 + n)).expect("exited or was killed");
    Ended { status: code, signal, stdout, stderr }
}

/// Waits for the child; kills it and returns `None` when its time is up.
fn wait(child: &mut Child) -> Option<ExitStatus> {
    let start = Instant::now();
    let mut pause = Duration::from_micros(200);
    loop {
        if let Some(status) = child.try_wait().expect("our own child can be waited for") {
            return Some(status);
        }
        if start.elapsed() > TIMEOUT {
            child.kill().expect("our own child can be killed");
            child.wait().expect("our own child can be waited for");
            return None;
        }
        thread::sleep(pause);
        pause = (pause * 2).min(Duration::from_millis(10));
    }
}

fn read_all(from: &mut impl Read) -> Vec<u8> {
    let mut bytes = Vec::new();
    from.read_to_end(&mut bytes).expect("reading from a pipe works");
    bytes
}

fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(OsStr::to_string_lossy).collect::<Vec<_>>().join(" ")
}
