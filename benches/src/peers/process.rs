//! Another process that holds memory, read through the host's kernel.

use std::fs::File;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::os::unix::fs::FileExt as _;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::{env, io};

use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::waitpid;
use nix::unistd::Pid;

use crate::raw::PrivatePages;

/// A process that holds memory: this program again, as [`hold`].
#[derive(Debug)]
pub(crate) struct Holder {
    child: Child,
    addr: usize,
    memory: File,
}

/// A [`Holder`] that is stopped under ptrace.
#[derive(Debug)]
pub(crate) struct Stopped<'a>(&'a Holder);

impl Holder {
    /// Starts a process that holds `contents`; `None` when the host does not let us.
    pub(crate) fn new(contents: &[u8]) -> Option<Self> {
        let mut command = Command::new(env::current_exe().ok()?);
        command.args(["hold", &contents.len().to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        child.stdin.as_mut()?.write_all(contents).ok()?;
        let mut line = String::new();
        BufReader::new(child.stdout.take()?).read_line(&mut line).ok()?;
        let addr = line.trim().parse().ok()?;
        let memory = File::open(format!("/proc/{}/mem", child.id())).ok()?;
        Some(Self { child, addr, memory })
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Returns where the contents are in that process.
    pub(crate) fn addr(&self) -> usize {
        self.addr
    }

    /// Reads through `/proc/PID/mem`; returns whether all bytes arrived.
    pub(crate) fn pread(&self, offset: usize, to: &mut [u8]) -> bool {
        self.memory.read_exact_at(to, (self.addr + offset) as u64).is_ok()
    }

    /// Stops the process; `None` when the host does not let us.
    pub(crate) fn stop(&self) -> Option<Stopped<'_>> {
        ptrace::attach(self.pid()).ok()?;
        waitpid(self.pid(), None).ok()?;
        Some(Stopped(self))
    }
}

/// A process with nothing but private pages to fork, which its kernel does when it is asked: this program again, as
/// [`forks`]. (Ours has much more that would be copied.)
#[derive(Debug)]
pub(crate) struct Forker {
    child: Child,
    questions: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Forker {
    /// Starts a process with so many mappings of a page; `None` when the host does not let us.
    pub(crate) fn new(maps: usize) -> Option<Self> {
        let mut command = Command::new(env::current_exe().ok()?);
        command.args(["forks", &maps.to_string()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().ok()?;
        let (questions, answers) = child.stdin.take().zip(child.stdout.take())?;
        Some(Self { child, questions, answers: BufReader::new(answers) })
    }

    /// Returns the nanoseconds of one of `count` forks.
    ///
    /// # Errors
    ///
    /// What the process says is wrong.
    pub(crate) fn fork(&mut self, count: u64) -> Result<f64, String> {
        let failed = |error: io::Error| format!("fork: {error}");
        writeln!(self.questions, "{count}").map_err(failed)?;
        let mut line = String::new();
        self.answers.read_line(&mut line).map_err(failed)?;
        line.trim().parse().map_err(|_| format!("fork: {}", line.trim()))
    }
}

impl Drop for Forker {
    fn drop(&mut self) {
        // It would end with its standard input, which is dropped only after this.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Stopped<'_> {
    /// Reads a word with `PTRACE_PEEKDATA`.
    pub(crate) fn peek(&self, offset: usize) -> Option<u64> {
        let addr = std::ptr::without_provenance_mut(self.0.addr + offset);
        ptrace::read(self.0.pid(), addr).ok().map(i64::cast_unsigned)
    }
}

impl Drop for Stopped<'_> {
    fn drop(&mut self) {
        // A process that is gone needs no more of us.
        let _ = ptrace::detach(self.0.pid(), None::<Signal>);
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // It ends with its standard input; how does not matter.
        let _ = self.child.wait();
    }
}

/// Reads `len` bytes of standard input, says where they are, and holds them until it ends.
///
/// # Errors
///
/// When a stream fails.
pub(crate) fn hold(len: usize) -> Result<(), String> {
    let failed = |error: io::Error| error.to_string();
    let mut contents = vec![0; len];
    io::stdin().read_exact(&mut contents).map_err(failed)?;
    println!("{}", contents.as_ptr().addr());
    io::stdin().read_to_end(&mut Vec::new()).map_err(failed)?;
    std::hint::black_box(&contents);
    Ok(())
}

/// Makes `maps` mappings of a page, then forks as often as each line of standard input says, and answers with the
/// nanoseconds of one fork.
///
/// # Errors
///
/// When there is no room, or a stream fails.
pub(crate) fn forks(maps: usize) -> Result<(), String> {
    let pages = PrivatePages::new(maps)?;
    for line in io::stdin().lines() {
        let line = line.map_err(|error| error.to_string())?;
        let count = line.parse().map_err(|_| format!("not a number: {line}"))?;
        println!("{}", pages.fork(count)?);
    }
    Ok(())
}
