//! Child processes, and what they do to themselves.

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicI32, AtomicU32, AtomicUsize, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{DstBlock, HostFault, SrcBlock, copy};
use usermem_types::{FaultKind, Partial};

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum End {
    Exit(i32),
    Signal(i32),
}

/// Runs `body` in a child process; returns how it ended, and what it wrote to standard error.
pub(crate) fn child(body: impl FnOnce()) -> (End, String) {
    let mut pipe = [0; 2];
    // SAFETY: the array holds two descriptors.
    assert_eq!(unsafe { libc::pipe(pipe.as_mut_ptr()) }, 0);
    // SAFETY: the child runs `body` and ends; the allocator is usable in it.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0);
    if pid == 0 {
        // SAFETY: the descriptors are open.
        unsafe { libc::dup2(pipe[1], 2) };
        let limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        // SAFETY: reads the limit: no core files.
        unsafe { libc::setrlimit(libc::RLIMIT_CORE, &raw const limit) };
        // SAFETY: only arms a timer, which ends a child that hangs.
        unsafe { libc::alarm(60) };
        let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(body));
        // SAFETY: ends the process at once; nothing of the test harness shall run in it.
        unsafe { libc::_exit(if outcome.is_ok() { 0 } else { 101 }) };
    }
    // SAFETY: the descriptor is ours, and is closed once.
    unsafe { libc::close(pipe[1]) };
    let mut text = Vec::new();
    // SAFETY: the descriptor is ours alone.
    let mut output = unsafe { File::from_raw_fd(pipe[0]) };
    output.read_to_end(&mut text).expect("the pipe can be read");
    let mut raw = 0;
    // SAFETY: the child is ours.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut raw, 0) }, pid);
    let end = if libc::WIFSIGNALED(raw) {
        End::Signal(libc::WTERMSIG(raw))
    } else {
        End::Exit(libc::WEXITSTATUS(raw))
    };
    (end, String::from_utf8_lossy(&text).into_owned())
}

/// Runs `body` in a child process, which must end as `expected`.
#[track_caller]
pub(crate) fn ends(expected: End, body: impl FnOnce()) {
    let (end, text) = child(body);
    assert_eq!(end, expected, "{text}");
}

/// An access that is not one of ours.
pub(crate) fn bad_access(addr: usize) {
    // SAFETY: none; that is the point.
    unsafe { std::ptr::without_provenance::<u8>(addr).read_volatile() };
}

/// Maps a page of a file that has none: any access to it is a SIGBUS.
pub(crate) fn page_without_file() -> usize {
    // SAFETY: the name is a C string.
    let file = unsafe { libc::memfd_create(c"empty".as_ptr(), 0) };
    // SAFETY: the kernel chooses an address where nothing is.
    let page = unsafe {
        libc::mmap(std::ptr::null_mut(), 4096, libc::PROT_READ, libc::MAP_SHARED, file, 0)
    };
    assert_ne!(page, libc::MAP_FAILED);
    page.addr()
}

/// Returns the process and the thread that this is.
pub(crate) fn this_thread() -> (libc::pid_t, libc::pid_t) {
    // SAFETY: takes no argument.
    let process = unsafe { libc::getpid() };
    // SAFETY: takes no argument.
    let thread = unsafe { libc::gettid() };
    (process, thread)
}

/// Sends a signal to a thread of ours, as another process might.
pub(crate) fn send_to((process, thread): (libc::pid_t, libc::pid_t), signal: c_int) {
    // SAFETY: sends a signal to ourselves.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
    assert_eq!(result, 0);
}

pub(crate) fn send(signal: c_int) {
    send_to(this_thread(), signal);
}

pub(crate) fn install(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: an action of zeroes is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handlers of this file fit their flags.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Returns the handler of a signal.
pub(crate) fn installed(signal: c_int) -> usize {
    // SAFETY: an action of zeroes is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    // SAFETY: only stores what is installed.
    let result = unsafe { libc::sigaction(signal, std::ptr::null(), &raw mut action) };
    assert_eq!(result, 0);
    action.sa_sigaction
}

#[track_caller]
pub(crate) fn faults_are_recovered() {
    // SAFETY: nothing is there.
    let src = unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(0x123), 100) };
    let fault = HostFault { kind: FaultKind::Unmapped, addr: 0x123 };
    assert_eq!(copy(DstBlock::from_slice(&mut [0; 100]), src), Err(Partial::new(0, fault)));
}

pub(crate) static CALLS: AtomicU32 = AtomicU32::new(0);
pub(crate) static CODE: AtomicI32 = AtomicI32::new(0);
pub(crate) static ADDR: AtomicUsize = AtomicUsize::new(0);

pub(crate) extern "C" fn count_one(signal: c_int) {
    assert!(signal == SIGSEGV || signal == SIGBUS);
    CALLS.fetch_add(1, Ordering::SeqCst);
}

pub(crate) extern "C" fn count_three(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    assert!(!context.is_null());
    count_one(signal);
    // SAFETY: the pointer that the kernel gave us.
    CODE.store(unsafe { (*info).si_code }, Ordering::SeqCst);
}

pub(crate) extern "C" fn exit_three(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the pointer that the kernel gave us.
    let info = unsafe { &*info };
    // SAFETY: a fault carries an address.
    let addr = unsafe { info.si_addr() }.addr();
    let right = addr == ADDR.load(Ordering::SeqCst);
    // SAFETY: ends the process.
    unsafe { libc::_exit(if right { 42 } else { 43 }) };
}

#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
pub(crate) fn one(handler: extern "C" fn(c_int)) -> usize {
    handler as *const () as usize
}

#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
pub(crate) fn three(handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void)) -> usize {
    handler as *const () as usize
}

pub(crate) const ONE: usize = 0;
pub(crate) const THREE: usize = 1;

pub(crate) fn handler(which: usize) -> (usize, c_int) {
    match which {
        ONE => (one(count_one), 0),
        _ => (three(count_three), libc::SA_SIGINFO),
    }
}
