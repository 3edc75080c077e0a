//! The memory manager: scripts run in it by calls of its methods.

use std::io;
use std::sync::Arc;

use hostfs::FileDescription;
use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest, UserFault};
use usermem_io::{BytesIo, Io, IoCause, IoOpts, IoSequence};
use usermem_types::{AccessType, Addr, AddrRange, AddrRangeSeq, Errno, Partial};

use crate::files::{COPY_MAX, FILES, pattern, sum};
use crate::limits::{Limits, counted};
use crate::op::Op;
use crate::outcome::{ELSEWHERE, Ending, Line, add_line, clip};
use crate::script::{Script, Step};
use crate::space::Space;
use crate::window::{HEAP, PAGE, PAGES, WINDOW, relocate};
use crate::{Observation, Outcome};

/// How often an access that keeps faulting is tried.
const TRIES: usize = 100;

/// Leaves no room outside of the window; returns how many bytes that takes.
fn fill_up(memory: &MemoryManager, window: u64) -> Result<u64, Errno> {
    let layout = memory.layout();
    let (start, end) = (window - PAGE, window + (PAGES + 1) * PAGE);
    // What is next to the window is shared: nothing merges with it.
    let parts = [
        (layout.min.get(), start, MmapFlags::PRIVATE),
        (start, window, MmapFlags::SHARED),
        (end - PAGE, end, MmapFlags::SHARED),
        (end, layout.max.get(), MmapFlags::PRIVATE),
    ];
    for (start, end, kind) in parts {
        let flags = MmapFlags::FIXED | MmapFlags::NORESERVE;
        let (addr, len) = (Addr::new(start), end - start);
        let request = MmapRequest::anonymous(addr, len, AccessType::NONE, flags);
        memory
            .mmap(MmapRequest { flags: (request.flags - MmapFlags::PRIVATE) | kind, ..request })?;
    }
    Ok(parts.iter().map(|(start, end, _)| end - start).sum())
}

/// A program: its memory, and where that is mirrored.
struct Process {
    memory: Arc<MemoryManager>,
    space: Box<dyn Space>,
    limits: Limits,
}

/// What runs scripts.
struct Runner {
    files: [Arc<dyn FileDescription>; 3],
    source: Vec<u8>,
    /// The processes, the one that runs last.
    processes: Vec<Process>,
    witness: Option<Process>,
    /// Bytes that are mapped outside of the window.
    filled: u64,
    observations: Vec<Observation>,
}

/// Runs a script in a memory manager over an address space such as `space`, where so many bytes
/// may be locked at first, and returns what was seen after each step.
///
/// # Errors
/// When the host refuses files or memory.
pub fn run(script: &Script, space: &dyn Space, memlock: u64) -> io::Result<Vec<Observation>> {
    let mut runner =
        Runner::new(space, memlock).map_err(|errno| io::Error::from_raw_os_error(errno.raw()))?;
    runner.run(&script.0);
    Ok(runner.observations)
}

impl Runner {
    fn new(space: &dyn Space, memlock: u64) -> Result<Self, Errno> {
        let options = MemoryFileOptions { reservation: 1 << 32, ..MemoryFileOptions::default() };
        let memory = MemoryFile::new(options).map_err(|_| Errno::ENOMEM)?;
        let space = space.another().map_err(|error| error.errno)?;
        let memory = MemoryManager::new(space.address_space(), memory);
        let filled = fill_up(&memory, space.window())?;
        memory.limits().memlock.set(memlock);
        memory.set_brk_base(Addr::new(relocate(HEAP, space.window())))?;
        let [a, b] = [0, 1].map(|index| {
            let spec = &FILES[index];
            let file = hostfs::memfd(spec.name.as_bytes(), 0)?;
            write(&*file, &pattern(spec.bytes, index * 4), 0)?;
            Ok(file)
        });
        let a: Arc<dyn FileDescription> = a?;
        let a_readonly = a.reopen(0)?;
        Ok(Self {
            files: [a, b?, a_readonly],
            source: pattern(COPY_MAX, 5),
            processes: vec![Process { memory, space, limits: Limits::new() }],
            witness: None,
            filled,
            observations: Vec::new(),
        })
    }

    fn process(&self) -> &Process {
        self.processes.last().expect("our own invariant: the first process stays")
    }

    fn skips(&mut self, step: &Step) -> bool {
        self.processes.last_mut().is_some_and(|process| process.limits.skips(step))
    }

    fn run(&mut self, steps: &[Step]) {
        for step in steps {
            let is_forked = self.processes.len() > 1;
            let outcome = match step.op {
                Op::Fork if !is_forked => self.fork(),
                Op::Exit if is_forked => {
                    self.end_process();
                    Outcome::Value(0)
                }
                Op::Witness if !is_forked && self.witness.is_none() => {
                    let outcome = self.fork();
                    if self.processes.len() > 1 {
                        self.witness = self.processes.pop();
                    }
                    outcome
                }
                Op::Fork | Op::Exit | Op::Witness => Outcome::Skipped,
                _ if self.skips(step) => Outcome::Skipped,
                _ => self.execute(step),
            };
            let mut observation = Observation::new(outcome);
            observation.maps = self.process().maps();
            self.observations.push(observation);
        }
        while !self.processes.is_empty() {
            self.end_process();
        }
        self.processes.extend(self.witness.take());
        self.end_process();
    }

