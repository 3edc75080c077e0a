//! Level 2: the memory manager, over an address space that only records.

use std::io::IoSliceMut;
use std::sync::Arc;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest};
use nix::sys::uio::{RemoteIoVec, process_vm_readv};
use platform::null::NullAddressSpace;
use usermem_io::{Io, IoExt as _, IoOpts};
use usermem_types::{AccessType, Addr, AlignedAddr};

use super::tables::{Buffer, Numbers, bytes};
use crate::bench::Bench;
use crate::lap::{Lap, expect, expect_bytes, time};
use crate::peers::process::Holder;
use crate::peers::{gvisor, vm};
use crate::plan::Plan;
use crate::raw::Mapped;
use crate::row::At;

const LEVEL: &str = "manager";
const PAGE: usize = 4096;
/// What `vm-memory` takes when its regions may change.
const CHANGING: &str = "vm-memory that may change";
/// Where the program's memory begins.
const BASE: u64 = 0x100_0000;

pub(super) fn rows(bench: &mut Bench<'_>) {
    for (name, len, goals) in [
        ("8 B of one mapping", 8, (2.0, 0.12)),
        ("64 B of one mapping", 64, (2.5, 0.70)),
        ("256 B of one mapping", 256, (2.0, 0.70)),
        ("1 KiB of one mapping", 1 << 10, (1.4, 0.60)),
        ("4 KiB of one mapping", 4 << 10, (1.05, 1.0)),
    ] {
        same(bench, name, len, goals);
    }
    for (maps, goals) in [
        (1, (2.0, 0.12)),
        (16, (2.5, 0.10)),
        (128, (2.5, 0.10)),
        (1000, (5.0, 0.12)),
        (10_000, (4.5, 0.30)),
        (65_000, (4.5, 0.30)),
    ] {
        random(bench, maps, goals);
    }
    words(bench);
}

/// A program with mappings of a page each, with a hole behind each.
pub(super) struct Program {
    pub(super) mm: Arc<MemoryManager>,
}

impl Program {
    /// Maps `maps` pages, and writes the number of each at its [`place`].
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub(super) fn new(maps: usize) -> Result<Self, String> {
        let options = MemoryFileOptions { reservation: 1 << 32, ..MemoryFileOptions::default() };
        let memory = MemoryFile::new(options).map_err(|error| error.to_string())?;
        let mm = MemoryManager::new(Arc::new(NullAddressSpace::new()), memory);
        let program = Self { mm };
        for index in 0..maps {
            program.map(index, PAGE as u64)?;
            let number = (index as u64).to_ne_bytes();
            let written = program.mm.copy_out(place(index), &number, IoOpts::CHECKED);
            written.map_err(|partial| format!("mapping {index}: {:?}", partial.cause))?;
        }
        Ok(program)
    }

    /// Maps zeroed memory as mapping `index`.
    pub(super) fn map(&self, index: usize, len: u64) -> Result<(), String> {
        let at = Addr::new(BASE + (2 * index * PAGE) as u64);
        let request =
            MmapRequest::anonymous(at, len, AccessType::READ_WRITE, MmapFlags::FIXED_NOREPLACE);
        self.mm.mmap(request).map(drop).map_err(|error| format!("mapping {index}: {error:?}"))
    }
}

/// Returns the place in its page where mapping `index` has its number: spread over the lines of a page, or all of them
/// would fight for the same lines of the cache.
pub(super) fn offset(index: usize) -> usize {
    index.wrapping_mul(0x9e37_79b9) / 64 % 64 * 64
}

pub(super) fn place(index: usize) -> Addr {
    Addr::new(BASE + (2 * index * PAGE + offset(index)) as u64)
}

