//! Lines of a trace.

use std::io::Write;

use kernel_task::{CurrentTask, ExitStatus};
use usermem_io::Io;
use usermem_types::Errno;

use super::TraceFilter;
use super::decode::{decode_in, decode_out};
use super::flags::{code_name, signal_name};
use crate::{ArgKind, Args, Entry, SysResult};

/// Shows system calls on standard error.
#[derive(Clone, Debug)]
pub struct TraceSink {
    filter: TraceFilter,
}

/// A system call that is going on.
#[derive(Debug)]
#[must_use = "the call is shown when the line is finished"]
pub struct Line {
    /// `None` when the call is not shown.
    call: Option<Call>,
}

#[derive(Debug)]
struct Call {
    name: String,
    kinds: &'static [ArgKind],
    args: Args,
    /// The arguments; those that the call fills are decoded when it is over.
    decoded: Vec<Option<String>>,
}

impl TraceSink {
    /// Makes a sink that shows what a filter lets through.
    #[must_use]
    pub fn new(filter: TraceFilter) -> Self {
        Self { filter }
    }

    /// Starts the line of a system call, with what the call is going to read. `entry` is `None`
    /// for a call that is not implemented.
    pub fn enter(
        &self,
        task: &CurrentTask,
        entry: Option<&Entry>,
        number: u64,
        args: &Args,
    ) -> Line {
        let memory: &dyn Io = &**task.task().memory_manager();
        let call = match entry {
            Some(entry) if self.filter.shows(entry.name) => Some(Call {
                name: entry.name.to_owned(),
                kinds: entry.args,
                args: *args,
                decoded: (0..entry.args.len())
                    .map(|index| decode_in(memory, entry.args, args, index))
                    .collect(),
            }),
            None if self.filter.shows_unknown() => Some(Call {
                name: format!("syscall_{number:#x}"),
                kinds: &[ArgKind::Hex; 6],
                args: *args,
                decoded: (0..6).map(|index| Some(format!("{:#x}", args.raw(index)))).collect(),
            }),
            _ => None,
        };
        Line { call }
    }

    /// Shows a signal that is about to be delivered.
    pub fn signal(&self, signal: i32, code: i32, addr: u64) {
        print(&signal_line(signal, code, addr));
    }

    /// Shows how the program ended.
    pub fn ended(&self, status: ExitStatus) {
        print(&match status {
            ExitStatus::Code(code) => format!("+++ exited with {code} +++"),
            ExitStatus::Signal(signal) => format!("+++ killed by {} +++", signal_name(signal)),
        });
    }
}

impl Line {
    /// Shows the line, with what the call has filled and what it returned.
    pub fn finish(self, task: &CurrentTask, result: SysResult) {
        let Some(call) = self.call else { return };
        let memory: &dyn Io = &**task.task().memory_manager();
        let ended = task.exit_status().is_some() && call.name.starts_with("exit");
        let result_text = if ended { "?".to_owned() } else { show_result(&call.name, result) };
        print(&call.show(memory, result, &result_text));
    }
}

impl Call {
    fn show(&self, memory: &dyn Io, result: SysResult, result_text: &str) -> String {
        let arguments: Vec<String> = self
            .decoded
            .iter()
            .enumerate()
            .filter(|(index, _)| !self.is_unused_mode(*index))
            .map(|(index, decoded)| match decoded {
                Some(text) => text.clone(),
                None => decode_out(memory, self.kinds, &self.args, index, result),
            })
            .collect();
        format!("{}({}) = {result_text}", self.name, arguments.join(", "))
    }

    /// The mode of an open that does not create a file is not looked at.
    fn is_unused_mode(&self, index: usize) -> bool {
        let creating = (libc::O_CREAT | libc::O_TMPFILE & !libc::O_DIRECTORY) as u64;
        self.kinds.get(index) == Some(&ArgKind::Mode)
            && index.checked_sub(1).is_some_and(|before| {
                self.kinds.get(before) == Some(&ArgKind::OpenFlags)
                    && self.args.raw(before) & creating == 0
            })
    }
}

fn show_result(name: &str, result: SysResult) -> String {
    match result {
        Ok(value) if matches!(name, "brk" | "mmap" | "mremap" | "shmat") => format!("{value:#x}"),
        Ok(value) if name == "umask" => format!("{value:#o}"),
        Ok(value) => (value as i64).to_string(),
        Err(errno) => format!("-1 {errno} ({})", message(errno)),
    }
}

/// Returns the message of an error number.
fn message(errno: Errno) -> String {
    let text = std::io::Error::from_raw_os_error(errno.raw()).to_string();
    let suffix = format!(" (os error {})", errno.raw());
    text.strip_suffix(&suffix).unwrap_or(&text).to_owned()
}

fn signal_line(signal: i32, code: i32, addr: u64) -> String {
    let name = signal_name(signal);
    let detail = match code {
        1.. if code != 0x80 => format!(", si_addr={addr:#x}"),
        _ => String::new(),
    };
    format!("--- {name} {{si_code={}{detail}}} ---", code_name(signal, code))
}

/// A trace that nobody can read is no reason to stop the program.
fn print(line: &str) {
    let _ = std::io::stderr().write_all(format!("{line}\n").as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn results() {
        assert_eq!(show_result("read", Ok(12)), "12");
        assert_eq!(show_result("brk", Ok(0x5555_0000)), "0x55550000");
        assert_eq!(
            show_result("openat", Err(Errno::ENOENT)),
            "-1 ENOENT (No such file or directory)"
        );
        assert_eq!(
            show_result("clone3", Err(Errno::ENOSYS)),
            "-1 ENOSYS (Function not implemented)"
        );
    }

    #[test]
    fn signals() {
        assert_eq!(
            signal_line(libc::SIGSEGV, 1, 0),
            "--- SIGSEGV {si_code=SEGV_MAPERR, si_addr=0x0} ---"
        );
        assert_eq!(
            signal_line(libc::SIGFPE, 1, 0x401000),
            "--- SIGFPE {si_code=FPE_INTDIV, si_addr=0x401000} ---"
        );
        assert_eq!(signal_line(libc::SIGTERM, 0, 0), "--- SIGTERM {si_code=SI_USER} ---");
        assert_eq!(signal_line(libc::SIGPIPE, 0x80, 0), "--- SIGPIPE {si_code=SI_KERNEL} ---");
    }
}
