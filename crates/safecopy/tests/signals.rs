//! Signals that are not ours, and what had been installed before our handler.
//!
//! Every test runs in a forked child, and nothing here calls `init` outside of one: each child
//! starts without our handler, and its fate is what is looked at.
#![expect(unsafe_code, reason = "installs handlers, and raises signals")]

use std::fs::File;
use std::io::Read;
use std::os::fd::FromRawFd;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, AtomicUsize, Ordering};

use libc::{SIGABRT, SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{DstBlock, HostFault, InitError, SrcBlock, Status, copy, init, status};
use usermem_types::{FaultKind, Partial};

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
enum End {
    Exit(i32),
    Signal(i32),
}

/// Runs `body` in a child process; returns how it ended, and what it wrote to standard error.
fn child(body: impl FnOnce()) -> (End, String) {
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
fn ends(expected: End, body: impl FnOnce()) {
    let (end, text) = child(body);
    assert_eq!(end, expected, "{text}");
}

/// An access that is not one of ours.
fn bad_access(addr: usize) {
    // SAFETY: none; that is the point.
    unsafe { std::ptr::without_provenance::<u8>(addr).read_volatile() };
}

/// Maps a page of a file that has none: any access to it is a SIGBUS.
fn page_without_file() -> usize {
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
fn this_thread() -> (libc::pid_t, libc::pid_t) {
    // SAFETY: takes no argument.
    let process = unsafe { libc::getpid() };
    // SAFETY: takes no argument.
    let thread = unsafe { libc::gettid() };
    (process, thread)
}

/// Sends a signal to a thread of ours, as another process might.
fn send_to((process, thread): (libc::pid_t, libc::pid_t), signal: c_int) {
    // SAFETY: sends a signal to ourselves.
    let result = unsafe { libc::syscall(libc::SYS_tgkill, process, thread, signal) };
    assert_eq!(result, 0);
}

fn send(signal: c_int) {
    send_to(this_thread(), signal);
}

fn install(signal: c_int, handler: usize, flags: c_int) {
    // SAFETY: an action of zeroes is a valid one.
    let mut action: libc::sigaction = unsafe { std::mem::zeroed() };
    action.sa_sigaction = handler;
    action.sa_flags = flags;
    // SAFETY: the handlers of this file fit their flags.
    let result = unsafe { libc::sigaction(signal, &raw const action, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[track_caller]
fn faults_are_recovered() {
    // SAFETY: nothing is there.
    let src = unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(0x123), 100) };
    let fault = HostFault { kind: FaultKind::Unmapped, addr: 0x123 };
    assert_eq!(copy(DstBlock::from_slice(&mut [0; 100]), src), Err(Partial::new(0, fault)));
}

static CALLS: AtomicU32 = AtomicU32::new(0);
static CODE: AtomicI32 = AtomicI32::new(0);
static ADDR: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_one(signal: c_int) {
    assert!(signal == SIGSEGV || signal == SIGBUS);
    CALLS.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn count_three(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
    assert!(!context.is_null());
    count_one(signal);
    // SAFETY: the pointer that the kernel gave us.
    CODE.store(unsafe { (*info).si_code }, Ordering::SeqCst);
}

extern "C" fn exit_three(_: c_int, info: *mut siginfo_t, _: *mut c_void) {
    // SAFETY: the pointer that the kernel gave us.
    let info = unsafe { &*info };
    // SAFETY: a fault carries an address.
    let addr = unsafe { info.si_addr() }.addr();
    let right = addr == ADDR.load(Ordering::SeqCst);
    // SAFETY: ends the process.
    unsafe { libc::_exit(if right { 42 } else { 43 }) };
}

#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
fn one(handler: extern "C" fn(c_int)) -> usize {
    handler as *const () as usize
}

#[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
fn three(handler: extern "C" fn(c_int, *mut siginfo_t, *mut c_void)) -> usize {
    handler as *const () as usize
}

const ONE: usize = 0;
const THREE: usize = 1;

fn handler(which: usize) -> (usize, c_int) {
    match which {
        ONE => (one(count_one), 0),
        _ => (three(count_three), libc::SA_SIGINFO),
    }
}

#[test]
fn without_init_a_fault_ends_the_process() {
    ends(End::Signal(SIGSEGV), || {
        assert_eq!(status().unwrap(), Status::NotInstalled);
        faults_are_recovered();
    });
}

#[test]
fn a_bad_access_of_anybody_else_ends_the_process_by_its_signal() {
    ends(End::Signal(SIGSEGV), || {
        init().unwrap();
        faults_are_recovered();
        bad_access(0x123);
    });
    ends(End::Signal(SIGBUS), || {
        init().unwrap();
        bad_access(page_without_file());
    });
}

#[test]
fn pitfall_13_the_message_about_a_stack_overflow_is_printed() {
    #[expect(unconditional_recursion, reason = "overflows the stack")]
    fn recurse(depth: u64) -> u64 {
        let frame = std::hint::black_box([depth; 64]);
        recurse(depth + 1) + frame[3]
    }
    let (end, text) = child(|| {
        init().unwrap();
        faults_are_recovered();
        std::hint::black_box(recurse(0));
    });
    assert_eq!(end, End::Signal(SIGABRT), "{text}");
    assert!(text.contains("has overflowed its stack"), "{text}");
}

#[test]
fn the_default_before_us_is_the_default_for_what_is_not_ours() {
    for signal in [SIGSEGV, SIGBUS] {
        ends(End::Signal(signal), || {
            install(signal, libc::SIG_DFL, 0);
            init().unwrap();
            faults_are_recovered();
            send(signal);
        });
    }
    ends(End::Signal(SIGSEGV), || {
        install(SIGSEGV, libc::SIG_DFL, 0);
        init().unwrap();
        bad_access(0x123);
    });
}

#[test]
fn ignored_before_us_is_ignored_for_what_is_sent_and_fatal_for_a_fault() {
    ends(End::Signal(SIGSEGV), || {
        install(SIGSEGV, libc::SIG_IGN, 0);
        init().unwrap();
        for _ in 0..10 {
            send(SIGSEGV);
        }
        faults_are_recovered();
        assert_eq!(status().unwrap(), Status::Installed);
        bad_access(0x123);
    });
}

#[test]
fn a_handler_before_us_gets_what_is_sent() {
    for signal in [SIGSEGV, SIGBUS] {
        for which in [ONE, THREE] {
            ends(End::Exit(0), || {
                let (address, flags) = handler(which);
                install(signal, address, flags);
                init().unwrap();
                for sent in 1..=10 {
                    send(signal);
                    assert_eq!(CALLS.load(Ordering::SeqCst), sent);
                    faults_are_recovered();
                    assert_eq!(CALLS.load(Ordering::SeqCst), sent);
                }
                if which == THREE {
                    assert_eq!(CODE.load(Ordering::SeqCst), libc::SI_TKILL);
                }
                assert_eq!(status().unwrap(), Status::Installed);
            });
        }
    }
}

#[test]
fn a_handler_before_us_gets_faults_that_are_not_ours() {
    ends(End::Exit(42), || {
        install(SIGSEGV, three(exit_three), libc::SA_SIGINFO);
        init().unwrap();
        ADDR.store(0x123, Ordering::SeqCst);
        bad_access(0x123);
    });
    ends(End::Exit(42), || {
        install(SIGBUS, three(exit_three), libc::SA_SIGINFO);
        init().unwrap();
        let page = page_without_file();
        ADDR.store(page, Ordering::SeqCst);
        bad_access(page);
    });
}

#[test]
fn a_one_shot_handler_before_us_is_called_once() {
    ends(End::Signal(SIGSEGV), || {
        install(SIGSEGV, one(count_one), libc::SA_RESETHAND);
        init().unwrap();
        send(SIGSEGV);
        assert_eq!(CALLS.load(Ordering::SeqCst), 1);
        faults_are_recovered();
        send(SIGSEGV);
    });
}

#[test]
fn pitfall_14_a_sent_signal_does_not_take_our_handler_away() {
    // Rust's own handler swallows the first one, and the second one ends the process: so it does
    // without us, and faults are recovered all the time.
    ends(End::Signal(SIGSEGV), || {
        init().unwrap();
        send(SIGSEGV);
        assert_eq!(status().unwrap(), Status::Installed);
        for _ in 0..10 {
            faults_are_recovered();
        }
        eprintln!("alive");
        send(SIGSEGV);
    });
}

#[test]
fn pitfall_12_signals_sent_in_the_middle_of_copies_go_to_the_handler_before_us() {
    const SIGNALS: u32 = 50;
    ends(End::Exit(0), || {
        install(SIGSEGV, three(count_three), libc::SA_SIGINFO | libc::SA_RESTART);
        init().unwrap();
        let thread = this_thread();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while CALLS.load(Ordering::SeqCst) < SIGNALS {
                    let before = CALLS.load(Ordering::SeqCst);
                    send_to(thread, SIGSEGV);
                    // The kernel merges it with a fault's signal that is pending just now: wait
                    // for it only so long before sending another.
                    for _ in 0..1000 {
                        if CALLS.load(Ordering::SeqCst) != before {
                            break;
                        }
                        std::thread::yield_now();
                    }
                }
                done.store(true, Ordering::SeqCst);
            });
            let bytes = vec![7; 100_000];
            let mut buffer = vec![0; 100_000];
            while !done.load(Ordering::SeqCst) {
                for len in [5, 50, 500, 100_000] {
                    buffer[..len].fill(0);
                    let dst = DstBlock::from_slice(&mut buffer[..len]);
                    assert_eq!(copy(dst, SrcBlock::from_slice(&bytes)), Ok(len));
                    assert!(buffer[..len].iter().all(|&byte| byte == 7));
                }
                faults_are_recovered();
            }
        });
        assert!(CALLS.load(Ordering::SeqCst) >= SIGNALS);
        assert_eq!(CODE.load(Ordering::SeqCst), libc::SI_TKILL);
        assert_eq!(status().unwrap(), Status::Installed);
    });
}

#[test]
fn init_may_be_called_again_and_from_many_threads() {
    ends(End::Exit(0), || {
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    init().unwrap();
                    faults_are_recovered();
                });
            }
        });
        init().unwrap();
        assert_eq!(status().unwrap(), Status::Installed);
    });
}

#[test]
fn a_handler_that_replaced_ours_is_reported() {
    ends(End::Exit(0), || {
        init().unwrap();
        install(SIGBUS, one(count_one), 0);
        assert_eq!(status().unwrap(), Status::Replaced { signal: SIGBUS });
        assert!(matches!(init(), Err(InitError::Replaced { signal: SIGBUS })));
    });
}