    /// Reads every mapped page of the running process, which ends.
    fn end_process(&mut self) {
        let Some(process) = self.processes.pop() else { return };
        let mut ending = Ending { maps: process.maps(), pages: Vec::new() };
        for line in &ending.maps {
            for addr in (line.start..line.end).step_by(PAGE as usize) {
                let page = (addr - WINDOW) / PAGE;
                if page < PAGES {
                    let at = relocate(addr, process.space.window());
                    ending.pages.push((page, process.access(at, AccessType::READ, 0)));
                }
            }
        }
        if let Some(last) = self.observations.last_mut() {
            last.endings.push(ending);
        }
    }

    fn fork(&mut self) -> Outcome {
        let process = self.process();
        let limits = process.limits;
        let child = process.space.another().map_err(|error| error.errno).and_then(|space| {
            let memory = process.memory.fork(space.address_space())?;
            Ok(Process { memory, space, limits })
        });
        match child {
            Ok(child) => {
                self.processes.push(child);
                Outcome::Value(0)
            }
            Err(errno) => Outcome::Value(-i64::from(errno.raw())),
        }
    }

    fn execute(&mut self, step: &Step) -> Outcome {
        let process = self.process();
        let memory = &process.memory;
        let base = process.space.window();
        let addr_of = |arg: usize| Addr::new(relocate(step.args[arg], base));
        let [first, second, third, fourth, ..] = step.args;
        let (at, addr) = (relocate(first, base), addr_of(0));
        match step.op {
            Op::Mmap => {
                let placed = self.mmap(step, addr);
                self.window_address(placed, second)
            }
            Op::Munmap => done(memory.munmap(addr, second)),
            Op::Mprotect => done(memory.mprotect(addr, second, third as u32)),
            Op::Mremap => {
                let placed = memory.mremap(addr, second, third, fourth as u32, addr_of(4));
                self.window_address(placed, third)
            }
            Op::Madvise => done(memory.madvise(addr, second, third as i32)),
            Op::Mlock => done(memory.mlock(addr, second, 0)),
            Op::Mlock2 => done(memory.mlock(addr, second, third as u32)),
            Op::Munlock => done(memory.munlock(addr, second)),
            Op::Mlockall => done(memory.mlockall(first as u32)),
            Op::Munlockall => {
                memory.munlockall();
                Outcome::Value(0)
            }
            Op::Memlock => {
                memory.limits().memlock.set(first);
                Outcome::Value(0)
            }
            Op::LimitAs => {
                memory.limits().address_space.set(first.saturating_add(self.filled));
                Outcome::Value(0)
            }
            Op::LimitData => {
                memory.limits().data.set(first);
                Outcome::Value(0)
            }
            Op::LimitStack => {
                memory.limits().stack.set(first);
                Outcome::Value(0)
            }
            Op::Msync => done(memory.msync(addr, second, third as u32)),
            Op::Mincore => done(
                memory
                    .mincore(addr, second)
                    .and_then(|mut pieces| pieces.try_for_each(|piece| piece.map(drop))),
            ),
            Op::Brk => {
                let end = memory.brk(addr).get();
                Outcome::Value((end - base + WINDOW).cast_signed())
            }
            Op::Mseal => done(memory.mseal(addr, second, third)),
            Op::Store => process.access(at, AccessType::WRITE, second as u8),
            Op::Load => process.access(at, AccessType::READ, 0),
            Op::Fetch => match process.access(at, AccessType::EXECUTE, 0) {
                Outcome::Value(_) => Outcome::Value(0),
                fault => fault,
            },
            Op::Read => {
                let bytes = &self.source[..second.min(COPY_MAX) as usize];
                match memory.copy_out(addr, bytes, IoOpts::CHECKED) {
                    Err(partial) if partial.done == 0 => failed(Errno::EFAULT),
                    Ok(done) | Err(Partial { done, .. }) => Outcome::Value(done as i64),
                }
            }
            Op::Write => {
                let mut bytes = vec![0; second.min(COPY_MAX) as usize];
                match memory.copy_in(addr, &mut bytes, IoOpts::CHECKED) {
                    Err(partial) if partial.done == 0 => failed(Errno::EFAULT),
                    Ok(done) | Err(Partial { done, .. }) => {
                        counted(done as u64, sum(&bytes[..done]))
                    }
                }
            }
            Op::Truncate => self.with_file(first, |file| done(file.truncate(second))),
            Op::Pwrite => self.with_file(first, |file| match write(file, &[third as u8], second) {
                Ok(()) => Outcome::Value(1),
                Err(errno) => failed(errno),
            }),
            Op::Pread => self.with_file(first, |file| match read(file, second) {
                Ok(byte) => Outcome::Value(byte),
                Err(errno) => failed(errno),
            }),
            Op::Fork | Op::Exit | Op::Witness => Outcome::Skipped,
        }
    }

