//! How a stub process comes into being.
//!
//! The child is a copy of this process with a single thread. Between its birth and its jump into
//! the stub it must not allocate, lock, panic, or use anything of libc's or of the standard
//! library's: another thread of ours may have held any lock when the copy was taken. All that it
//! needs is prepared before.
#![expect(unsafe_code, reason = "clone, and the raw system calls of the child")]

use usermem_types::Errno;

use super::arch;
use super::filter::Filter;
use super::page::StubPage;
use super::sys::Pid;

/// What the child needs, prepared before it is born.
struct Launch {
    parent: usize,
    filter: libc::sock_fprog,
    stub: usize,
    name: &'static core::ffi::CStr,
    no_core: libc::rlimit,
}

/// The step of the child's life that failed is its exit status.
pub(super) const STEPS: [&str; 9] = [
    "prctl(PR_SET_PDEATHSIG)",
    "finding its parent alive",
    "setsid",
    "rt_sigprocmask",
    "set_robust_list",
    "prlimit(RLIMIT_CORE)",
    "prctl(PR_SET_NO_NEW_PRIVS)",
    "ptrace(PTRACE_TRACEME)",
    "seccomp",
];

/// Makes a process that shares our table of descriptors and is about to trap in the stub, traced
/// by the calling thread.
///
/// # Errors
/// That of `clone`. When the child itself fails it exits with the index of its step in [`STEPS`],
/// plus one.
pub(super) fn fork_stub(page: StubPage, filter: &Filter) -> Result<Pid, Errno> {
    let launch = Launch {
        parent: std::process::id() as usize,
        filter: program(&filter.program),
        stub: page.trap() as usize,
        name: c"usermem-stub",
        no_core: libc::rlimit { rlim_cur: 0, rlim_max: 0 },
    };
    // No handler of ours may run in the child: what it would find there is a copy.
    let all = [u64::MAX];
    let mut old = [0u64];
    sigprocmask(&all, Some(&mut old));
    // With CLONE_FILES a descriptor of ours is valid in a call that we inject. Without an exit
    // signal no wait of the embedding program comes across the child. A debugger that follows our
    // children must leave this one to us.
    let flags = (libc::CLONE_FILES | libc::CLONE_UNTRACED) as usize;
    // SAFETY: 1. without CLONE_VM the child has a copy of the memory; ours does not change.
    let pid = unsafe { arch::syscall(libc::SYS_clone, [flags, 0, 0, 0, 0, 0]) };
    if pid == 0 {
        // SAFETY: 1. this is the child of a fork, with a single thread. 2. `launch` is complete.
        unsafe { live(&launch) }
    }
    sigprocmask(&old, None);
    match i32::try_from(pid) {
        Ok(pid) if pid > 0 => Ok(Pid(pid)),
        _ => Err(Errno::from_raw(i32::try_from(-pid).unwrap_or(libc::EIO))),
    }
}

fn program(filter: &seccompiler::BpfProgram) -> libc::sock_fprog {
    libc::sock_fprog {
        // A filter that has more instructions than this is refused by the host as too long.
        len: u16::try_from(filter.len()).unwrap_or(u16::MAX),
        filter: filter.as_ptr().cast_mut().cast(),
    }
}

fn sigprocmask(new: &[u64; 1], old: Option<&mut [u64; 1]>) {
    let old = old.map_or(0, |old| old.as_mut_ptr().addr());
    let set = libc::SIG_SETMASK as usize;
    // SAFETY: 1. the host reads `new` and writes `old`, each of the 8 bytes named last.
    unsafe { arch::syscall(libc::SYS_rt_sigprocmask, [set, new.as_ptr().addr(), old, 8, 0, 0]) };
}

/// The child's whole life in compiled code.
///
/// # Safety
/// 1. The caller is the only thread of a process whose memory nobody needs.
/// 2. The pointers of `launch` are valid.
unsafe fn live(launch: &Launch) -> ! {
    // One system call of the child.
    let call = |nr, args| {
        // SAFETY: 1. nobody needs the memory of this process.
        unsafe { arch::syscall(nr, args) }
    };
    let prctl =
        |option: i32, value: usize| call(libc::SYS_prctl, [option as usize, value, 0, 0, 0, 0]);
    let step = |index: usize, result: isize| {
        if result < 0 {
            call(libc::SYS_exit_group, [index + 1, 0, 0, 0, 0, 0]);
        }
    };

    step(0, prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as usize));
    // The parent may have died before the step above.
    if call(libc::SYS_getppid, [0; 6]).cast_unsigned() != launch.parent {
        step(1, -1);
    }
    step(2, call(libc::SYS_setsid, [0; 6]));
    // All dispositions to the default. SIGKILL and SIGSTOP refuse, and have no other.
    let default = [0u64; 4];
    let mut signal = 1;
    while signal <= 64 {
        call(libc::SYS_rt_sigaction, [signal, default.as_ptr().addr(), 0, 8, 0, 0]);
        signal = signal.wrapping_add(1);
    }
    let none = [0u64];
    let set = libc::SIG_SETMASK as usize;
    step(3, call(libc::SYS_rt_sigprocmask, [set, none.as_ptr().addr(), 0, 8, 0, 0]));
    // The list would be walked at exit, in memory that is the application's by then.
    step(4, call(libc::SYS_set_robust_list, [0, 24, 0, 0, 0, 0]));
    let no_core = (&raw const launch.no_core).addr();
    step(5, call(libc::SYS_prlimit64, [0, libc::RLIMIT_CORE as usize, no_core, 0, 0, 0]));
    prctl(libc::PR_SET_NAME, launch.name.as_ptr().addr());
    step(6, prctl(libc::PR_SET_NO_NEW_PRIVS, 1));
    // PTRACE_TRACEME: the tracer is the thread that made this process.
    step(7, call(libc::SYS_ptrace, [0; 6]));
    // SECCOMP_SET_MODE_FILTER
    let filter = (&raw const launch.filter).addr();
    step(8, call(libc::SYS_seccomp, [1, 0, filter, 0, 0, 0]));
    // SAFETY: 1. the stub traps at once and is run by its tracer alone from there on.
    unsafe { arch::go(launch.stub) }
}
