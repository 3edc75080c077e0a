//! A process that runs a script for real.
//!
//! It is a copy of a process that may have had threads, so it neither allocates nor takes locks.

use std::fmt::Write;

use super::log::SharedLog;
use super::{calls, guard};
use crate::Outcome;
use crate::files::{COPY_MAX, sum};
use crate::limits::{Limits, counted};
use crate::op::Op;
use crate::outcome::ELSEWHERE;
use crate::script::Step;
use crate::window::{HEAP, PAGE, PAGES, WINDOW, place};

/// Seconds that a script may take.
const SECONDS: u64 = 20;

/// The descriptors that a child inherits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Descriptors {
    /// The files of the script, by their number less one.
    pub(super) files: [i32; 3],
    /// What the kernel copies to the program.
    pub(super) source: i32,
    /// Where the kernel puts what it copies from the program.
    pub(super) sink: i32,
    /// The ends of a pipe: what a witness reads when it is to wake up, and what wakes it.
    pub(super) asleep: i32,
    pub(super) waker: i32,
}

/// A process that runs a script.
pub(super) struct Child<'a> {
    log: &'a SharedLog,
    fds: Descriptors,
    smaps: i64,
    has_heap: bool,
    unlimited: bool,
    image: Image,
    is_forked: bool,
    witness: Option<i64>,
    buffer: &'a mut [u8],
}

impl<'a> Child<'a> {
    /// Prepares this process, a copy made for the script.
    pub(super) fn prepare(log: &'a SharedLog, fds: Descriptors, buffer: &'a mut [u8]) -> Self {
        calls::end_after(SECONDS);
        drop_memory_files(buffer);
        calls::set_limit(libc::RLIMIT_STACK, 8 << 20);
        calls::take_protection_keys();
        calls::refuse_huge_pages();
        let unlimited = calls::set_unlimited(true);
        let has_heap = calls::move_heap(HEAP);
        guard::install();
        calls::fill_up();
        let image = Image::of_this_process(buffer);
        let smaps = calls::open(c"/proc/self/smaps");
        Self {
            log,
            fds,
            smaps,
            has_heap,
            unlimited,
            image,
            is_forked: false,
            witness: None,
            buffer,
        }
    }

    /// Runs the script, and ends the process.
    pub(super) fn run(mut self, steps: &[Step]) -> ! {
        let mut limits = Limits::new();
        let mut index = 0;
        while let Some(step) = steps.get(index) {
            let outcome = match step.op {
                Op::Fork if !self.is_forked => match calls::fork() {
                    0 => {
                        self.become_fork();
                        Outcome::Value(0)
                    }
                    child => {
                        if calls::wait(child) != 0 {
                            calls::exit(1);
                        }
                        let rest = &steps[index + 1..];
                        let Some(exit) = rest.iter().position(|step| step.op == Op::Exit) else {
                            break;
                        };
                        index += 1 + exit;
                        Outcome::Value(0)
                    }
                },
                Op::Exit if self.is_forked => break,
                Op::Witness if !self.is_forked && self.witness.is_none() => self.start_witness(),
                Op::Fork | Op::Exit | Op::Witness => Outcome::Skipped,
                _ if limits.skips(step) => Outcome::Skipped,
                Op::Memlock if !self.unlimited => Outcome::Skipped,
                Op::Brk if !self.has_heap => Outcome::Skipped,
                _ => self.execute(step),
            };
            self.record(outcome);
            if step.op == Op::Mincore && outcome == Outcome::Value(0) {
                self.record_presence(step.args[1]);
            }
            index += 1;
        }
        self.record_ending();
        if let Some(witness) = self.witness.filter(|_| !self.is_forked) {
            calls::wake(self.fds.waker);
            calls::exit(u64::from(calls::wait(witness) != 0));
        }
        calls::exit(0)
    }

    fn start_witness(&mut self) -> Outcome {
        match calls::fork() {
            0 => {
                self.become_fork();
                calls::read_on(i64::from(self.fds.asleep), &mut self.buffer[..1]);
                self.record_ending();
                calls::exit(0)
            }
            child => {
                self.witness = Some(child);
                Outcome::Value(0)
            }
        }
    }

    fn become_fork(&mut self) {
        calls::end_after(SECONDS);
        calls::close(self.smaps);
        self.smaps = calls::open(c"/proc/self/smaps");
        self.is_forked = true;
    }

