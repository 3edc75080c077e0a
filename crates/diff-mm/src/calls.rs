//! The system calls of scripts, as calls of the memory manager's methods.

use std::sync::Arc;

use hostfs::FileDescription;
use mm::{MemoryManager, MmapFlags, MmapRequest};
use usermem_io::{BytesIo, Io, IoCause, IoOpts, IoSequence};
use usermem_types::{AccessType, Addr, AddrRange, AddrRangeSeq, Errno, Partial};

use crate::Outcome;
use crate::files::{COPY_MAX, sum};
use crate::limits::counted;
use crate::op::Op;
use crate::outcome::ELSEWHERE;
use crate::script::Step;
use crate::window::{PAGE, PAGES, WINDOW, relocate};

/// What system calls work on.
#[derive(Clone, Copy)]
pub(crate) struct Calls<'a> {
    pub(crate) memory: &'a MemoryManager,
    /// Where the window is.
    pub(crate) base: u64,
    /// The files, by their number less one.
    pub(crate) files: &'a [Arc<dyn FileDescription>; 3],
    /// What the kernel copies to the program.
    pub(crate) source: &'a [u8],
    /// Bytes that are mapped outside of the window.
    pub(crate) filled: u64,
}

impl Calls<'_> {
    /// Makes the call of a step.
    pub(crate) fn execute(self, step: &Step) -> Outcome {
        let Self { memory, base, .. } = self;
        let addr_of = |arg: usize| Addr::new(relocate(step.args[arg], base));
        let [first, second, third, fourth, ..] = step.args;
        let addr = addr_of(0);
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
            Op::Store | Op::Load | Op::Fetch | Op::Fork | Op::Exit | Op::Witness => {
                Outcome::Skipped
            }
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
        self.memory.mmap(request)
    }

    /// Unmaps what was put outside of the window.
    fn window_address(&self, placed: Result<Addr, Errno>, len: u64) -> Outcome {
        let base = self.base;
        match placed {
            Err(errno) => failed(errno),
            Ok(addr) if (base..base + PAGES * PAGE).contains(&addr.get()) => {
                Outcome::Value((addr.get() - base + WINDOW).cast_signed())
            }
            Ok(addr) => {
                // What it says is of no interest: the host's does the same.
                let _ = self.memory.munmap(addr, len);
                Outcome::Value(ELSEWHERE)
            }
        }
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

pub(crate) fn write(file: &dyn FileDescription, bytes: &[u8], offset: u64) -> Result<(), Errno> {
    let mut bytes = bytes.to_vec();
    with_sequence(&mut bytes, |sequence| file.write_at(sequence, offset)).map(drop)
}

/// Reads a byte; 256 beyond the end.
fn read(file: &dyn FileDescription, offset: u64) -> Result<i64, Errno> {
    let mut byte = [0];
    let done = with_sequence(&mut byte, |sequence| file.read_at(sequence, offset))?;
    Ok(if done == 0 { 256 } else { i64::from(byte[0]) })
}
