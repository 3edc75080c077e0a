//! System calls as scripts make them.

#![expect(unsafe_code, reason = "raw system calls")]

use std::ffi::CStr;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::Relaxed;

use crate::Outcome;
use crate::files::COPY_MAX;
use crate::window::{PAGE, PAGES, WINDOW};

/// Where `mincore` writes.
static RESIDENCY: [AtomicU8; 1 << 16] = [const { AtomicU8::new(0) }; 1 << 16];

/// `PR_SET_MM`, and what it sets.
const PR_SET_MM: u64 = 35;
const PR_SET_MM_MAP: u64 = 14;

/// The bit of `CAP_IPC_LOCK`.
const CAP_IPC_LOCK: u32 = 1 << 14;

/// Makes a system call on behalf of a script: the kernel checks whatever is passed, and what is
/// changed is memory of the window, which Rust knows nothing of.
pub(super) fn call(number: i64, args: [u64; 6]) -> Outcome {
    Outcome::Value(raw(number, args))
}

fn raw(number: i64, args: [u64; 6]) -> i64 {
    let [a, b, c, d, e, f] = args;
    let result: i64;
    // SAFETY: callers pass calls that change nothing that Rust relies on.
    unsafe {
        std::arch::asm!(
            "syscall",
            inlateout("rax") number => result,
            in("rdi") a,
            in("rsi") b,
            in("rdx") c,
            in("r10") d,
            in("r8") e,
            in("r9") f,
            lateout("rcx") _,
            lateout("r11") _,
        );
    }
    result
}

/// Returns the address of what the kernel reads, or writes if it is made for that.
fn at<T: ?Sized>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

/// Returns the address of what the kernel writes.
fn at_mut<T: ?Sized>(value: &mut T) -> u64 {
    std::ptr::from_mut(value).expose_provenance() as u64
}

pub(super) fn mincore(addr: u64, len: u64) -> Outcome {
    match raw(libc::SYS_mincore, [addr, len, at(&RESIDENCY), 0, 0, 0]) {
        // More pages than the vector has are never mapped: the call fails before it writes there.
        0.. => Outcome::Value(0),
        errno => Outcome::Value(errno),
    }
}

/// Returns whether the last [`mincore`] found a page present.
pub(super) fn is_present(page: u64) -> bool {
    RESIDENCY.get(page as usize).is_some_and(|page| page.load(Relaxed) & 1 != 0)
}

/// Has no pages larger than the smallest: what is touched is then present, and nothing else.
pub(super) fn refuse_huge_pages() {
    let option = u64::from(libc::PR_SET_THP_DISABLE.cast_unsigned());
    raw(libc::SYS_prctl, [option, 1, 0, 0, 0, 0]);
}

/// Starts a child that has a copy of everything: returns zero in it, and its number here.
pub(super) fn fork() -> i64 {
    raw(libc::SYS_clone, [u64::from(libc::SIGCHLD.cast_unsigned()), 0, 0, 0, 0, 0])
}

/// Waits until a child has ended, and returns its status.
pub(super) fn wait(child: i64) -> i32 {
    let mut status = 0i32;
    let interrupted = -i64::from(libc::EINTR);
    let mut wait =
        || raw(libc::SYS_wait4, [child.cast_unsigned(), at_mut(&mut status), 0, 0, 0, 0]);
    while wait() == interrupted {}
    status
}

pub(super) fn exit(status: u64) -> ! {
    raw(libc::SYS_exit_group, [status, 0, 0, 0, 0, 0]);
    std::process::abort()
}

/// Ends this process when it takes too long.
pub(super) fn end_after(seconds: u64) {
    raw(libc::SYS_alarm, [seconds, 0, 0, 0, 0, 0]);
}

pub(super) fn set_limit(resource: u32, bytes: u64) -> i64 {
    let mut limits = [0u64; 2];
    let resource = u64::from(resource);
    raw(libc::SYS_prlimit64, [0, resource, 0, at_mut(&mut limits), 0, 0]);
    limits[0] = bytes;
    raw(libc::SYS_prlimit64, [0, resource, at(&limits), 0, 0, 0])
}

/// Moves the heap to `start`; returns whether the host can do that.
pub(super) fn move_heap(start: u64) -> bool {
    // Code, data, heap, stack, arguments, environment: nobody asks for the others any more.
    let other = [0x2_0000, 0x3_0000];
    let [begin, end] = other;
    let no_file = u64::from(u32::MAX) << 32;
    // No data: it counts against a limit together with the heap.
    let map = [begin, end, end, end, start, start, end, begin, end, begin, end, 0, no_file];
    let len = size_of_val(&map) as u64;
    raw(libc::SYS_prctl, [PR_SET_MM, PR_SET_MM_MAP, at(&map), len, 0, 0]) == 0
}