/// Reads the same bytes of one mapping again and again.
fn same(bench: &mut Bench<'_>, name: &str, len: usize, goals: (f64, f64)) {
    bench.row(LEVEL, name, |setting, name| {
        let contents = bytes(len);
        let program = Program::new(1)?;
        program
            .mm
            .copy_out(Addr::new(BASE), &contents, IoOpts::CHECKED)
            .map_err(|_| "no memory")?;
        let mut own = Mapped::new(PAGE)?;
        own.write(0, &contents);
        let holder = Holder::new(&contents);
        let guest = vm::Guest::holding(BASE, &contents);
        let changing = guest.as_ref().map(vm::Changing::new);
        let mut buffers = [(); 6].map(|()| Buffer::new(len, 0));
        let [ours, limit, vm_to, changing_to, readv_to, pread_to] =
            buffers.each_mut().map(Buffer::get_mut);
        let plan = Plan::new(name)
            .at(At::Bytes(len as u64))
            .ours(|count| {
                ours.fill(0xff);
                let mm = &*program.mm;
                let mut failed = false;
                let nanoseconds = time(count, |_| {
                    let read = mm.copy_in(Addr::new(BASE), ours, IoOpts::CHECKED);
                    failed |= read.is_err();
                });
                expect(u64::from(failed), 0)?;
                expect_bytes(ours, &contents).map(|()| nanoseconds)
            })
            .limit("memcpy", goals.0, |count| {
                limit.fill(0xff);
                let nanoseconds = own.read(limit, &[0], count, |seen| {
                    std::hint::black_box(seen);
                });
                expect_bytes(limit, &contents).map(|()| nanoseconds)
            })
            .peer("gVisor", goals.1, gvisor::lap(setting, &format!("read {len}")))
            .peer(
                "vm-memory",
                goals.1,
                guest.as_ref().map(|guest| reader(vm_to, &contents, |to| guest.read(BASE, to))),
            )
            .beside(
                CHANGING,
                changing
                    .as_ref()
                    .map(|guest| reader(changing_to, &contents, |to| guest.read(BASE, to))),
            )
            .beside(
                "process_vm_readv",
                holder.as_ref().map(|holder| {
                    reader(readv_to, &contents, |to| {
                        let remote = [RemoteIoVec { base: holder.addr(), len }];
                        let mut local = [IoSliceMut::new(to)];
                        process_vm_readv(holder.pid(), &mut local, &remote) == Ok(len)
                    })
                }),
            )
            .beside(
                "/proc/PID/mem",
                holder.as_ref().map(|holder| reader(pread_to, &contents, |to| holder.pread(0, to))),
            );
        setting.measure(plan)
    });
}

/// Returns the turn of a peer that reads all of `contents` each time, and says whether it did.
fn reader<'a>(
    to: &'a mut [u8],
    contents: &'a [u8],
    read: impl Fn(&mut [u8]) -> bool + 'a,
) -> Lap<'a> {
    Box::new(move |count| {
        to.fill(0xff);
        let mut right = 0;
        let nanoseconds = time(count, |_| right += u64::from(read(to)));
        expect(right, count)?;
        expect_bytes(to, contents).map(|()| nanoseconds)
    })
}

/// Length of a table of random places: long enough that nothing learns it by heart.
const PLACES: usize = 1 << 14;

/// Reads eight bytes of one mapping among many, each time of another.
fn random(bench: &mut Bench<'_>, maps: usize, goals: (f64, f64)) {
    let many = if maps == 1 { "" } else { "s" };
    let name = format!("8 B at random over {maps} mapping{many}");
    bench.row(LEVEL, &name, |setting, name| {
        let maps = setting.effort.size(maps, maps.min(100));
        let program = Program::new(maps)?;
        let mut own = Mapped::new(maps * PAGE)?;
        for index in 0..maps {
            own.write(index * PAGE + offset(index), &(index as u64).to_ne_bytes());
        }
        let mut numbers = Numbers::new();
        let indices: Vec<usize> = (0..PLACES).map(|_| numbers.below(maps)).collect();
        let addrs: Vec<Addr> = indices.iter().map(|index| place(*index)).collect();
        let offsets: Vec<usize> =
            indices.iter().map(|index| index * PAGE + offset(*index)).collect();
        let answer = |count: u64| -> u64 {
            let lap = |len: usize| indices[..len].iter().map(|index| *index as u64).sum::<u64>();
            count / PLACES as u64 * lap(PLACES) + lap(count as usize % PLACES)
        };
        let guest = guest(maps);
        let changing = guest.as_ref().map(vm::Changing::new);
        let [mut ours, mut limit, mut vm_to, mut changing_to] = [[0_u8; 8]; 4];
        let plan = Plan::new(name)
            .at(At::Mappings(maps as u64))
            .at_least(PLACES as u64)
            .ours(|count| {
                let mut sum = 0_u64;
                let to = std::hint::black_box(&mut ours[..]);
                let mm = &*program.mm;
                let nanoseconds = time(count, |index| {
                    let read = mm.copy_in(addrs[index % PLACES], to, IoOpts::CHECKED);
                    sum = sum.wrapping_add(if read.is_ok() { number(to) } else { !0 });
                });
                expect(sum, answer(count)).map(|()| nanoseconds)
            })
            .limit("memcpy", goals.0, |count| {
                let mut sum = 0_u64;
                let to = std::hint::black_box(&mut limit[..]);
                let nanoseconds =
                    own.read(to, &offsets, count, |seen| sum = sum.wrapping_add(number(seen)));
                expect(sum, answer(count)).map(|()| nanoseconds)
            })
            .peer("gVisor", goals.1, gvisor::lap(setting, &format!("random {maps}")))
            .peer(
                "vm-memory",
                goals.1,
                guest.as_ref().map(|guest| {
                    summer(&mut vm_to, &addrs, answer, |addr, to| guest.read(addr, to))
                }),
            )
            .beside(
                CHANGING,
                changing.as_ref().map(|guest| {
                    summer(&mut changing_to, &addrs, answer, |addr, to| guest.read(addr, to))
                }),
            );
        setting.measure(plan)
    });
}

