//! The host calls that concern another process, each with a safe face.
//!
//! Every function acts on a process that we made; the only memory of ours that any of them writes
//! is a local variable of the function itself.
#![expect(unsafe_code, reason = "ptrace, wait4 and tgkill have no safe wrapper")]

use std::mem::MaybeUninit;

use usermem_types::Errno;

use super::arch::{NT_EXTENDED, UserRegs, WHOLE_REGISTERS};

const SYSEMU: usize = 31;
const CONT: usize = 7;
const POKEUSER: usize = 6;
const SETOPTIONS: usize = 0x4200;
const GETEVENTMSG: usize = 0x4201;
const GETSIGINFO: usize = 0x4202;
const GETREGSET: usize = 0x4204;
const SETREGSET: usize = 0x4205;
const GET_SYSCALL_INFO: usize = 0x420e;
const GET_RSEQ_CONFIGURATION: usize = 0x420f;

const NT_PRSTATUS: usize = 1;

const O_TRACESYSGOOD: usize = 1;
const O_TRACEEXIT: usize = 1 << 6;
const O_TRACESECCOMP: usize = 1 << 7;
const O_EXITKILL: usize = 1 << 20;

/// `PTRACE_EVENT_SECCOMP`: the stub is about to make a call that its filter does not allow.
const EVENT_SECCOMP: i32 = 7;

/// `PTRACE_EVENT_EXIT`: the stub is about to die.
pub(super) const EVENT_EXIT: i32 = 6;

/// A stub's process id, which is also its only thread's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pid(pub(super) i32);

/// How a stub goes on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Resume {
    /// Until it makes a system call, which is not performed.
    Emulate,
    /// Freely: system calls are performed.
    Continue,
}

/// What `wait4` reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// A system call that is not performed.
    Syscall,
    /// A system call that the filter does not allow, and that is performed unless it is cancelled.
    Refused,
    /// A signal that was not delivered yet.
    Signal(i32),
    /// An event of ptrace's own.
    Event(i32),
    /// The process is gone: it left with a status.
    Exited(i32),
    /// The process is gone: a signal killed it.
    Killed(i32),
}

/// `struct ptrace_syscall_info`, as far as an entry fills it.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct SyscallEntry {
    pub(super) op: u8,
    reserved: [u8; 3],
    pub(super) arch: u32,
    pub(super) pc: u64,
    pub(super) sp: u64,
    pub(super) nr: u64,
    pub(super) args: [u64; 6],
}

impl SyscallEntry {
    /// `PTRACE_SYSCALL_INFO_ENTRY`.
    pub(super) const ENTRY: u8 = 1;
    /// `PTRACE_SYSCALL_INFO_SECCOMP`.
    pub(super) const SECCOMP: u8 = 3;
}

/// What is used of `siginfo_t`.
#[derive(Clone, Copy, Debug)]
pub(super) struct SigInfo {
    /// `si_code`.
    pub(super) code: i32,
    /// `si_addr`, or `si_call_addr`.
    pub(super) addr: u64,
}

/// `struct ptrace_rseq_configuration`.
#[derive(Clone, Copy, Debug, Default)]
#[repr(C)]
pub(super) struct Rseq {
    pub(super) pointer: u64,
    pub(super) size: u32,
    pub(super) signature: u32,
    flags: u32,
    reserved: u32,
}

