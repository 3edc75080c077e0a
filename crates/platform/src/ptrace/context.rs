//! Running the application in a stub.

use std::sync::{Arc, Weak};

use usermem_types::{Addr, Errno};

use super::address_space::PtraceAddressSpace;
use super::affinity::Affinity;
use super::arch;
use super::sys::{self, Pid, SigInfo, Stop, SyscallEntry};
use super::tracee::{Tracee, failed};
use crate::{
    Arch, Context, Event, FaultInfo, Interrupt, PlatformError, Registers, SignalInfo, SyscallInfo,
};

/// `si_code` of a fault where nothing is mapped.
const SEGV_MAPERR: i32 = 1;
/// `si_code` of a fault where a mapping refuses.
const SEGV_ACCERR: i32 = 2;
/// `si_code` of a fault where a mapping has no memory behind it.
const BUS_ADRERR: i32 = 2;

/// The longest instruction is 15 bytes on x86-64: a fault this near above its start may be the
/// fetch of its later bytes.
const NEAR: u64 = 16;

/// An application thread that runs in a stub.
#[derive(Debug)]
pub(super) struct PtraceContext {
    space: Arc<PtraceAddressSpace>,
    pid: Pid,
    /// Keeps this thread and the stub on one processor.
    _affinity: Option<Affinity>,
}

impl PtraceContext {
    /// Makes the address space's process, on the calling thread.
    pub(super) fn new(space: Arc<PtraceAddressSpace>) -> Result<Self, PlatformError> {
        let pid = space.start()?;
        Ok(Self { space, pid, _affinity: Affinity::join(pid) })
    }
}

impl Drop for PtraceContext {
    fn drop(&mut self) {
        self.space.stop();
    }
}

impl Context for PtraceContext {
    fn switch(&mut self) -> Result<Event, PlatformError> {
        let space = &self.space;
        space.with(|tracee| {
            loop {
                if !space.run(tracee)? {
                    return Ok(Event::Interrupted);
                }
                let stop = tracee.wait_stop(|| space.interrupt());
                space.paused();
                let stop = stop?;
                if space.land(tracee, stop)?
                    && let Some(event) = event(tracee, stop)?
                {
                    return Ok(event);
                }
            }
        })
    }

    fn set_syscall_result(&mut self, value: u64) {
        // Without a process there is nobody to see the result, as the next switch says.
        let _ = self.space.with(|tracee| {
            tracee.set_result(value);
            Ok(())
        });
    }

    fn registers(&mut self) -> Result<Registers, PlatformError> {
        self.space.with(|tracee| tracee.regs().map(arch::to_registers))
    }

    fn set_registers(&mut self, registers: &Registers) -> Result<(), PlatformError> {
        self.space.with(|tracee| {
            arch::from_registers(tracee.regs_mut()?, registers);
            Ok(())
        })
    }

    fn extended_state(&mut self) -> Result<Vec<u8>, PlatformError> {
        self.space.with(|tracee| {
            let state = sys::extended_state(tracee.pid());
            tracee.check("ptrace(PTRACE_GETREGSET)", state)
        })
    }

    fn set_extended_state(&mut self, state: &[u8]) -> Result<(), PlatformError> {
        self.space.with(|tracee| match sys::set_extended_state(tracee.pid(), state) {
            Err(Errno::ESRCH) => tracee.check("ptrace(PTRACE_SETREGSET)", Err(Errno::ESRCH)),
            // The state is refused, and the application is as it was.
            result => result.map_err(|errno| failed("ptrace(PTRACE_SETREGSET)", errno)),
        })
    }

    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        Some(Arc::new(Interrupter(Arc::downgrade(&self.space))))
    }

    fn host_pid(&self) -> Option<i32> {
        Some(self.pid.0)
    }
}

/// Interrupts a context for as long as its address space exists.
#[derive(Debug)]
struct Interrupter(Weak<PtraceAddressSpace>);

impl Interrupt for Interrupter {
    fn interrupt(&self) {
        if let Some(space) = self.0.upgrade() {
            space.interrupt();
        }
    }
}

