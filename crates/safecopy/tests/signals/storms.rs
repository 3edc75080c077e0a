//! Signals that others send, about as many as there are copies, while copies run.

use std::io::Write;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{DstBlock, HostFault, SrcBlock, Status, atomic, copy, init, status, zero};
use usermem_types::{FaultKind, Partial};

use crate::child::{End, child, ends, install, send_to, this_thread};

/// Accesses under each storm.
#[cfg(target_arch = "x86_64")]
const ACCESSES: usize = 1_000_000;
/// Emulation is slow.
#[cfg(not(target_arch = "x86_64"))]
const ACCESSES: usize = 50_000;

const PAGE: usize = 4096;

/// How many accesses a sender lets be made before it sends again. As fast as it can is too fast where
/// a handler is slow: the next signal is there before the handler has returned, and no access is ever
/// made.
const ACCESSES_BETWEEN: usize = 4;

/// How many accesses were made, by whichever thread.
static ACCESSES_MADE: AtomicUsize = AtomicUsize::new(0);
/// How many signals came, by who sent them: `kill`, `tgkill`, a timer.
static FROM_KILL: AtomicUsize = AtomicUsize::new(0);
static FROM_TGKILL: AtomicUsize = AtomicUsize::new(0);
static FROM_TIMER: AtomicUsize = AtomicUsize::new(0);
/// How many signals came at all.
static FROM_ANYBODY: AtomicUsize = AtomicUsize::new(0);
/// How many signals came that nobody sent.
static FAULTS: AtomicUsize = AtomicUsize::new(0);

extern "C" fn count_any(_: c_int) {
    FROM_ANYBODY.fetch_add(1, Ordering::SeqCst);
}

extern "C" fn count_by_code(signal: c_int, info: *mut siginfo_t, _: *mut c_void) {
    count_any(signal);
    // SAFETY: the kernel's pointer.
    let counter = match unsafe { (*info).si_code } {
        libc::SI_USER => &FROM_KILL,
        libc::SI_TKILL => &FROM_TGKILL,
        libc::SI_TIMER => &FROM_TIMER,
        _ => &FAULTS,
    };
    counter.fetch_add(1, Ordering::SeqCst);
}

/// Who has the signals before us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Before {
    Ignore,
    OneArgument,
    ThreeArguments,
}

impl Before {
    #[expect(clippy::fn_to_numeric_cast_any, reason = "the host's structure holds a number")]
    fn install(self) {
        for signal in [SIGSEGV, SIGBUS] {
            match self {
                Self::Ignore => install(signal, libc::SIG_IGN, 0),
                Self::OneArgument => install(signal, count_any as *const () as usize, 0),
                Self::ThreeArguments => {
                    install(signal, count_by_code as *const () as usize, libc::SA_SIGINFO);
                }
            }
        }
    }
}

/// Two pages of which only the first is there.
struct Pages {
    base: *mut u8,
}

impl Pages {
    fn new() -> Self {
        // SAFETY: the kernel chooses an address where nothing is.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                2 * PAGE,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        let base = base.cast::<u8>();
        // SAFETY: nothing uses the page.
        let result =
            unsafe { libc::mprotect(base.wrapping_add(PAGE).cast(), PAGE, libc::PROT_NONE) };
        assert_eq!(result, 0);
        Self { base }
    }

    fn block(&self, before: usize, len: usize) -> DstBlock<'_> {
        // SAFETY: no Rust object is there.
        unsafe { DstBlock::from_raw(self.base.wrapping_add(PAGE - before), len) }
    }
}

impl Drop for Pages {
    fn drop(&mut self) {
        // SAFETY: the pages are ours, and nothing uses them any more.
        assert_eq!(unsafe { libc::munmap(self.base.cast(), 2 * PAGE) }, 0);
    }
}