fn check(result: libc::c_long) -> Result<usize, Errno> {
    usize::try_from(result).map_err(|_| {
        Errno::from_raw(std::io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    })
}

/// # Safety
/// 1. `data` is what the request takes; memory it points to is valid for what the request does
///    with it.
unsafe fn ptrace(request: usize, pid: Pid, addr: usize, data: usize) -> Result<usize, Errno> {
    // SAFETY: 1. upheld by the caller.
    check(unsafe { libc::syscall(libc::SYS_ptrace, request, pid.0 as usize, addr, data) })
}

/// Resumes a stopped stub without delivering a signal.
pub(super) fn resume(pid: Pid, how: Resume) -> Result<(), Errno> {
    let request = match how {
        Resume::Emulate => SYSEMU,
        Resume::Continue => CONT,
    };
    // SAFETY: 1. the data is a signal number, none.
    unsafe { ptrace(request, pid, 0, 0) }.map(drop)
}

/// Sets the options that every stub has.
pub(super) fn set_options(pid: Pid) -> Result<(), Errno> {
    let options = O_TRACESYSGOOD | O_TRACEEXIT | O_TRACESECCOMP | O_EXITKILL;
    // SAFETY: 1. the data is a set of flags.
    unsafe { ptrace(SETOPTIONS, pid, 0, options) }.map(drop)
}

/// Returns the registers of a stopped stub.
pub(super) fn registers(pid: Pid) -> Result<UserRegs, Errno> {
    let mut regs = MaybeUninit::<UserRegs>::uninit();
    if let Some((get, _)) = WHOLE_REGISTERS {
        // SAFETY: 1. the data is `regs`, which the host fills.
        unsafe { ptrace(get, pid, 0, regs.as_mut_ptr().addr()) }?;
        // SAFETY: the host wrote all of it, and every bit pattern is a value.
        return Ok(unsafe { regs.assume_init() });
    }
    let size = size_of::<UserRegs>();
    let mut iovec = libc::iovec { iov_base: regs.as_mut_ptr().cast(), iov_len: size };
    // SAFETY: 1. the data is an iovec over `regs`, which the host fills up to its length.
    unsafe { ptrace(GETREGSET, pid, NT_PRSTATUS, (&raw mut iovec).addr()) }?;
    if iovec.iov_len != size {
        return Err(Errno::EIO);
    }
    // SAFETY: the host wrote all of it, and every bit pattern is a value.
    Ok(unsafe { regs.assume_init() })
}

/// Replaces the registers of a stopped stub.
pub(super) fn set_registers(pid: Pid, regs: &UserRegs) -> Result<(), Errno> {
    if let Some((_, set)) = WHOLE_REGISTERS {
        // SAFETY: 1. the data is `regs`, which the host only reads.
        return unsafe { ptrace(set, pid, 0, std::ptr::from_ref(regs).addr()) }.map(drop);
    }
    let base = std::ptr::from_ref(regs).cast_mut().cast();
    let mut iovec = libc::iovec { iov_base: base, iov_len: size_of::<UserRegs>() };
    // SAFETY: 1. the data is an iovec over `regs`, which the host only reads.
    unsafe { ptrace(SETREGSET, pid, NT_PRSTATUS, (&raw mut iovec).addr()) }.map(drop)
}

/// Returns the vector and floating-point state of a stopped stub.
pub(super) fn extended_state(pid: Pid) -> Result<Vec<u8>, Errno> {
    // The host fills as much as there is; the largest known state has less than 12 KiB.
    let mut state = vec![0u8; 16 << 10];
    let mut iovec = libc::iovec { iov_base: state.as_mut_ptr().cast(), iov_len: state.len() };
    // SAFETY: 1. the data is an iovec over `state`, which the host fills up to its length.
    unsafe { ptrace(GETREGSET, pid, NT_EXTENDED, (&raw mut iovec).addr()) }?;
    state.truncate(iovec.iov_len);
    Ok(state)
}

/// Replaces the vector and floating-point state of a stopped stub.
pub(super) fn set_extended_state(pid: Pid, state: &[u8]) -> Result<(), Errno> {
    let base = state.as_ptr().cast_mut().cast();
    let mut iovec = libc::iovec { iov_base: base, iov_len: state.len() };
    // SAFETY: 1. the data is an iovec over `state`, which the host only reads.
    unsafe { ptrace(SETREGSET, pid, NT_EXTENDED, (&raw mut iovec).addr()) }.map(drop)
}

/// Replaces one word of the registers of a stopped stub.
pub(super) fn poke_register(pid: Pid, offset: usize, value: u64) -> Result<(), Errno> {
    // SAFETY: 1. the data is the word itself.
    unsafe { ptrace(POKEUSER, pid, offset, value as usize) }.map(drop)
}

/// Returns the system call at which a stub stopped; its `op` says whether it did.
pub(super) fn syscall_entry(pid: Pid) -> Result<SyscallEntry, Errno> {
    let mut entry = SyscallEntry::default();
    let data = (&raw mut entry).addr();
    // SAFETY: 1. the data points to `entry`, of the size given as address.
    unsafe { ptrace(GET_SYSCALL_INFO, pid, size_of::<SyscallEntry>(), data) }?;
    Ok(entry)
}

/// Returns the signal at which a stub stopped.
pub(super) fn signal_info(pid: Pid) -> Result<SigInfo, Errno> {
    // `siginfo_t` is 128 bytes: signo, errno, code, then from byte 16 on what depends on them.
    let mut info = [0u64; 16];
    // SAFETY: 1. the data points to `info`, which has the size of `siginfo_t`.
    unsafe { ptrace(GETSIGINFO, pid, 0, info.as_mut_ptr().addr()) }?;
    Ok(SigInfo { code: info[1] as i32, addr: info[2] })
}

/// Returns the wait status with which a stub at [`EVENT_EXIT`] will leave.
pub(super) fn exit_status(pid: Pid) -> Result<i32, Errno> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: 1. the data points to `message`, an unsigned long.
    unsafe { ptrace(GETEVENTMSG, pid, 0, (&raw mut message).addr()) }?;
    Ok(message as i32)
}