    fn execute(&mut self, step: &Step) -> Outcome {
        let args @ [first, second, third, ..] = step.args;
        let direct = |number| calls::call(number, args);
        match step.op {
            Op::Mmap => {
                let [addr, len, prot, flags, file, offset] = args;
                let file =
                    (file as usize).checked_sub(1).and_then(|index| self.fds.files.get(index));
                let fd = file.map_or(u64::MAX, |fd| u64::from(fd.cast_unsigned()));
                clear_elsewhere(
                    calls::call(libc::SYS_mmap, [addr, len, prot, flags, fd, offset]),
                    len,
                )
            }
            Op::Munmap => direct(libc::SYS_munmap),
            Op::Mprotect => direct(libc::SYS_mprotect),
            Op::Mremap => clear_elsewhere(direct(libc::SYS_mremap), third),
            Op::Madvise => direct(libc::SYS_madvise),
            Op::Mlock => direct(libc::SYS_mlock),
            Op::Mlock2 => direct(libc::SYS_mlock2),
            Op::Munlock => direct(libc::SYS_munlock),
            Op::Mlockall => direct(libc::SYS_mlockall),
            Op::Munlockall => direct(libc::SYS_munlockall),
            Op::Msync => direct(libc::SYS_msync),
            Op::Mincore => calls::mincore(first, second),
            Op::Brk => direct(libc::SYS_brk),
            Op::Mseal => direct(libc::SYS_mseal),
            Op::Memlock => {
                let unlimited = first == u64::MAX;
                if !unlimited {
                    calls::set_limit(libc::RLIMIT_MEMLOCK, first);
                }
                Outcome::Value(i64::from(calls::set_unlimited(unlimited)) - 1)
            }
            Op::LimitAs => self.image.limit(libc::RLIMIT_AS, self.image.total, first),
            Op::LimitData => self.image.limit(libc::RLIMIT_DATA, self.image.data, first),
            Op::LimitStack => Outcome::Value(calls::set_limit(libc::RLIMIT_STACK, first)),
            Op::Store => guard::store(first, second as u8),
            Op::Load => guard::load(first),
            Op::Fetch => guard::fetch(first),
            Op::Read => calls::copy_out(self.fds.source, first, second),
            Op::Write => self.copy_in(first, second),
            Op::Truncate => match self.file(first) {
                Some(fd) => calls::call(
                    libc::SYS_ftruncate,
                    [u64::from(fd.cast_unsigned()), second, 0, 0, 0, 0],
                ),
                None => Outcome::Skipped,
            },
            Op::Pwrite => match self.file(first) {
                Some(fd) => calls::pwrite(fd, third as u8, second),
                None => Outcome::Skipped,
            },
            Op::Pread => match self.file(first) {
                Some(fd) => calls::pread(fd, second),
                None => Outcome::Skipped,
            },
            Op::Fork | Op::Exit | Op::Witness => Outcome::Skipped,
        }
    }

    fn file(&self, number: u64) -> Option<i32> {
        self.fds.files.get((number as usize).checked_sub(1)?).copied()
    }

    fn copy_in(&mut self, addr: u64, len: u64) -> Outcome {
        let done = calls::copy_in(self.fds.sink, addr, len);
        let Ok(count) = usize::try_from(done) else { return Outcome::Value(done) };
        let bytes = &mut self.buffer[..count.min(COPY_MAX as usize)];
        calls::read_into(self.fds.sink, bytes, 0);
        counted(count as u64, sum(bytes))
    }

    fn record(&mut self, outcome: Outcome) {
        self.write_outcome("=", outcome);
        let log = self.log;
        self.for_each_line(|line| {
            log.append(line);
            log.append(b"\n");
        });
    }

    fn record_presence(&self, len: u64) {
        self.log.append(b"present ");
        for page in 0..len.div_ceil(PAGE) {
            self.log.append(if calls::is_present(page) { b"1" } else { b"0" });
        }
        self.log.append(b"\n");
    }

    /// Notes the mappings and which pages are present, and reads every mapped page.
    fn record_ending(&mut self) {
        let log = self.log;
        let mut mapped = [false; PAGES as usize];
        log.append(b"ending\n");
        self.for_each_line(|line| {
            log.append(line);
            log.append(b"\n");
            let Some((start, end)) = ends(line) else { return };
            for addr in (start..end.min(WINDOW + PAGES * PAGE)).step_by(PAGE as usize) {
                if let Some((page, _)) = place(addr) {
                    mapped[page as usize] = true;
                }
            }
        });
        let mapped = || mapped.iter().enumerate().filter(|(_, mapped)| **mapped);
        log.append(b"present ");
        for (page, _) in mapped() {
            calls::mincore(WINDOW + page as u64 * PAGE, PAGE);
            log.append(if calls::is_present(0) { b"1" } else { b"0" });
        }
        log.append(b"\n");
        for (page, _) in mapped() {
            let outcome = guard::load(WINDOW + page as u64 * PAGE);
            let _ = write!(&mut &*self.log, "{page} ");
            self.write_outcome("", outcome);
        }
    }

