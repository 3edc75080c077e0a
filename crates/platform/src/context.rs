//! What a platform is, and the contract of running application code.

use std::fmt;
use std::sync::Arc;

use memmap::AddressSpace;
use usermem_types::{Addr, Errno};

use crate::Registers;

/// The instruction set that a system call was made with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arch {
    /// The machine's own 64-bit calls.
    Native,
    /// A 32-bit call by a 64-bit program: `int 0x80`.
    Compat,
}

/// A system call that the application made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SyscallInfo {
    /// The number, as the host reads it: the low half of the register, sign-extended.
    pub nr: u64,
    /// The arguments.
    pub args: [u64; 6],
    /// The address after the system call instruction.
    pub pc: u64,
    /// The stack pointer.
    pub sp: u64,
    /// How the call was made.
    pub arch: Arch,
}

/// A memory access that the application could not complete.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FaultInfo {
    /// The address that was accessed.
    pub addr: Addr,
    /// Something is mapped in the host's address space there and refused the access
    /// (`SEGV_ACCERR`), as opposed to nothing being mapped (`SEGV_MAPERR`).
    pub denied: bool,
    /// The address may be that of the instruction itself.
    pub maybe_execute: bool,
    /// The host had no memory behind the mapping (`SIGBUS`).
    pub bus: bool,
    /// The address of the instruction.
    pub pc: Addr,
    /// The stack pointer.
    pub sp: Addr,
}

/// A synchronous signal that the application raised, other than a memory fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignalInfo {
    /// The signal number.
    pub signal: i32,
    /// The `si_code`.
    pub code: i32,
    /// The `si_addr`.
    pub addr: u64,
}

/// Why [`Context::switch`] returned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// A system call, already consumed: set its result and switch again.
    Syscall(SyscallInfo),
    /// A memory fault: make the access possible and switch again, or deliver a signal.
    Fault(FaultInfo),
    /// Another synchronous signal.
    Signal(SignalInfo),
    /// An [`Interrupt`], or a signal handler of ours; nothing was consumed.
    Interrupted,
}

/// Our own failure to run application code; never the application's doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlatformError {
    /// What failed, in a few words: `ptrace(PTRACE_SYSEMU)`.
    pub what: String,
    /// The host's reason.
    pub errno: Errno,
}

impl fmt::Display for PlatformError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.errno)
    }
}

impl std::error::Error for PlatformError {}

/// Makes a [`Context`] return from [`Context::switch`].
pub trait Interrupt: Send + Sync + fmt::Debug {
    /// Makes the switch that is going on return [`Event::Interrupted`] or another event; when it
    /// is another event, or when none is going on, the next switch returns it without running the
    /// application. No interrupt is lost; several at once may count as one.
    ///
    /// Not for signal handlers: it takes a lock. A handler that runs on the context's own thread
    /// and does not ask for calls to be restarted interrupts by itself.
    fn interrupt(&self);
}

/// One application thread's CPU state, and the means to run it.
///
/// Used by one thread of ours: the one that created it.
pub trait Context {
    /// Runs the application until it needs the kernel.
    ///
    /// # Errors
    /// The stub is gone, or the host refused a request: the application cannot go on.
    fn switch(&mut self) -> Result<Event, PlatformError>;

    /// Sets the result of the system call that [`Context::switch`] returned last.
    fn set_syscall_result(&mut self, value: u64);

    /// Returns the registers.
    ///
    /// # Errors
    /// As [`Context::switch`].
    fn registers(&mut self) -> Result<Registers, PlatformError>;

    /// Replaces the registers.
    ///
    /// # Errors
    /// As [`Context::switch`].
    fn set_registers(&mut self, registers: &Registers) -> Result<(), PlatformError>;

    /// Returns the thread pointer register alone (`ARCH_GET_FS`).
    ///
    /// # Errors
    /// As [`Context::switch`].
    fn tls(&mut self) -> Result<u64, PlatformError> {
        Ok(self.registers()?.tls)
    }

    /// Sets the thread pointer register alone (`ARCH_SET_FS`).
    ///
    /// # Errors
    /// As [`Context::switch`].
    fn set_tls(&mut self, tls: u64) -> Result<(), PlatformError> {
        let mut registers = self.registers()?;
        registers.tls = tls;
        self.set_registers(&registers)
    }

    /// Returns the vector and floating-point state in the machine's own layout: what
    /// `NT_X86_XSTATE` or `NT_PRFPREG` of ptrace is.
    ///
    /// # Errors
    /// `ENOSYS` when the platform keeps none; as [`Context::switch`].
    fn extended_state(&mut self) -> Result<Vec<u8>, PlatformError> {
        Err(PlatformError { what: "the extended state".to_owned(), errno: Errno::ENOSYS })
    }

    /// Replaces the vector and floating-point state.
    ///
    /// # Errors
    /// `EINVAL`, `EFAULT` or `ENOSYS` when the bytes are not such a state: then nothing has
    /// changed, and the application can go on. Otherwise as [`Context::switch`].
    fn set_extended_state(&mut self, _state: &[u8]) -> Result<(), PlatformError> {
        Err(PlatformError { what: "the extended state".to_owned(), errno: Errno::ENOSYS })
    }

    /// Returns the means to interrupt this context from another thread, where there is one.
    fn interrupter(&self) -> Option<Arc<dyn Interrupt>> {
        None
    }

    /// Returns the host's process ids that execute application code here, for diagnostics and
    /// accounting.
    fn host_pid(&self) -> Option<i32> {
        None
    }
}

/// A way of running application code.
pub trait Platform: fmt::Debug {
    /// Makes an empty address space.
    ///
    /// # Errors
    /// What the host refused.
    fn new_address_space(&self) -> Result<Arc<dyn AddressSpace>, PlatformError>;

    /// Makes a context that runs in `space`, which this platform made, on the calling thread.
    ///
    /// # Errors
    /// What the host refused.
    fn new_context(&self, space: &Arc<dyn AddressSpace>)
    -> Result<Box<dyn Context>, PlatformError>;
}
