//! The memory manager: scripts run in it by calls of its methods.

use std::io;
use std::sync::Arc;
use std::thread;

use hostfs::FileDescription;
use memfile::{AllocOpts, MemoryFile, MemoryFileOptions};
use memmap::FileRef;
use mm::{MemoryManager, MmapFlags, MmapRequest, UserFault};
use usermem_types::{AccessType, Addr, Errno};

use crate::calls::{Calls, write};
use crate::files::{COPY_MAX, FILES, pattern, sum};
use crate::limits::Limits;
use crate::op::Op;
use crate::outcome::{Ending, Line, add_line, clip};
use crate::script::{Script, Step};
use crate::space::Space;
use crate::window::{HEAP, PAGE, PAGES, WINDOW, relocate};
use crate::{Observation, Outcome};

/// How many bytes the memory file can hold.
const CAPACITY: u64 = 1 << 32;

/// How much memory there is for a script.
#[derive(Clone, Copy, Debug)]
pub struct Supply {
    /// Bytes that are free in the memory file at first.
    pub room: u64,
    /// Bytes that may be committed, those of the script's files included.
    pub limit: Option<u64>,
}

impl Supply {
    /// More than a script can use.
    pub const PLENTY: Self = Self { room: CAPACITY, limit: None };
}

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

/// Takes pages until so many bytes are left.
fn take_all_but(memory: &Arc<MemoryFile>, room: u64) -> Vec<FileRef> {
    let mut taken = Vec::new();
    let mut piece = memory.capacity();
    while piece >= PAGE {
        let excess = (memory.capacity() - memory.allocated_bytes()).saturating_sub(room);
        if piece <= excess
            && let Ok(pages) = memory.allocate(piece, AllocOpts::default())
        {
            taken.push(pages);
        } else {
            piece /= 2;
        }
    }
    taken
}

/// A program: its memory, and where that is mirrored.
struct Process {
    memory: Arc<MemoryManager>,
    space: Box<dyn Space>,
    limits: Limits,
}

/// What runs scripts.
struct Runner {
    memory: Arc<MemoryFile>,
    /// Pages of the memory file that nobody uses.
    taken: Vec<FileRef>,
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
///
/// # Panics
/// When memory is still allocated or charged at the end.
pub fn run(script: &Script, space: &dyn Space, memlock: u64) -> io::Result<Vec<Observation>> {
    run_with(script, space, memlock, Supply::PLENTY)
}

/// Does what [`run`] does, with so much memory.
///
/// # Errors
/// When the host refuses files or memory, or the supply is too small for the script's files.
///
/// # Panics
/// When memory is still allocated or charged at the end.
pub fn run_with(
    script: &Script,
    space: &dyn Space,
    memlock: u64,
    supply: Supply,
) -> io::Result<Vec<Observation>> {
    let mut runner = Runner::new(space, memlock, supply)
        .map_err(|errno| io::Error::from_raw_os_error(errno.raw()))?;
    runner.run(&script.0);
    let Runner { memory, taken, files, observations, .. } = runner;
    drop((taken, files));
    let left = (memory.allocated_bytes(), memory.charged_bytes());
    assert_eq!(left, (0, 0), "bytes allocated and charged that nobody gave back");
    Ok(observations)
}

impl Runner {
    fn new(space: &dyn Space, memlock: u64, supply: Supply) -> Result<Self, Errno> {
        let Supply { room, limit } = supply;
        let options =
            MemoryFileOptions { reservation: CAPACITY, limit, ..MemoryFileOptions::default() };
        let memory = MemoryFile::new(options).map_err(|_| Errno::ENOMEM)?;
        let space = space.another().map_err(|error| error.errno)?;
        let manager = MemoryManager::new(space.address_space(), Arc::clone(&memory));
        let filled = fill_up(&manager, space.window())?;
        manager.limits().memlock.set(memlock);
        // As on the host: what is touched is then present, and nothing else.
        manager.set_thp_disable(1, 0)?;
        manager.set_brk_base(Addr::new(relocate(HEAP, space.window())))?;
        let [a, b] = [0, 1].map(|index| {
            let spec = &FILES[index];
            let file = hostfs::memfd(spec.name.as_bytes(), 0, Arc::clone(&memory) as _)?;
            write(&*file, &pattern(spec.bytes, index * 4), 0)?;
            Ok(file)
        });
        let a: Arc<dyn FileDescription> = a?;
        let a_readonly = a.reopen(0)?;
        let taken = take_all_but(&memory, room);
        Ok(Self {
            memory,
            taken,
            files: [a, b?, a_readonly],
            source: pattern(COPY_MAX, 5),
            processes: vec![Process { memory: manager, space, limits: Limits::new() }],
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
            if step.op == Op::Mincore && outcome == Outcome::Value(0) {
                observation.present = self.process().present(step.args[0], step.args[1]);
            }
            observation.maps = self.process().maps();
            self.observations.push(observation);
        }
        while !self.processes.is_empty() {
            self.end_process();
        }
        self.processes.extend(self.witness.take());
        self.end_process();
    }

    /// Looks which pages of the running process are present, and reads them; it ends.
    fn end_process(&mut self) {
        let Some(process) = self.processes.pop() else { return };
        let mut ending = Ending { maps: process.maps(), ..Ending::default() };
        let ranges = ending.maps.iter().map(|line| (line.start..line.end).step_by(PAGE as usize));
        let mapped = ranges.flatten().map(|addr| (addr - WINDOW) / PAGE);
        let mapped: Vec<_> = mapped.filter(|page| *page < PAGES).collect();
        for page in &mapped {
            ending.present.extend(process.present(WINDOW + page * PAGE, PAGE));
        }
        for page in mapped {
            let at = relocate(WINDOW + page * PAGE, process.space.window());
            ending.pages.push((page, process.access(at, AccessType::READ, 0)));
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

    fn execute(&self, step: &Step) -> Outcome {
        let process = self.process();
        let [first, second, ..] = step.args;
        let at = relocate(first, process.space.window());
        match step.op {
            Op::Store => process.access(at, AccessType::WRITE, second as u8),
            Op::Load => process.access(at, AccessType::READ, 0),
            Op::Fetch => match process.access(at, AccessType::EXECUTE, 0) {
                Outcome::Value(_) => Outcome::Value(0),
                fault => fault,
            },
            _ => self.call(process, step),
        }
    }

    fn call(&self, process: &Process, step: &Step) -> Outcome {
        let calls = Calls {
            memory: &process.memory,
            base: process.space.window(),
            files: &self.files,
            source: &self.source,
            filled: self.filled,
        };
        if !is_for_another_thread(step) {
            return calls.execute(step);
        }
        thread::scope(|scope| {
            let done = scope.spawn(|| calls.execute(step)).join();
            done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
        })
    }
}

/// Returns whether a step is one of those that another thread of ours takes, which must make no
/// difference. It depends on the step alone, so that scripts can be made smaller.
fn is_for_another_thread(step: &Step) -> bool {
    let args = step.args.iter().flat_map(|arg| arg.to_le_bytes()).collect::<Vec<_>>();
    sum(&args) >> 30 == 0
}

impl Process {
    /// Returns which pages of a range are present.
    fn present(&self, addr: u64, len: u64) -> Vec<bool> {
        let addr = Addr::new(relocate(addr, self.space.window()));
        let pieces = self.memory.mincore(addr, len).into_iter().flatten();
        pieces.flatten().flatten().map(|page| page & 1 != 0).collect()
    }

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