    fn file(&self, number: u64) -> Option<&Arc<dyn FileDescription>> {
        self.files.get((number as usize).checked_sub(1)?)
    }

    fn with_file(&self, number: u64, run: impl FnOnce(&dyn FileDescription) -> Outcome) -> Outcome {
        self.file(number).map_or(Outcome::Skipped, |file| run(&**file))
    }

    /// Does what the system call does before it asks the memory manager.
    fn mmap(&self, step: &Step, addr: Addr) -> Result<Addr, Errno> {
        let [_, len, prot, flags, number, offset] = step.args;
        let flags = MmapFlags::from_bits_retain(flags as u32);
        if offset % PAGE != 0 {
            return Err(Errno::EINVAL);
        }
        let access = AccessType::from_prot(prot as u32);
        let mut request = MmapRequest {
            addr,
            len,
            access,
            max_access: AccessType::ALL,
            flags,
            offset,
            object: None,
        };
        if !flags.contains(MmapFlags::ANONYMOUS) {
            let file = self.file(number).ok_or(Errno::EBADF)?;
            let is_shared = flags.contains(MmapFlags::SHARED);
            if is_shared && number == 3 {
                request.max_access = AccessType::READ_EXECUTE;
            }
            request.object = Some(file.mapped_object()?);
        }
        self.process().memory.mmap(request)
    }

    /// Unmaps what was put outside of the window.
    fn window_address(&self, placed: Result<Addr, Errno>, len: u64) -> Outcome {
        let process = self.process();
        let base = process.space.window();
        match placed {
            Err(errno) => failed(errno),
            Ok(addr) if (base..base + PAGES * PAGE).contains(&addr.get()) => {
                Outcome::Value((addr.get() - base + WINDOW).cast_signed())
            }
            Ok(addr) => {
                // What it says is of no interest: the host's does the same.
                let _ = process.memory.munmap(addr, len);
                Outcome::Value(ELSEWHERE)
            }
        }
    }
}

impl Process {
    /// Returns the mappings of the window, where scripts see it.
    fn maps(&self) -> Vec<Line> {
        let mut maps = Vec::new();
        for line in String::from_utf8_lossy(&self.memory.smaps_text()).lines() {
            add_line(&mut maps, line);
        }
        let base = self.space.window();
        for line in &mut maps {
            line.start = WINDOW.wrapping_add(line.start.wrapping_sub(base));
            line.end = WINDOW.wrapping_add(line.end.wrapping_sub(base));
        }
        clip(&mut maps);
        maps
    }

    /// Accesses a byte as the program does.
    fn access(&self, at: u64, access: AccessType, byte: u8) -> Outcome {
        let mut byte = byte;
        for _ in 0..TRIES {
            let Err(fault) = self.space.touch(Addr::new(at), access, &mut byte) else {
                return match access.write() {
                    true => Outcome::Value(0),
                    false => Outcome::Value(i64::from(byte)),
                };
            };
            if let Err(UserFault { signal, code, addr }) = self.memory.handle_user_fault(&fault) {
                let base = self.space.window();
                let addr = match addr.get().checked_sub(base) {
                    Some(offset) if offset < PAGES * PAGE => WINDOW + offset,
                    _ => addr.get(),
                };
                return Outcome::Signal { signal, code, addr };
            }
        }
        // A loop that no signal ends is a difference in any case.
        Outcome::Signal { signal: 0, code: 0, addr: at }
    }
}

fn done(result: Result<(), Errno>) -> Outcome {
    result.map_or_else(failed, |()| Outcome::Value(0))
}

fn failed(errno: Errno) -> Outcome {
    Outcome::Value(-i64::from(errno.raw()))
}

/// Runs `transfer` with a buffer as memory.
fn with_sequence(
    buffer: &mut [u8],
    transfer: impl FnOnce(IoSequence<'_>) -> Result<usize, Partial<IoCause>>,
) -> Result<usize, Errno> {
    let range = AddrRange::new(Addr::ZERO, Addr::new(buffer.len() as u64)).ok_or(Errno::EINVAL)?;
    let io = BytesIo::new(buffer);
    let ranges = AddrRangeSeq::of(range).map_err(|_| Errno::EINVAL)?;
    transfer(IoSequence::new(&io, ranges, IoOpts::CHECKED)).map_err(|partial| match partial.cause {
        IoCause::Stream(errno) => errno,
        _ => Errno::EFAULT,
    })
}

fn write(file: &dyn FileDescription, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut bytes = bytes.to_vec();
    with_sequence(&mut bytes, |sequence| file.write_at(sequence, offset)).map(drop)
}

/// Reads a byte; 256 beyond the end.
fn read(file: &dyn FileDescription, offset: u64) -> Result<i64, Errno> {
    let mut byte = [0];
    let done = with_sequence(&mut byte, |sequence| file.read_at(sequence, offset))?;
    Ok(if done == 0 { 256 } else { i64::from(byte[0]) })
}
