//! Who runs a program: the host itself, us, or a peer.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Instant;
use std::{env, fmt};

/// A way to run a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Runner {
    Native,
    /// `usermem run`, the command at this path.
    Usermem(PathBuf),
    /// `proot`, a peer that does its work with ptrace too.
    Proot(PathBuf),
    /// `strace -f`, which stops at every call and writes a line, here to nowhere.
    Strace(PathBuf),
}

impl fmt::Display for Runner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Native => "native",
            Self::Usermem(_) => "usermem",
            Self::Proot(_) => "proot",
            Self::Strace(_) => "strace",
        })
    }
}

impl Runner {
    /// Returns the command that runs `program` this way, with the same small environment for all.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self {
            Self::Native => Command::new(program),
            Self::Usermem(usermem) => {
                let mut command = Command::new(usermem);
                command.args(["run", "--"]).arg(program);
                command
            }
            Self::Proot(proot) => {
                let mut command = Command::new(proot);
                command.arg(program);
                command
            }
            Self::Strace(strace) => {
                let mut command = Command::new(strace);
                command.args(["-f", "-o", "/dev/null"]).arg(program);
                command
            }
        };
        command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").stdin(Stdio::null());
        command
    }

    /// Runs `program` to its end; returns what it wrote to standard output and the nanoseconds from start to end.
    ///
    /// # Errors
    ///
    /// When it fails or writes to standard error.
    pub(crate) fn run(
        &self,
        program: &Path,
        arguments: &[&OsStr],
    ) -> Result<(String, f64), String> {
        let mut command = self.command(program);
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
        let start = Instant::now();
        let output =
            command.output().map_err(|error| format!("{self}: {}: {error}", program.display()))?;
        let nanoseconds = start.elapsed().as_secs_f64() * 1e9;
        self.check(program, &output)?;
        Ok((String::from_utf8_lossy(&output.stdout).into_owned(), nanoseconds))
    }

    fn check(&self, program: &Path, output: &Output) -> Result<(), String> {
        if output.status.success() && output.stderr.is_empty() {
            return Ok(());
        }
        let stderr = String::from_utf8_lossy(&output.stderr);
        Err(format!("{self}: {}: {}; {}", program.display(), output.status, stderr.trim()))
    }
}

/// Returns where `program` is in the usual folders.
pub(crate) fn find(program: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_default();
    let usual = ["/usr/bin", "/bin"].map(PathBuf::from);
    usual
        .into_iter()
        .chain(env::split_paths(&path))
        .map(|folder| folder.join(program))
        .find(|file| file.is_file())
}