/// Gives up every capability but the one to lock memory without limit, which is in effect when
/// `unlimited`; returns whether this process has it.
pub(super) fn set_unlimited(unlimited: bool) -> bool {
    let effective = if unlimited { CAP_IPC_LOCK } else { 0 };
    let header = [0x2008_0522u32, 0];
    let data = [effective, CAP_IPC_LOCK, 0, 0, 0, 0];
    raw(libc::SYS_capset, [at(&header), at(&data), 0, 0, 0, 0]) == 0
}

/// Leaves no room outside of the window, so that the kernel finds places in there or none: neither
/// chance nor what this process consists of then decide.
pub(super) fn fill_up() {
    let nothing = u64::from(libc::PROT_NONE.cast_unsigned());
    let map = |addr, len, flags: i32| {
        let flags = u64::from((flags | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE).cast_unsigned());
        raw(libc::SYS_mmap, [addr, len, nothing, flags, u64::MAX, 0]) >= 0
    };
    let (start, end) = (WINDOW, WINDOW + PAGES * PAGE);
    // What is next to the window is shared: nothing merges with it.
    map(start - PAGE, PAGE, libc::MAP_SHARED | libc::MAP_FIXED);
    map(end, PAGE, libc::MAP_SHARED | libc::MAP_FIXED);
    map(start, end - start, libc::MAP_PRIVATE | libc::MAP_FIXED);
    for bits in (12..47).rev() {
        while map(0, 1 << bits, libc::MAP_PRIVATE) {}
    }
    raw(libc::SYS_munmap, [start, end - start, 0, 0, 0, 0]);
}

/// Takes all protection keys, so that the kernel has none left to hide the code of mappings that
/// may only be executed: what those do would depend on the processor.
pub(super) fn take_protection_keys() {
    while raw(libc::SYS_pkey_alloc, [0; 6]) > 0 {}
}

/// Reads from a file into memory of ours.
pub(super) fn read_into(fd: i32, buffer: &mut [u8], offset: u64) -> i64 {
    let fd = u64::from(fd.cast_unsigned());
    let len = buffer.len() as u64;
    raw(libc::SYS_pread64, [fd, at_mut(buffer), len, offset, 0, 0])
}

/// Reads on in a file that has a position.
pub(super) fn read_on(fd: i64, buffer: &mut [u8]) -> usize {
    let len = buffer.len() as u64;
    let done = raw(libc::SYS_read, [fd.cast_unsigned(), at_mut(buffer), len, 0, 0, 0]);
    usize::try_from(done).unwrap_or(0)
}

/// Writes a byte to a pipe.
pub(super) fn wake(fd: i32) {
    raw(libc::SYS_write, [u64::from(fd.cast_unsigned()), at(&0u8), 1, 0, 0, 0]);
}

pub(super) fn rewind(fd: i64) {
    raw(libc::SYS_lseek, [fd.cast_unsigned(), 0, 0, 0, 0, 0]);
}

pub(super) fn open(path: &CStr) -> i64 {
    let path = path.as_ptr().expose_provenance() as u64;
    raw(libc::SYS_open, [path, 0, 0, 0, 0, 0])
}

pub(super) fn close(fd: i64) {
    raw(libc::SYS_close, [fd.cast_unsigned(), 0, 0, 0, 0, 0]);
}

/// Writes a byte to a file.
pub(super) fn pwrite(fd: i32, byte: u8, offset: u64) -> Outcome {
    call(libc::SYS_pwrite64, [u64::from(fd.cast_unsigned()), at(&byte), 1, offset, 0, 0])
}

/// Reads a byte of a file.
pub(super) fn pread(fd: i32, offset: u64) -> Outcome {
    let mut byte = [0];
    match read_into(fd, &mut byte, offset) {
        1 => Outcome::Value(i64::from(byte[0])),
        0 => Outcome::Value(256),
        errno => Outcome::Value(errno),
    }
}

/// Lets the kernel write to memory of the script: a read from a file.
pub(super) fn copy_out(source: i32, addr: u64, len: u64) -> Outcome {
    let fd = u64::from(source.cast_unsigned());
    call(libc::SYS_pread64, [fd, addr, len.min(COPY_MAX), 0, 0, 0])
}

/// Lets the kernel read memory of the script: a write to a file. Returns how many bytes.
pub(super) fn copy_in(sink: i32, addr: u64, len: u64) -> i64 {
    let fd = u64::from(sink.cast_unsigned());
    raw(libc::SYS_pwrite64, [fd, addr, len.min(COPY_MAX), 0, 0, 0])
}
