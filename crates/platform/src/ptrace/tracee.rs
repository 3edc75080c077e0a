//! A stub that is stopped, or runs only while one of these functions runs.

use std::os::fd::{AsFd, AsRawFd};

use usermem_types::Errno;

use super::arch::{self, UserRegs};
use super::birth::{STEPS, fork_stub};
use super::filter::Filter;
use super::flight::Flight;
use super::page::StubPage;
use super::return_page::ReturnPage;
use super::sys::{self, Pid, Resume, Stop};
use crate::PlatformError;

/// A stub process, traced by the thread that made it.
///
/// The application's registers are in the stub, or here, or in both; they are read when somebody
/// asks and written back once before the application runs.
#[derive(Debug)]
pub(super) struct Tracee {
    pid: Pid,
    page: StubPage,
    pub(super) filter: Filter,
    /// The page behind `page`, for calls that end in the application; where these are possible.
    pub(super) return_page: Option<ReturnPage>,
    /// The last such call, until the stub stops.
    pub(super) flight: Option<Flight>,
    /// The application's registers, when they have been read.
    regs: Option<UserRegs>,
    /// `regs` is not what the stub holds.
    dirty: bool,
    /// A result that has been set while `regs` had not been read.
    result: Option<u64>,
    /// The reason for which the stub is of no use any more.
    dead: Option<PlatformError>,
    reaped: bool,
}

/// Returns the arguments of `mmap` that show a file to a stub, instead of what is there.
pub(super) fn shared_mapping(
    (at, len): (u64, u64),
    prot: i32,
    flags: i32,
    file: &impl AsFd,
    offset: u64,
) -> [u64; 6] {
    let flags = libc::MAP_SHARED | libc::MAP_FIXED | flags;
    let fd = file.as_fd().as_raw_fd();
    let [prot, flags, fd] = [prot, flags, fd].map(|number| u64::from(number.cast_unsigned()));
    [at, len, prot, flags, fd, offset]
}

pub(super) fn failed(what: &str, errno: Errno) -> PlatformError {
    PlatformError { what: what.to_owned(), errno }
}

impl Tracee {
    /// Makes a stub with nothing in its address space but `page`.
    pub(super) fn spawn(page: StubPage) -> Result<Self, PlatformError> {
        let filter = Filter::new()?;
        let pid = fork_stub(page, &filter).map_err(|errno| failed("clone of a stub", errno))?;
        let mut tracee = Self {
            pid,
            page,
            filter,
            return_page: None,
            flight: None,
            regs: None,
            dirty: false,
            result: None,
            dead: None,
            reaped: false,
        };
        tracee.start()?;
        Ok(tracee)
    }

    fn start(&mut self) -> Result<(), PlatformError> {
        loop {
            match self.wait("starting a stub")? {
                Stop::Signal(libc::SIGTRAP) => break,
                Stop::Exited(status) => {
                    self.reaped = true;
                    let step = usize::try_from(status).ok().and_then(|at| at.checked_sub(1));
                    let step = step.and_then(|at| STEPS.get(at)).unwrap_or(&"an unknown step");
                    return Err(self.die(format!("a stub failed at {step}"), Errno::EPERM));
                }
                stop @ Stop::Killed(_) => return Err(self.died(stop)),
                _ => self.resume(Resume::Continue)?,
            }
        }
        let options = sys::set_options(self.pid);
        self.check("ptrace(PTRACE_SETOPTIONS)", options)?;
        // An area of restartable sequences that is left registered is written at the next
        // preemption: in memory that is gone, or the application's.
        let rseq = sys::rseq(self.pid);
        let rseq = self.check("ptrace(PTRACE_GET_RSEQ_CONFIGURATION)", rseq)?;
        if rseq.size != 0 {
            let args = [rseq.pointer, rseq.size.into(), 1, rseq.signature.into(), 0, 0];
            let result = self.inject(libc::SYS_rseq, args)?;
            self.check("rseq in a stub", result)?;
        }
        for (start, end) in [(0, self.page.start()), (self.page.end(), arch::TASK_SIZE)] {
            if start < end {
                let result = self.inject(libc::SYS_munmap, [start, end - start, 0, 0, 0, 0])?;
                self.check("munmap in a stub", result)?;
            }
        }
        self.map_return_page()?;
        // The application starts from nothing, not from what is left of us.
        let state = sys::extended_state(self.pid);
        let mut state = self.check("ptrace(PTRACE_GETREGSET) of vector state", state)?;
        arch::reset_extended(&mut state);
        let set = sys::set_extended_state(self.pid, &state);
        self.check("ptrace(PTRACE_SETREGSET) of vector state", set)?;
        let mut clean = arch::call(self.page.start(), 0, [0; 6]);
        arch::sanitize(&mut clean);
        self.regs = Some(clean);
        self.dirty = true;
        Ok(())
    }

