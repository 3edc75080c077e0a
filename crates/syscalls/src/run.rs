//! The loop that a program lives in.

use std::fmt;

use kernel_task::{CurrentTask, ExitStatus};
use platform::{Arch, Event, FaultInfo, PlatformError, SyscallInfo};
use usermem_types::Errno;

use crate::{Args, SysResult, Table, TraceSink, signals};

/// What happened while a program ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// System calls, those without a handler included.
    pub syscalls: u64,
    /// System calls without a handler.
    pub unknown: u64,
    /// Memory faults of the program's own instructions.
    pub faults: u64,
}

/// How a program ended, and what happened until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What happened.
    pub counters: Counters,
}

/// Our own failure to go on; never the program's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunError(PlatformError);

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot run the program any further: {}", self.0)
    }
}

impl std::error::Error for RunError {}

impl From<PlatformError> for RunError {
    fn from(error: PlatformError) -> Self {
        Self(error)
    }
}

/// Runs programs.
#[derive(Debug)]
pub struct Runner {
    table: Table,
    trace: Option<TraceSink>,
    counters: Counters,
}

impl Runner {
    /// Creates a runner that shows system calls to `trace`, if given.
    #[must_use]
    pub fn new(trace: Option<TraceSink>) -> Self {
        Self { table: Table::new(), trace, counters: Counters::default() }
    }

    /// Runs a task until its program ends.
    ///
    /// # Errors
    /// When the platform fails.
    pub fn run(mut self, task: &mut CurrentTask) -> Result<Ended, RunError> {
        let status = loop {
            if let Some(status) = task.exit_status() {
                break status;
            }
            match task.context().switch()? {
                Event::Syscall(call) => self.syscall(task, &call),
                Event::Fault(fault) => self.fault(task, &fault),
                Event::Signal(signal) => {
                    self.show_signal(signal.signal, signal.code, signal.addr);
                    signals::deliver_fault(task, signal.signal, signal.code, signal.addr);
                }
                Event::Interrupted => {}
            }
            for info in signals::deliver_pending(task) {
                self.show_signal(info.signal, info.code, 0);
            }
        };
        if let Some(trace) = &self.trace {
            trace.ended(status);
        }
        Ok(Ended { status, counters: self.counters })
    }

    fn syscall(&mut self, task: &mut CurrentTask, call: &SyscallInfo) {
        self.counters.syscalls += 1;
        let args = Args::new(call.args);
        let entry = match call.arch {
            Arch::Native => self.table.get(call.nr),
            // 32-bit calls of a 64-bit program have other numbers and other structures.
            Arch::Compat => None,
        };
        if entry.is_none() {
            self.counters.unknown += 1;
        }
        let line = self.trace.as_ref().map(|trace| trace.enter(task, entry, call.nr, &args));
        let result: SysResult = match entry {
            Some(entry) => (entry.run)(task, &args),
            None => Err(Errno::ENOSYS),
        };
        if let Some(line) = line {
            line.finish(task, result);
        }
        if task.exit_status().is_none() {
            task.context().set_syscall_result(result.unwrap_or_else(Errno::to_return));
        }
    }

    fn fault(&mut self, task: &mut CurrentTask, fault: &FaultInfo) {
        self.counters.faults += 1;
        if let Err(fault) = task.task().memory_manager().handle_user_fault(fault) {
            self.show_signal(fault.signal, fault.code, fault.addr.get());
            signals::deliver_fault(task, fault.signal, fault.code, fault.addr.get());
        }
    }

    fn show_signal(&self, signal: i32, code: i32, addr: u64) {
        if let Some(trace) = &self.trace {
            trace.signal(signal, code, addr);
        }
    }
}
