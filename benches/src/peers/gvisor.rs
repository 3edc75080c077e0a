//! gVisor's own packages, in a program of ours in Go that measures what it is asked to.

use std::cell::RefCell;
use std::io::{BufRead as _, BufReader, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::rc::Rc;
use std::{env, fmt, fs};

use crate::bench::Setting;
use crate::lap::Lap;

/// Where Debian has what is built with.
const GO: &str = "/usr/lib/go-1.19/bin/go";
const GOPATH: &str = "/usr/share/gocode";
const PACKAGES: &str = "/usr/share/gocode/src/gvisor.dev/gvisor/pkg/sentry/mm";

/// The program, running.
pub(crate) struct Gvisor {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl fmt::Debug for Gvisor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gvisor").field("child", &self.child).finish_non_exhaustive()
    }
}

impl Gvisor {
    /// Builds the program and starts it.
    ///
    /// # Errors
    ///
    /// Says what is missing or failed.
    pub(crate) fn start(root: &Path) -> Result<Self, String> {
        for path in [GO, PACKAGES] {
            if !Path::new(path).exists() {
                return Err(format!(
                    "no gVisor: {path} is missing; \
                     apt-get install golang-1.19-go golang-gvisor-gvisor-dev"
                ));
            }
        }
        eprintln!("building gVisor's memory manager, where it has changed or is not there yet");
        let program = build(root)?;
        let mut command = Command::new(program);
        // One thread that runs Go code: as little of the runtime in the way as it offers.
        command
            .env("GOMAXPROCS", "1")
            .env("GOGC", "off")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| format!("gVisor: {error}"))?;
        let (questions, answers) = child.stdin.take().zip(child.stdout.take()).ok_or("no pipe")?;
        Ok(Self { child, questions, answers: BufReader::new(answers) })
    }

    /// Asks for `count` operations of a kind; returns the nanoseconds of one.
    fn measure(&mut self, operation: &str, count: u64) -> Result<f64, String> {
        let failed = |error: std::io::Error| format!("{operation}: {error}");
        writeln!(self.questions, "{count} {operation}").map_err(failed)?;
        self.questions.flush().map_err(failed)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(failed)?;
        line.trim().parse().map_err(|_| format!("{operation}: {}", line.trim()))
    }
}

impl Drop for Gvisor {
    fn drop(&mut self) {
        // It would end with its standard input, which is dropped only after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Builds the program beside this one.
fn build(root: &Path) -> Result<PathBuf, String> {
    let this = env::current_exe().map_err(|error| format!("this program's own path: {error}"))?;
    let folder = this.with_file_name("gvisor-bench");
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let program = folder.join("gvisor-bench");
    let mut command = Command::new(GO);
    command.args(["build", "-o"]).arg(&program).arg(".").current_dir(root.join("benches/gvisor"));
    command.env("GOPATH", GOPATH).env("GO111MODULE", "off").env("GOFLAGS", "");
    command.env("GOCACHE", folder.join("cache"));
    let output = command.output().map_err(|error| format!("{GO}: {error}"))?;
    if output.status.success() {
        return Ok(program);
    }
    let stderr = String::from_utf8_lossy(&output.stderr);
    Err(format!("gVisor does not build: {}", stderr.lines().take(3).collect::<Vec<_>>().join(" ")))
}

/// Returns gVisor's turn at an operation, `None` when there is no gVisor here.
pub(crate) fn lap<'a>(setting: &Setting<'a>, operation: &str) -> Option<Lap<'a>> {
    let gvisor: Rc<RefCell<Gvisor>> = setting.gvisor.clone()?;
    let operation = operation.to_owned();
    Some(Box::new(move |count| gvisor.borrow_mut().measure(&operation, count)))
}