/// Returns the turn of a peer that reads the numbers at `addrs`, and adds them up.
fn summer<'a>(
    to: &'a mut [u8],
    addrs: &'a [Addr],
    answer: impl Fn(u64) -> u64 + 'a,
    read: impl Fn(u64, &mut [u8]) -> bool + 'a,
) -> Lap<'a> {
    Box::new(move |count| {
        let mut sum = 0_u64;
        let to = std::hint::black_box(&mut *to);
        let nanoseconds = time(count, |index| {
            let read = read(addrs[index % PLACES].get(), to);
            sum = sum.wrapping_add(if read { number(to) } else { !0 });
        });
        expect(sum, answer(count)).map(|()| nanoseconds)
    })
}

/// Makes a guest with the mappings of a [`Program`].
fn guest(maps: usize) -> Option<vm::Guest> {
    let starts = (0..maps).map(|index| BASE + (2 * index * PAGE) as u64);
    let guest = vm::Guest::new(starts, PAGE)?;
    let written = |index: usize| guest.write(place(index).get(), &(index as u64).to_ne_bytes());
    (0..maps).all(written).then_some(guest)
}

/// Returns the number at the start of `bytes`; says nothing of their length, which a copy must not know beforehand.
fn number(bytes: &[u8]) -> u64 {
    bytes.first_chunk().map_or(!0, |bytes| u64::from_ne_bytes(*bytes))
}

/// Returns the turn of a peer that reads a word, which is seven.
fn sevens<'a>(read: impl Fn() -> Option<u64> + 'a) -> Lap<'a> {
    Box::new(move |count| {
        let mut sum = 0_u64;
        let nanoseconds = time(count, |_| sum = sum.wrapping_add(read().unwrap_or(!0)));
        expect(sum, 7 * count).map(|()| nanoseconds)
    })
}

fn words(bench: &mut Bench<'_>) {
    bench.row(LEVEL, "u64 read", |setting, name| {
        let program = Program::new(8)?;
        let mut own = Mapped::new(PAGE)?;
        own.write(offset(7), &7_u64.to_ne_bytes());
        let guest = guest(8);
        let changing = guest.as_ref().map(vm::Changing::new);
        let holder = Holder::new(&7_u64.to_ne_bytes());
        let stopped = holder.as_ref().and_then(Holder::stop);
        let plan = Plan::new(name)
            .ours(|count| {
                let mm = &*program.mm;
                let mut sum = 0_u64;
                let nanoseconds = time(count, |_| {
                    let word: Result<u64, _> = mm.copy_in_object(place(7), IoOpts::CHECKED);
                    sum = sum.wrapping_add(word.unwrap_or(!0));
                });
                expect(sum, 7 * count).map(|()| nanoseconds)
            })
            .limit("instruction", 2.5, |count| {
                let mut sum = 0_u64;
                let nanoseconds = own.load(offset(7), count, |word| sum = sum.wrapping_add(word));
                expect(sum, 7 * count).map(|()| nanoseconds)
            })
            .peer("gVisor", 0.6, gvisor::lap(setting, "read 8"))
            .peer(
                "vm-memory",
                0.6,
                guest.as_ref().map(|guest| sevens(|| guest.read_u64(place(7).get()))),
            )
            .beside(
                CHANGING,
                changing.as_ref().map(|guest| sevens(|| guest.read_u64(place(7).get()))),
            )
            .beside("PTRACE_PEEKDATA", stopped.as_ref().map(|stopped| sevens(|| stopped.peek(0))));
        setting.measure(plan)
    });
    bench.row(LEVEL, "u32 compare and exchange", |setting, name| {
        let program = Program::new(1)?;
        let at = AlignedAddr::new(Addr::new(BASE)).ok_or("our own invariant: it is aligned")?;
        let plan = Plan::new(name)
            .ours(|count| {
                program
                    .mm
                    .swap_u32(at, 0, IoOpts::CHECKED)
                    .map_err(|fault| format!("{fault:?}"))?;
                let (mm, at) = (&*program.mm, at);
                let mut right = 0;
                let nanoseconds = time(count, |index| {
                    let old = index as u32;
                    let new = old.wrapping_add(1);
                    let seen = mm.compare_exchange_u32(at, old, new, IoOpts::CHECKED);
                    right += u64::from(seen == Ok(old));
                });
                expect(right, count).map(|()| nanoseconds)
            })
            .limit("instruction", 1.2, |count| {
                use std::sync::atomic::{AtomicU32, Ordering};
                let word = AtomicU32::new(0);
                let mut right = 0;
                let nanoseconds = time(count, |index| {
                    let old = index as u32;
                    let new = old.wrapping_add(1);
                    let seen = word.compare_exchange(old, new, Ordering::AcqRel, Ordering::Acquire);
                    right += u64::from(seen == Ok(old));
                });
                expect(right, count).map(|()| nanoseconds)
            })
            .peer("gVisor", 0.75, gvisor::lap(setting, "manager_compare_and_swap"));
        setting.measure(plan)
    });
}