/// Makes `count` accesses, some of which fault if there are to be `faults`, each with its exact
/// result.
fn access(count: usize, faults: bool) {
    let pages = Pages::new();
    let bytes: Vec<u8> = (0..PAGE).map(|at| (at * 167) as u8 ^ (at >> 8) as u8).collect();
    assert_eq!(copy(pages.block(PAGE, PAGE), SrcBlock::from_slice(&bytes)), Ok(PAGE));
    let word = Pages::new();
    let mut buffer = [0; 2000];
    let mut counter = 0_u32;
    for at in 0..count {
        ACCESSES_MADE.fetch_add(1, Ordering::Relaxed);
        let before = at * 7 % 1900;
        let over = if faults && at % 16 < 4 { 1 + at % 90 } else { 0 };
        let block = pages.block(before, before + over);
        let result = match at % 4 {
            0 => copy(DstBlock::from_slice(&mut buffer), block.as_source()),
            1 => copy(block, SrcBlock::from_slice(&bytes[PAGE - before..]).take_first(block.len())),
            2 => zero(word.block(before, before + over)),
            _ => {
                let old = atomic::fetch_add(word.block(PAGE, 4), 1_u32);
                assert_eq!(old, Ok(counter));
                counter += 1;
                if over == 0 {
                    continue;
                }
                let addr = word.block(0, 4).addr();
                let fault = HostFault { kind: FaultKind::Protection, addr };
                assert_eq!(atomic::swap(word.block(0, 4), 1_u32), Err(fault));
                continue;
            }
        };
        // The source of the second is as long as what can be written.
        let expected = if over == 0 || at % 4 == 1 {
            Ok(before)
        } else {
            let addr = pages.block(0, 0).addr();
            let addr = if at % 4 == 2 { word.block(0, 0).addr() } else { addr };
            Err(Partial::new(before, HostFault { kind: FaultKind::Protection, addr }))
        };
        assert_eq!(result, expected, "access {at}");
        if at % 4 == 0 {
            assert_eq!(buffer[..before], bytes[PAGE - before..], "access {at}");
        }
    }
    let mut contents = vec![0; PAGE];
    assert_eq!(
        copy(DstBlock::from_slice(&mut contents), pages.block(PAGE, PAGE).as_source()),
        Ok(PAGE)
    );
    assert!(contents == bytes);
}

/// Keeps the two signals away from this thread, and from those that it makes.
fn block_signals() {
    change_mask(libc::SIG_BLOCK);
}

/// Lets the two signals come to this thread.
fn unblock_signals() {
    change_mask(libc::SIG_UNBLOCK);
}

fn change_mask(how: c_int) {
    // SAFETY: a set of zeroes is a valid one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    for signal in [SIGSEGV, SIGBUS] {
        // SAFETY: changes the set alone.
        unsafe { libc::sigaddset(&raw mut set, signal) };
    }
    // SAFETY: reads the set.
    let result = unsafe { libc::pthread_sigmask(how, &raw const set, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Starts a timer that sends `signal` to `thread`, or to the process.
fn start_timer(signal: c_int, thread: Option<libc::pid_t>) -> libc::timer_t {
    // SAFETY: an event of zeroes is a valid one.
    let mut event: libc::sigevent = unsafe { std::mem::zeroed() };
    event.sigev_signo = signal;
    event.sigev_notify = libc::SIGEV_SIGNAL;
    if let Some(thread) = thread {
        event.sigev_notify = libc::SIGEV_THREAD_ID;
        event.sigev_notify_thread_id = thread;
    }
    let mut timer: libc::timer_t = std::ptr::null_mut();
    // SAFETY: reads the event and stores the timer.
    let result =
        unsafe { libc::timer_create(libc::CLOCK_MONOTONIC, &raw mut event, &raw mut timer) };
    assert_eq!(result, 0);
    let period = libc::timespec { tv_sec: 0, tv_nsec: 200_000 };
    let times = libc::itimerspec { it_interval: period, it_value: period };
    // SAFETY: the timer is there; reads the times.
    let result = unsafe { libc::timer_settime(timer, 0, &raw const times, std::ptr::null_mut()) };
    assert_eq!(result, 0);
    timer
}

/// Makes all accesses in a storm of signals from everywhere.
fn storm(before: Before, faults: bool) {
    let (sent_kill, sent_tgkill) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let done = AtomicBool::new(false);
    before.install();
    init().expect("the handler can be installed");
    let thread = this_thread();
    // Until all threads are made, and again before one ends: AddressSanitizer cannot bear a handler
    // in a thread of which it knows no more, or nothing yet.
    block_signals();
    std::thread::scope(|scope| {
        for signal in [SIGSEGV, SIGBUS] {
            let (done, sent_kill, sent_tgkill) = (&done, &sent_kill, &sent_tgkill);
            scope.spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    sent_kill.fetch_add(1, Ordering::SeqCst);
                    // SAFETY: sends a signal to ourselves.
                    assert_eq!(unsafe { libc::kill(thread.0, signal) }, 0);
                    sent_tgkill.fetch_add(1, Ordering::SeqCst);
                    send_to(thread, signal);
                    let next = ACCESSES_MADE.load(Ordering::Relaxed) + ACCESSES_BETWEEN;
                    while ACCESSES_MADE.load(Ordering::Relaxed) < next
                        && !done.load(Ordering::Relaxed)
                    {
                        std::thread::yield_now();
                    }
                }
            });
        }
        let timers = [
            start_timer(SIGSEGV, None),
            start_timer(SIGBUS, None),
            start_timer(SIGSEGV, Some(thread.1)),
            start_timer(SIGBUS, Some(thread.1)),
        ];
        // Another thread makes half of the accesses; the process's signals may go to it, too.
        let half = scope.spawn(move || {
            unblock_signals();
            access(ACCESSES / 2, faults);
            block_signals();
        });
        unblock_signals();
        access(ACCESSES / 2, faults);
        half.join().expect("every result is exact");
        // On a busy machine somebody may not have had a turn yet.
        let counters = [&FROM_KILL, &FROM_TGKILL, &FROM_TIMER];
        while before == Before::ThreeArguments
            && counters.iter().any(|counter| counter.load(Ordering::SeqCst) == 0)
        {
            access(1000, faults);
        }
        for timer in timers {
            // SAFETY: the timer is there.
            assert_eq!(unsafe { libc::timer_delete(timer) }, 0);
        }
        done.store(true, Ordering::Relaxed);
    });
    assert_eq!(status().expect("the host says what is installed"), Status::Installed);
    let got = |counter: &AtomicUsize| counter.load(Ordering::SeqCst);
    // Not `eprintln`, which the test harness keeps for itself.
    writeln!(
        std::io::stderr(),
        "{ACCESSES} accesses, {} signals: {} of {} from kill, {} of {} from tgkill, {} from timers",
        got(&FROM_ANYBODY),
        got(&FROM_KILL),
        got(&sent_kill),
        got(&FROM_TGKILL),
        got(&sent_tgkill),
        got(&FROM_TIMER),
    )
    .expect("the pipe is open");
    // The kernel merges signals that are pending at the same time; none is made up or taken for
    // a fault.
    assert_eq!(got(&FAULTS), 0);
    assert!(got(&FROM_KILL) <= got(&sent_kill) && got(&FROM_TGKILL) <= got(&sent_tgkill));
    assert_eq!(got(&FROM_ANYBODY) == 0, before == Before::Ignore);
}

