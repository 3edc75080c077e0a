//! What a thread owes to the handler, and what the handler does without.

use std::sync::atomic::{AtomicUsize, Ordering};

use libc::{SIGBUS, SIGSEGV, c_int, c_void, siginfo_t};
use safecopy::{DstBlock, SrcBlock, Status, copy, init, status};

use crate::child::{End, ends, faults_are_recovered, install, page_without_file, send, three};

const PAGE: usize = 4096;

fn block(signal: c_int) {
    // SAFETY: a set of zeroes is a valid one.
    let mut set: libc::sigset_t = unsafe { std::mem::zeroed() };
    // SAFETY: changes the set alone.
    unsafe { libc::sigaddset(&raw mut set, signal) };
    // SAFETY: reads the set.
    let result =
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &raw const set, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

#[test]
fn a_thread_that_blocks_the_signals_is_told_and_its_fault_ends_the_process() {
    ends(End::Signal(SIGSEGV), || {
        init().unwrap();
        block(SIGBUS);
        assert_eq!(status().unwrap(), Status::Blocked { signal: SIGBUS });
        // The other signal still comes through.
        faults_are_recovered();
        block(SIGSEGV);
        assert_eq!(status().unwrap(), Status::Blocked { signal: SIGSEGV });
        faults_are_recovered();
    });
}

#[test]
fn a_fault_whose_signal_is_blocked_ends_the_process() {
    ends(End::Signal(SIGBUS), || {
        init().unwrap();
        block(SIGBUS);
        let page = std::ptr::with_exposed_provenance_mut(page_without_file());
        // SAFETY: no Rust object is there.
        let src = unsafe { SrcBlock::from_raw(page, 10) };
        let _ = copy(DstBlock::from_slice(&mut [0; 10]), src);
    });
}

#[test]
fn a_blocked_signal_is_the_threads_own_affair() {
    ends(End::Exit(0), || {
        init().unwrap();
        let thread = std::thread::spawn(|| {
            assert_eq!(status().unwrap(), Status::Installed);
            block(SIGSEGV);
            assert_eq!(status().unwrap(), Status::Blocked { signal: SIGSEGV });
        });
        thread.join().unwrap();
        assert_eq!(status().unwrap(), Status::Installed);
        faults_are_recovered();
    });
}

/// Measures the room that the host takes for a signal.
fn signal_frame() -> usize {
    static LOWEST: AtomicUsize = AtomicUsize::new(0);

    extern "C" fn note(_: c_int, info: *mut siginfo_t, context: *mut c_void) {
        LOWEST.store(info.addr().min(context.addr()), Ordering::SeqCst);
    }

    const SIZE: usize = 1 << 16;
    /// What may be below both.
    const RETURN: usize = 64;
    let stack = map_above_a_hole(SIZE);
    set_alternate_stack(stack, SIZE);
    install(libc::SIGUSR1, three(note), libc::SA_SIGINFO | libc::SA_ONSTACK);
    send(libc::SIGUSR1);
    set_alternate_stack(std::ptr::null_mut(), 0);
    stack.addr() + SIZE - LOWEST.load(Ordering::SeqCst) + RETURN
}

fn set_alternate_stack(base: *mut u8, size: usize) {
    let flags = if size == 0 { libc::SS_DISABLE } else { 0 };
    let stack = libc::stack_t { ss_sp: base.cast(), ss_flags: flags, ss_size: size };
    // SAFETY: the memory is there for as long as the thread runs.
    let result = unsafe { libc::sigaltstack(&raw const stack, std::ptr::null_mut()) };
    assert_eq!(result, 0);
}

/// Maps memory with a hole below it.
fn map_above_a_hole(size: usize) -> *mut u8 {
    const HOLE: usize = 1 << 16;
    // SAFETY: the kernel chooses an address where nothing is.
    let base = unsafe {
        libc::mmap(
            std::ptr::null_mut(),
            HOLE + size,
            libc::PROT_NONE,
            libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
            -1,
            0,
        )
    };
    assert_ne!(base, libc::MAP_FAILED);
    let base = base.wrapping_byte_add(HOLE);
    // SAFETY: nothing uses it yet.
    let result = unsafe { libc::mprotect(base, size, libc::PROT_READ | libc::PROT_WRITE) };
    assert_eq!(result, 0);
    base.cast()
}

#[test]
fn a_thread_without_an_alternate_stack_recovers_on_its_own() {
    ends(End::Exit(0), || {
        init().unwrap();
        let thread = std::thread::spawn(|| {
            set_alternate_stack(std::ptr::null_mut(), 0);
            for _ in 0..10 {
                faults_are_recovered();
            }
        });
        thread.join().unwrap();
    });
}

#[test]
fn the_handler_needs_two_kib_beside_the_hosts_frame() {
    ends(End::Exit(0), || {
        init().unwrap();
        let thread = std::thread::spawn(|| {
            // The stack begins where the mapping begins, so that one byte more would be a fault.
            let size = signal_frame() + 2048;
            set_alternate_stack(map_above_a_hole(size.next_multiple_of(PAGE)), size);
            for _ in 0..10 {
                faults_are_recovered();
            }
            set_alternate_stack(std::ptr::null_mut(), 0);
        });
        thread.join().unwrap();
    });
}

/// Returns the lowest address of this thread's stack.
fn stack_start() -> usize {
    // SAFETY: attributes of zeroes are filled by the next call.
    let mut attributes: libc::pthread_attr_t = unsafe { std::mem::zeroed() };
    // SAFETY: takes no argument.
    let thread = unsafe { libc::pthread_self() };
    // SAFETY: fills the attributes.
    assert_eq!(unsafe { libc::pthread_getattr_np(thread, &raw mut attributes) }, 0);
    let (mut start, mut size) = (std::ptr::null_mut(), 0);
    // SAFETY: reads the attributes, and stores both.
    let result = unsafe {
        libc::pthread_attr_getstack(&raw const attributes, &raw mut start, &raw mut size)
    };
    assert_eq!(result, 0);
    start.addr()
}

/// Runs a fault with less than `left` bytes of the stack left.
#[inline(never)]
fn fault_at_depth(start: usize, left: usize) -> u8 {
    let frame = std::hint::black_box([1_u8; 64]);
    if frame.as_ptr().addr() - start > left {
        return frame[3] + fault_at_depth(start, left) % 2;
    }
    // SAFETY: nothing is there.
    let src = unsafe { SrcBlock::from_raw(std::ptr::without_provenance_mut(0x123), 100) };
    let mut buffer = [0; 100];
    let result = copy(DstBlock::from_slice(&mut buffer), src);
    frame[0] + u8::from(result.is_err())
}

#[test]
fn a_thread_with_an_alternate_stack_recovers_on_a_stack_that_is_nearly_full() {
    ends(End::Exit(0), || {
        init().unwrap();
        let left = signal_frame();
        // Rust gives its threads an alternate stack.
        std::thread::spawn(move || fault_at_depth(stack_start(), left)).join().unwrap();
    });
}

#[test]
fn a_stack_without_room_for_a_signal_ends_the_process() {
    ends(End::Signal(SIGSEGV), || {
        init().unwrap();
        let left = signal_frame();
        let thread = std::thread::spawn(move || {
            set_alternate_stack(std::ptr::null_mut(), 0);
            fault_at_depth(stack_start(), left)
        });
        thread.join().unwrap();
    });
}

/// Emulators do not filter system calls.
#[cfg(target_arch = "x86_64")]
#[test]
fn a_fault_is_recovered_without_any_system_call() {
    ends(End::Exit(0), || {
        init().unwrap();
        // SAFETY: from here on the kernel ends the process by SIGKILL at any call but read, write,
        // exit and the return from a signal handler.
        let result = unsafe { libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_STRICT) };
        assert_eq!(result, 0);
        for _ in 0..1000 {
            faults_are_recovered();
        }
        // SAFETY: ends this thread, which is the only one; `_exit` would end all, by another call.
        unsafe { libc::syscall(libc::SYS_exit, 0) };
    });
}