    fn write_outcome(&self, prefix: &str, outcome: Outcome) {
        // What does not fit is missed by whoever reads it.
        let _ = match outcome {
            Outcome::Value(value) => writeln!(&mut &*self.log, "{prefix}value {value}"),
            Outcome::Signal { signal, code, addr } => {
                writeln!(&mut &*self.log, "{prefix}signal {signal} {code} {addr}")
            }
            Outcome::Skipped => writeln!(&mut &*self.log, "{prefix}skipped"),
        };
    }

    /// Calls `line` with the lines of `smaps` that matter, of mappings in the window.
    fn for_each_line(&mut self, mut line: impl FnMut(&[u8])) {
        calls::rewind(self.smaps);
        let mut is_wanted = false;
        read_lines(self.smaps, self.buffer, |text| {
            if let Some((start, _)) = ends(text) {
                if start >= WINDOW + PAGES * PAGE {
                    return false;
                }
                is_wanted = start >= WINDOW;
                if is_wanted {
                    line(text);
                }
            } else if is_wanted && text.starts_with(b"VmFlags:") {
                line(text);
            }
            true
        });
    }
}

/// Calls `line` with the lines of a file until it has seen enough.
fn read_lines(fd: i64, buffer: &mut [u8], mut line: impl FnMut(&[u8]) -> bool) {
    let mut held = 0;
    loop {
        let room = held + 4096;
        let read = calls::read_on(fd, &mut buffer[held..room]);
        if read == 0 {
            return;
        }
        let mut rest = &buffer[..held + read];
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            let text = &rest[..end];
            rest = &rest[end + 1..];
            if !line(text) {
                return;
            }
        }
        let left = rest.len();
        let start = held + read - left;
        buffer.copy_within(start..start + left, 0);
        held = left;
    }
}

/// Unmaps the memory files of those memory managers that other threads have meanwhile: a script that
/// locks or populates all memory would give them memory.
fn drop_memory_files(buffer: &mut [u8]) {
    let maps = calls::open(c"/proc/self/maps");
    read_lines(maps, buffer, |line| {
        let is_memory_file = line.windows(7).any(|words| words == b"/memfd:");
        if let Some((start, end)) = ends(line).filter(|_| is_memory_file) {
            calls::call(libc::SYS_munmap, [start, end - start, 0, 0, 0, 0]);
        }
        true
    });
    calls::close(maps);
}

/// What the process has mapped before a script begins, in bytes.
#[derive(Clone, Copy)]
struct Image {
    total: u64,
    data: u64,
}

impl Image {
    fn of_this_process(buffer: &mut [u8]) -> Self {
        let fd = calls::open(c"/proc/self/status");
        let len = calls::read_on(fd, buffer);
        calls::close(fd);
        let status = &buffer[..len];
        Self {
            total: kibibytes(status, b"VmSize:") << 10,
            data: kibibytes(status, b"VmData:") << 10,
        }
    }

    fn limit(self, resource: u32, image: u64, bytes: u64) -> Outcome {
        Outcome::Value(calls::set_limit(resource, bytes.saturating_add(image)))
    }
}

/// Returns the number that follows `name`.
fn kibibytes(status: &[u8], name: &[u8]) -> u64 {
    let at = status.windows(name.len()).position(|window| window == name);
    let rest = at.map_or(&[][..], |at| &status[at + name.len()..]);
    let digits = rest.iter().skip_while(|byte| byte.is_ascii_whitespace());
    let digits = digits.take_while(|byte| byte.is_ascii_digit());
    digits.fold(0, |number, digit| number * 10 + u64::from(digit - b'0'))
}

/// Returns the addresses at the start of the first line about a mapping.
fn ends(line: &[u8]) -> Option<(u64, u64)> {
    let mut numbers = [0u64; 2];
    let mut index = 0;
    for byte in line {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'-' if index == 0 => {
                index = 1;
                continue;
            }
            b' ' if index == 1 => return Some((numbers[0], numbers[1])),
            _ => return None,
        };
        numbers[index] = numbers[index] << 4 | u64::from(digit);
    }
    None
}

/// Unmaps what the kernel put outside of the window.
fn clear_elsewhere(outcome: Outcome, len: u64) -> Outcome {
    match outcome {
        Outcome::Value(value) if !(-4095..0).contains(&value) => {
            if place(value.cast_unsigned()).is_some() {
                return outcome;
            }
            calls::call(libc::SYS_munmap, [value.cast_unsigned(), len, 0, 0, 0, 0]);
            Outcome::Value(ELSEWHERE)
        }
        _ => outcome,
    }
}