    /// Returns the process.
    pub(super) fn pid(&self) -> Pid {
        self.pid
    }

    /// Returns the page of code that is ours.
    pub(super) fn page(&self) -> StubPage {
        self.page
    }

    /// Returns the application's registers for reading.
    pub(super) fn regs(&mut self) -> Result<&UserRegs, PlatformError> {
        self.regs_loaded().map(|regs| &*regs)
    }

    /// Returns the application's registers for changing.
    pub(super) fn regs_mut(&mut self) -> Result<&mut UserRegs, PlatformError> {
        self.regs_loaded()?;
        self.dirty = true;
        self.regs_loaded()
    }

    fn regs_loaded(&mut self) -> Result<&mut UserRegs, PlatformError> {
        if self.regs.is_none() {
            self.alive()?;
            let regs = sys::registers(self.pid);
            let mut regs = self.check("ptrace(PTRACE_GETREGSET)", regs)?;
            if let Some(result) = self.result.take() {
                arch::set_result(&mut regs, result);
                self.dirty = true;
            }
            self.regs = Some(regs);
        }
        Ok(self.regs.as_mut().expect("our own invariant: read above"))
    }

    /// Sets the result of a system call, at the cost of one word where that is possible.
    pub(super) fn set_result(&mut self, value: u64) {
        match &mut self.regs {
            Some(regs) => {
                arch::set_result(regs, value);
                self.dirty = true;
            }
            None => self.result = Some(value),
        }
    }

    /// Performs a system call in the stub, leaving the application's registers as they are.
    ///
    /// The inner result is the call's own.
    pub(super) fn inject(
        &mut self,
        nr: libc::c_long,
        args: [u64; 6],
    ) -> Result<Result<u64, Errno>, PlatformError> {
        self.alive()?;
        self.regs_loaded()?;
        self.dirty = true;
        let call = arch::call(self.page.start(), nr as u64, self.filter.sign(args));
        let set = sys::set_registers(self.pid, &call);
        self.check("ptrace(PTRACE_SETREGSET)", set)?;
        let end = arch::trapped_at(self.page.start());
        loop {
            self.resume(Resume::Continue)?;
            let stop = self.wait("wait4")?;
            match stop {
                Stop::Signal(libc::SIGTRAP) => {
                    let regs = sys::registers(self.pid);
                    let regs = self.check("ptrace(PTRACE_GETREGSET)", regs)?;
                    // Otherwise somebody sent the signal.
                    if arch::pc(&regs) == end {
                        return Ok(decode_result(arch::result(&regs)));
                    }
                }
                // Sent by somebody, or by us to interrupt: the call goes on, and whoever sent it
                // finds the application stopped.
                Stop::Signal(_) | Stop::Syscall => {}
                Stop::Refused | Stop::Event(_) | Stop::Exited(_) | Stop::Killed(_) => {
                    return Err(self.died(stop));
                }
            }
        }
    }

    /// Puts the application's registers where they were, then runs it until it stops.
    pub(super) fn run(&mut self) -> Result<(), PlatformError> {
        self.alive()?;
        if self.regs.is_none()
            && let Some(value) = self.result.take()
        {
            match arch::RESULT_OFFSET {
                Some(offset) if !looks_like_restart(value) => {
                    let poked = sys::poke_register(self.pid, offset, value);
                    self.check("ptrace(PTRACE_POKEUSER)", poked)?;
                }
                _ => {
                    self.result = Some(value);
                    self.regs_loaded()?;
                }
            }
        }
        if let Some(regs) = &mut self.regs
            && self.dirty
        {
            arch::sanitize(regs);
            let set = sys::set_registers(self.pid, regs);
            self.check("ptrace(PTRACE_SETREGSET)", set)?;
        }
        self.forget_regs();
        self.resume(Resume::Emulate)
    }

    /// The stub holds the application's registers, or will, and changes them.
    pub(super) fn forget_regs(&mut self) {
        self.regs = None;
        self.dirty = false;
    }

    /// Takes the call away that the filter has stopped, whatever becomes of the stub next.
    pub(super) fn cancel_call(&mut self) -> Result<(), PlatformError> {
        let cancelled = match arch::CALL_OFFSET {
            Some(offset) => sys::poke_register(self.pid, offset, u64::MAX),
            None => Err(Errno::ENOSYS),
        };
        self.check("ptrace(PTRACE_POKEUSER)", cancelled)
    }

