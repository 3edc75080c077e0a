//! Level 2: changing what is mapped, and who else reads meanwhile.

use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Instant;

use mm::{MemoryManager, MmapFlags, MmapRequest};
use platform::null::NullAddressSpace;
use usermem_io::{Io as _, IoOpts};
use usermem_types::{AccessType, Addr};

use super::manager::{Program, place};
use crate::bench::{Bench, Setting};
use crate::lap::{Stopwatch, expect, time};
use crate::peers::gvisor;
use crate::peers::process::Forker;
use crate::plan::Plan;
use crate::raw;
use crate::row::{At, Row};

const LEVEL: &str = "mapping";
const PAGE: u64 = 4096;
/// Where nothing is mapped yet: below everything that a program here has.
const FREE: Addr = Addr::new(0x80_0000);

pub(super) fn rows(bench: &mut Bench<'_>) {
    for maps in [1, 10, 100, 1000, 10_000] {
        bench.row(LEVEL, &format!("map and unmap a page among {maps}"), |setting, name| {
            let maps = setting.effort.size(maps, maps.min(100));
            let program = Program::new(maps)?;
            let plan = Plan::new(name)
                .at(At::Mappings(maps as u64))
                .ours(|count| {
                    let mut right = 0;
                    let nanoseconds = time(count, |_| {
                        right += u64::from(map_unmap(&program.mm, AccessType::NONE, |_| true));
                    });
                    expect(right, count).map(|()| nanoseconds)
                })
                .peer("gVisor", 0.6, gvisor::lap(setting, &format!("map_unmap {maps}")));
            setting.measure(plan)
        });
    }
    bench.row(LEVEL, "map + touch + unmap a page", |setting, name| {
        let program = Program::new(1)?;
        let plan = Plan::new(name)
            .ours(|count| {
                let touch = |mm: &MemoryManager| mm.copy_out(FREE, &[1], IoOpts::CHECKED) == Ok(1);
                let mut right = 0;
                let nanoseconds = time(count, |_| {
                    right += u64::from(map_unmap(&program.mm, AccessType::READ_WRITE, touch));
                });
                expect(right, count).map(|()| nanoseconds)
            })
            .limit("Linux", 0.8, raw::map_touch_unmap)
            .peer("gVisor", 1.0, gvisor::lap(setting, "map_touch_unmap 1"));
        setting.measure(plan)
    });
    for maps in [100, 1000, 10_000] {
        bench.row(LEVEL, &format!("fork of {maps} mappings"), |setting, name| {
            fork(setting, name, maps)
        });
    }
    bench.row(LEVEL, "8 B each by two threads", two_readers);
}

/// Maps a page where nothing is, does `touch`, and unmaps it; returns whether all went well.
fn map_unmap(
    mm: &MemoryManager,
    access: AccessType,
    touch: impl Fn(&MemoryManager) -> bool,
) -> bool {
    let request = MmapRequest::anonymous(FREE, PAGE, access, MmapFlags::FIXED_NOREPLACE);
    mm.mmap(request) == Ok(FREE) && touch(mm) && mm.munmap(FREE, PAGE).is_ok()
}

fn fork(setting: &Setting<'_>, name: String, maps: usize) -> Result<Result<Row, String>, String> {
    let maps = setting.effort.size(maps, 100);
    let program = Program::new(maps)?;
    let mut linux = Forker::new(maps);
    let plan = Plan::new(name)
        .at(At::Mappings(maps as u64))
        .ours(|count| {
            let (mut nanoseconds, mut sum) = (0.0, 0);
            for _ in 0..count {
                let stopwatch = Stopwatch::start();
                let child = program.mm.fork(Arc::new(NullAddressSpace::new()));
                nanoseconds += stopwatch.nanoseconds();
                let child = child.map_err(|error| format!("fork: {error:?}"))?;
                let mut number = [0; 8];
                let read = child.copy_in(place(maps - 1), &mut number, IoOpts::CHECKED);
                sum += if read.is_ok() { u64::from_ne_bytes(number) } else { 0 };
            }
            expect(sum, count * (maps as u64 - 1)).map(|()| nanoseconds / count as f64)
        })
        .peer("Linux", 0.2, linux.as_mut().map(|linux| |count| linux.fork(count)))
        .peer("gVisor", 0.2, gvisor::lap(setting, &format!("fork {maps}")));
    setting.measure(plan)
}

/// Compares what two threads read, on a processor each, with what one does. Beside that, what two
/// threads read that share nothing: no more can come from the processors.
fn two_readers(setting: &Setting<'_>, name: String) -> Result<Result<Row, String>, String> {
    let host = setting.host;
    if host.cpus() < 2 {
        return Ok(Err("it takes two processors".to_owned()));
    }
    let (shared, other) = (Program::new(2)?, Program::new(2)?);
    let both = |count: u64, managers: [&MemoryManager; 2]| {
        let ready = Barrier::new(2);
        let run = |cpu: usize| {
            host.pin_to(cpu)?;
            ready.wait();
            read(managers[cpu], count, cpu)
        };
        let both = thread::scope(|scope| {
            let other = scope.spawn(|| run(1));
            let one = run(0);
            let other = other.join().map_err(|_| "a thread panicked".to_owned());
            one.and_then(|one| Ok((one, other??)))
        });
        // Two operations in the time of the slower one.
        both.map(|(one, other)| one.max(other) / 2.0)
    };
    let plan = Plan::new(name)
        .ours(|count| both(count, [&*shared.mm, &*shared.mm]))
        .limit("one thread", 1.0 / 1.9, |count| read(&shared.mm, count, 0))
        .beside(
            "two threads that share nothing",
            Some(Box::new(|count| both(count, [&*shared.mm, &*other.mm]))),
        );
    setting.measure(plan)
}

/// Reads a number of one mapping many times; returns the nanoseconds of one by the clock on the
/// wall: a thread that waits for another one has lost that time.
fn read(mm: &MemoryManager, count: u64, map: usize) -> Result<f64, String> {
    let mut number = [0; 8];
    let mut right = 0;
    let start = Instant::now();
    for _ in 0..count {
        let done = mm.copy_in(place(map), &mut number, IoOpts::CHECKED);
        right += u64::from(done == Ok(8) && number == (map as u64).to_ne_bytes());
    }
    let nanoseconds = start.elapsed().as_secs_f64() * 1e9 / count as f64;
    expect(right, count).map(|()| nanoseconds)
}