#[track_caller]
fn check(before: Before) {
    for faults in [false, true] {
        let (end, text) = child(|| storm(before, faults));
        println!("{before:?}, faults: {faults}: {text}");
        assert_eq!(end, End::Exit(0), "{text}");
        assert!(text.contains(&format!("{ACCESSES} accesses")), "{text}");
    }
}

#[test]
fn pitfall_12_a_storm_of_signals_that_are_ignored() {
    check(Before::Ignore);
}

#[test]
fn pitfall_12_a_storm_of_signals_for_a_handler_with_one_argument() {
    check(Before::OneArgument);
}

#[test]
fn pitfall_12_a_storm_of_signals_for_a_handler_with_three_arguments() {
    check(Before::ThreeArguments);
}

#[test]
fn a_storm_under_the_default_ends_the_process() {
    for signal in [SIGSEGV, SIGBUS] {
        ends(End::Signal(signal), || {
            install(signal, libc::SIG_DFL, 0);
            init().unwrap();
            let thread = this_thread();
            std::thread::spawn(move || {
                block_signals();
                // Again and again: the kernel may merge one with the signal of a fault.
                loop {
                    send_to(thread, signal);
                    std::thread::yield_now();
                }
            });
            loop {
                access(1000, true);
            }
        });
    }
}

#[test]
fn pitfall_14_rusts_own_handler_swallows_one_signal_in_the_middle_of_copies() {
    // The other signal than that of the faults, with which the kernel might merge it.
    ends(End::Signal(SIGBUS), || {
        init().unwrap();
        let thread = this_thread();
        let sender = || {
            block_signals();
            send_to(thread, SIGBUS);
        };
        std::thread::scope(|scope| {
            scope.spawn(sender);
            access(ACCESSES, true);
        });
        assert_eq!(status().unwrap(), Status::Installed);
        std::thread::scope(|scope| {
            scope.spawn(sender);
            access(ACCESSES, true);
        });
        unreachable!("the second signal ends the process");
    });
}

#[test]
fn every_signal_arrives_when_one_is_sent_at_a_time() {
    const SIGNALS: usize = 2000;
    ends(End::Exit(0), || {
        Before::ThreeArguments.install();
        init().unwrap();
        let thread = this_thread();
        let done = AtomicBool::new(false);
        std::thread::scope(|scope| {
            scope.spawn(|| {
                block_signals();
                for sent in 0..SIGNALS {
                    send_to(thread, [SIGSEGV, SIGBUS][sent % 2]);
                    while FROM_TGKILL.load(Ordering::SeqCst) == sent {
                        std::thread::yield_now();
                    }
                }
                done.store(true, Ordering::SeqCst);
            });
            while !done.load(Ordering::SeqCst) {
                access(100, false);
            }
        });
        assert_eq!(FROM_TGKILL.load(Ordering::SeqCst), SIGNALS);
        assert_eq!(FROM_ANYBODY.load(Ordering::SeqCst), SIGNALS);
    });
}
