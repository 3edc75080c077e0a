//! Who gets the signals that are not ours.

use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering};

use libc::{SIGABRT, SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{DstBlock, InitError, SrcBlock, Status, copy, init, status};

use crate::child::{
    ADDR, CALLS, CODE, End, ONE, THREE, bad_access, child, count_one, count_three, ends,
    exit_three, faults_are_recovered, handler, install, installed, one, page_without_file, send,
    send_to, this_thread, three,
};

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
    /// Overflows the stack; returns the message without the number of the thread.
    fn overflow(prepare: fn()) -> String {
        let (end, text) = child(|| {
            std::thread::Builder::new()
                .name("deep".into())
                .spawn(move || {
                    prepare();
                    std::hint::black_box(recurse(0));
                })
                .expect("a thread can be made")
                .join()
                .expect("the process ends before");
        });
        assert_eq!(end, End::Signal(SIGABRT), "{text}");
        text.chars().filter(|char| !char.is_ascii_digit()).collect()
    }
    let with_us = overflow(|| {
        init().unwrap();
        faults_are_recovered();
    });
    assert!(with_us.contains("thread 'deep' () has overflowed its stack\n"), "{with_us}");
    assert!(with_us.contains("stack overflow"), "{with_us}");
    assert_eq!(with_us, overflow(|| {}));
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

#[test]
fn a_handler_that_replaced_ours_may_pass_signals_on() {
    static OURS: AtomicUsize = AtomicUsize::new(0);
    static PASSED: AtomicU32 = AtomicU32::new(0);

    extern "C" fn pass(signal: c_int, info: *mut siginfo_t, context: *mut c_void) {
        PASSED.fetch_add(1, Ordering::SeqCst);
        let address = std::ptr::with_exposed_provenance::<()>(OURS.load(Ordering::SeqCst));
        // SAFETY: it is the handler that was installed before this one, with SA_SIGINFO.
        let ours: extern "C" fn(c_int, *mut siginfo_t, *mut c_void) =
            unsafe { std::mem::transmute(address) };
        ours(signal, info, context);
    }

    ends(End::Exit(0), || {
        install(SIGSEGV, one(count_one), 0);
        init().unwrap();
        OURS.store(installed(SIGSEGV), Ordering::SeqCst);
        install(SIGSEGV, three(pass), libc::SA_SIGINFO | libc::SA_ONSTACK);
        assert_eq!(status().unwrap(), Status::Replaced { signal: SIGSEGV });
        for round in 1..=10 {
            let before = PASSED.load(Ordering::SeqCst);
            faults_are_recovered();
            let after = PASSED.load(Ordering::SeqCst);
            assert!(after > before);
            send(SIGSEGV);
            assert_eq!(PASSED.load(Ordering::SeqCst), after + 1);
            assert_eq!(CALLS.load(Ordering::SeqCst), round);
        }
        // We leave the newcomer in place, and do not become its successor.
        assert!(matches!(init(), Err(InitError::Replaced { signal: SIGSEGV })));
        faults_are_recovered();
        assert_eq!(CALLS.load(Ordering::SeqCst), 10);
    });
}

#[test]
fn our_handler_may_be_put_back() {
    ends(End::Exit(0), || {
        init().unwrap();
        let ours = installed(SIGSEGV);
        install(SIGSEGV, one(count_one), 0);
        assert_eq!(status().unwrap(), Status::Replaced { signal: SIGSEGV });
        install(SIGSEGV, ours, libc::SA_SIGINFO | libc::SA_ONSTACK);
        assert_eq!(status().unwrap(), Status::Installed);
        init().unwrap();
        faults_are_recovered();
    });
}