/// Returns where a stopped stub has registered a restartable sequence area; size 0 for nowhere.
pub(super) fn rseq(pid: Pid) -> Result<Rseq, Errno> {
    let mut rseq = Rseq::default();
    let data = (&raw mut rseq).addr();
    // SAFETY: 1. the data points to `rseq`, of the size given as address.
    match unsafe { ptrace(GET_RSEQ_CONFIGURATION, pid, size_of::<Rseq>(), data) } {
        Ok(_) => Ok(rseq),
        // A host without restartable sequences, or without the request (before 5.13): there is
        // nothing that libc could have registered with the former; the latter shows when the stub
        // dies of its first preemption.
        Err(Errno::EIO | Errno::EINVAL) => Ok(Rseq::default()),
        Err(errno) => Err(errno),
    }
}

/// Waits until a stub stops or ends.
///
/// # Errors
/// `EINTR` when a signal handler of ours ran; `ECHILD` when there is no such stub any more.
pub(super) fn wait(pid: Pid) -> Result<Stop, Errno> {
    let mut status = 0;
    // SAFETY: the host writes `status` and nothing else.
    check(unsafe {
        libc::syscall(
            libc::SYS_wait4,
            pid.0,
            &raw mut status,
            libc::__WALL | libc::__WNOTHREAD,
            std::ptr::null_mut::<libc::rusage>(),
        )
    })?;
    Ok(decode(status))
}

fn decode(status: i32) -> Stop {
    if libc::WIFEXITED(status) {
        return Stop::Exited(libc::WEXITSTATUS(status));
    }
    if libc::WIFSIGNALED(status) {
        return Stop::Killed(libc::WTERMSIG(status));
    }
    match (libc::WSTOPSIG(status), status >> 16) {
        (signal, 0) if signal == libc::SIGTRAP | 0x80 => Stop::Syscall,
        (signal, 0) => Stop::Signal(signal),
        (_, EVENT_SECCOMP) => Stop::Refused,
        (_, event) => Stop::Event(event),
    }
}

/// Decodes the status that [`exit_status`] returns.
pub(super) fn decode_exit(status: i32) -> Stop {
    decode(status)
}

/// Makes a running stub stop: it is traced, so that it stops for any signal. One that is stopped
/// already stops once more after it is resumed.
pub(super) fn kick(pid: Pid) {
    // SAFETY: a signal to a process of ours touches no memory.
    unsafe { libc::syscall(libc::SYS_tgkill, pid.0, pid.0, libc::SIGCHLD) };
}

/// Kills a stub.
pub(super) fn kill(pid: Pid) {
    // SAFETY: a signal to a process of ours touches no memory.
    unsafe { libc::kill(pid.0, libc::SIGKILL) };
}

/// Asks the kernel not to send `SIGCHLD` when a child merely stops. What is done about the signal
/// otherwise stays as it is.
pub(super) fn quiet_child_stops() -> Result<(), Errno> {
    // SAFETY: all-zero is a valid value: no flags, an empty mask.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: asks for the action, which is written to `action`.
    let asked = unsafe { libc::sigaction(libc::SIGCHLD, std::ptr::null(), &raw mut action) };
    check(asked.into())?;
    action.sa_flags |= libc::SA_NOCLDSTOP;
    // SAFETY: the action that was there, with one more flag that changes no calling convention.
    let set = unsafe { libc::sigaction(libc::SIGCHLD, &raw const action, std::ptr::null_mut()) };
    check(set.into())?;
    Ok(())
}