    /// Waits for the stop of a stub that [`Tracee::run`] started. `interrupted` says what to do
    /// when a signal handler of ours runs meanwhile.
    pub(super) fn wait_stop(
        &mut self,
        mut interrupted: impl FnMut(),
    ) -> Result<Stop, PlatformError> {
        loop {
            match sys::wait(self.pid) {
                Ok(stop @ (Stop::Syscall | Stop::Refused | Stop::Signal(_))) => return Ok(stop),
                Ok(stop) => return Err(self.died(stop)),
                Err(Errno::EINTR) => interrupted(),
                Err(errno) => return Err(self.die("wait4".to_owned(), errno)),
            }
        }
    }

    /// Returns the result of a request, noting that the stub is gone when that is why it failed.
    pub(super) fn check<T>(
        &mut self,
        what: &str,
        result: Result<T, Errno>,
    ) -> Result<T, PlatformError> {
        match result {
            Ok(value) => Ok(value),
            // It is not stopped any more, and only SIGKILL does that.
            Err(Errno::ESRCH) => Err(self.reap_dead(what)),
            Err(errno) => Err(self.die(what.to_owned(), errno)),
        }
    }

    /// Kills the stub and waits until it is gone.
    pub(super) fn end(&mut self) {
        if self.reaped {
            return;
        }
        sys::kill(self.pid);
        self.reap();
    }

    fn reap(&mut self) -> Option<Stop> {
        let mut last = None;
        loop {
            match sys::wait(self.pid) {
                Ok(stop @ (Stop::Exited(_) | Stop::Killed(_))) => {
                    self.reaped = true;
                    return Some(stop);
                }
                Ok(stop) => {
                    last = Some(stop);
                    // Let it die. A failure means that it does so already.
                    let _ = sys::resume(self.pid, Resume::Continue);
                }
                Err(Errno::EINTR) => {}
                Err(_) => {
                    self.reaped = true;
                    return last;
                }
            }
        }
    }

    pub(super) fn resume(&mut self, how: Resume) -> Result<(), PlatformError> {
        let resumed = sys::resume(self.pid, how);
        self.check("resuming a stub", resumed)
    }

    fn wait(&mut self, what: &str) -> Result<Stop, PlatformError> {
        loop {
            match sys::wait(self.pid) {
                Ok(stop) => return Ok(stop),
                Err(Errno::EINTR) => {}
                Err(errno) => return Err(self.die(what.to_owned(), errno)),
            }
        }
    }

    pub(super) fn alive(&self) -> Result<(), PlatformError> {
        self.dead.clone().map_or(Ok(()), Err)
    }

    fn die(&mut self, what: String, errno: Errno) -> PlatformError {
        let error = PlatformError { what, errno };
        self.dead.get_or_insert(error).clone()
    }

    /// The stub stopped on its way out, or is gone.
    fn died(&mut self, stop: Stop) -> PlatformError {
        let how = match stop {
            Stop::Event(sys::EVENT_EXIT) => {
                let status = sys::exit_status(self.pid).map(sys::decode_exit).unwrap_or(stop);
                let _ = sys::resume(self.pid, Resume::Continue);
                self.reap();
                status
            }
            Stop::Exited(_) | Stop::Killed(_) => {
                self.reaped = true;
                stop
            }
            other => other,
        };
        self.die(describe(how), Errno::ESRCH)
    }

    fn reap_dead(&mut self, what: &str) -> PlatformError {
        // The number may be somebody else's by now.
        if self.reaped {
            return self.die(what.to_owned(), Errno::ESRCH);
        }
        sys::kill(self.pid);
        let what = self.reap().map_or_else(|| what.to_owned(), describe);
        self.die(what, Errno::ESRCH)
    }
}

fn describe(how: Stop) -> String {
    match how {
        Stop::Refused => {
            "the stub process was stopped: it made a system call that its filter forbids".to_owned()
        }
        Stop::Killed(signal) => format!("the stub process was killed by signal {signal}"),
        Stop::Exited(status) => format!("the stub process exited with status {status}"),
        other => format!("the stub process stopped unexpectedly ({other:?})"),
    }
}

pub(super) fn decode_result(value: u64) -> Result<u64, Errno> {
    match i32::try_from(value.cast_signed()) {
        Ok(negative @ -4095..=-1) => Err(Errno::from_raw(-negative)),
        _ => Ok(value),
    }
}

/// Returns whether the host would take a result for its own request to make the call again, which
/// it honours unless the registers say that there is no call.
fn looks_like_restart(value: u64) -> bool {
    (-516..=-512).contains(&value.cast_signed())
}

impl Drop for Tracee {
    fn drop(&mut self) {
        self.end();
    }
}