/// Returns what a stop means; `None` when it means nothing to the application.
fn event(tracee: &mut Tracee, stop: Stop) -> Result<Option<Event>, PlatformError> {
    match stop {
        Stop::Syscall => {
            let entry = syscall_entry(tracee, SyscallEntry::ENTRY)?;
            syscall(tracee, entry).map(Some)
        }
        Stop::Refused => {
            let entry = syscall_entry(tracee, SyscallEntry::SECCOMP)?;
            tracee.cancel_call()?;
            syscall(tracee, entry).map(Some)
        }
        Stop::Signal(signal) => match sys::signal_info(tracee.pid()) {
            Ok(info) => signalled(tracee, signal, info),
            // A stop that is not for a signal, made by somebody's SIGSTOP.
            Err(Errno::EINVAL) => Ok(None),
            Err(errno) => tracee.check("ptrace(PTRACE_GETSIGINFO)", Err(errno)),
        },
        Stop::Event(_) | Stop::Exited(_) | Stop::Killed(_) => Ok(None),
    }
}

fn syscall_entry(tracee: &mut Tracee, op: u8) -> Result<SyscallEntry, PlatformError> {
    let entry = sys::syscall_entry(tracee.pid());
    let entry = tracee.check("ptrace(PTRACE_GET_SYSCALL_INFO)", entry)?;
    if entry.op != op {
        return tracee.check("ptrace(PTRACE_GET_SYSCALL_INFO) at a call", Err(Errno::EPROTO));
    }
    Ok(entry)
}

fn syscall(tracee: &mut Tracee, entry: SyscallEntry) -> Result<Event, PlatformError> {
    if tracee.page().ran_to(entry.pc) {
        return stray(tracee);
    }
    let native = entry.arch == arch::AUDIT_ARCH_NATIVE;
    Ok(Event::Syscall(SyscallInfo {
        nr: entry.nr,
        args: entry.args,
        pc: entry.pc,
        sp: entry.sp,
        arch: if native { Arch::Native } else { Arch::Compat },
    }))
}

fn signalled(
    tracee: &mut Tracee,
    signal: i32,
    info: SigInfo,
) -> Result<Option<Event>, PlatformError> {
    // The kernel's own signals have positive codes; nobody can send one with such a code to
    // another process.
    if info.code <= 0 {
        return Ok(None);
    }
    let event = match (signal, info.code) {
        (libc::SIGSYS, _) => {
            let addr = arch::fault_in_vsyscall(tracee.regs_mut()?, info.addr);
            fault(tracee, addr, false, false)?
        }
        (libc::SIGTRAP, _) if is_stray(tracee)? => stray(tracee)?,
        (libc::SIGSEGV, SEGV_MAPERR) => fault(tracee, info.addr, false, false)?,
        (libc::SIGSEGV, SEGV_ACCERR) => fault(tracee, info.addr, true, false)?,
        (libc::SIGBUS, BUS_ADRERR) => fault(tracee, info.addr, false, true)?,
        // Non-canonical addresses, privileged instructions, protection keys, alignment checks:
        // no mapping can help.
        (libc::SIGSEGV | libc::SIGBUS | libc::SIGFPE | libc::SIGILL | libc::SIGTRAP, code) => {
            Event::Signal(SignalInfo { signal, code, addr: info.addr })
        }
        _ => return Ok(None),
    };
    Ok(Some(event))
}

/// Returns whether the application ran code of ours.
fn is_stray(tracee: &mut Tracee) -> Result<bool, PlatformError> {
    let pc = arch::pc(tracee.regs()?);
    Ok(tracee.page().ran_to(pc))
}

/// What becomes of an application that jumps into the stub's page: for the application nothing is
/// there.
fn stray(tracee: &mut Tracee) -> Result<Event, PlatformError> {
    let start = tracee.page().start();
    fault(tracee, start, false, false)
}

fn fault(tracee: &mut Tracee, addr: u64, denied: bool, bus: bool) -> Result<Event, PlatformError> {
    let regs = tracee.regs()?;
    let (pc, sp) = (arch::pc(regs), arch::sp(regs));
    Ok(Event::Fault(FaultInfo {
        addr: Addr::new(addr),
        denied,
        maybe_execute: addr.wrapping_sub(pc) < NEAR,
        bus,
        pc: Addr::new(pc),
        sp: Addr::new(sp),
    }))
}
