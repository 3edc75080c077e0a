//! Threads that write while their program forks.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use memmap::AddressSpaceIo;
use platform::SoftCpu;
use safecopy::SrcBlock;
use usermem_io::{Io, IoOpts};
use usermem_types::Addr;

use crate::machine::{Machine, Mirror};
use crate::rig::{PAGE, R, RW, Rig, byte};

const PAGES: u64 = 4;
const FORKS: u64 = if cfg!(target_arch = "x86_64") { 500 } else { 30 };
/// Threads that write, each to a word of its own in every page.
const WRITERS: u64 = 3;

fn word(writer: u64, index: u64) -> Addr {
    byte(index, 8 * writer)
}

/// Each writer finds what it has written last, whichever way it wrote; and a child never changes.
#[test]
fn no_write_is_lost_to_a_fork() {
    let Rig { mm, machine: Mirror(space), memory } = Rig::<Mirror>::new();
    let rig = Rig { mm: Arc::clone(&mm), machine: (), memory };
    rig.map(0, PAGES, RW);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for writer in 0..WRITERS {
            let (mm, space, is_over) = (&mm, &space, &is_over);
            scope.spawn(move || {
                let mut round = 0u64;
                while !is_over.load(Ordering::Relaxed) {
                    round += 1;
                    let addr = word(writer, round % PAGES);
                    let new = round.to_le_bytes();
                    if (round + writer).is_multiple_of(2) {
                        mm.copy_out(addr, &new, IoOpts::CHECKED).unwrap();
                    } else {
                        while let Err(fault) = SoftCpu::new(&**space).store(addr, &new) {
                            mm.handle_user_fault(&fault).unwrap();
                        }
                    }
                    let mut old = [0; 8];
                    mm.copy_in(addr, &mut old, IoOpts::CHECKED).unwrap();
                    assert_eq!(old, new, "the write of round {round} is gone");
                }
            });
        }
        for _ in 0..FORKS {
            let child = Mirror::new();
            let child_mm = mm.fork(child.space()).unwrap();
            let mut before = [0; (PAGES * PAGE) as usize];
            child_mm.copy_in(byte(0, 0), &mut before, IoOpts::CHECKED).unwrap();
            thread::yield_now();
            let mut after = [0; (PAGES * PAGE) as usize];
            child_mm.copy_in(byte(0, 0), &mut after, IoOpts::CHECKED).unwrap();
            if before != after {
                is_over.store(true, Ordering::Relaxed);
                panic!("a child sees what its parent writes");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
    // The last fork took away what was shown, and nobody may have written since.
    mm.copy_out(byte(0, 0), &[0], IoOpts::CHECKED).unwrap();
    assert!(space.copy_in(byte(0, 0), &mut [0]).is_ok());
}

/// Where a device writes in every page, which no thread writes.
const DEVICE: u64 = 2048;

/// What a device writes into a pinned page is in the program's memory, however often it forks
/// meanwhile, and never in a child's.
#[test]
fn no_write_through_a_pin_is_lost_to_a_fork() {
    let Rig { mm, machine: Mirror(space), memory } = Rig::<Mirror>::new();
    let rig = Rig { mm: Arc::clone(&mm), machine: (), memory };
    rig.map(0, PAGES, RW);
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        for device in 0..WRITERS {
            let (mm, space, is_over) = (&mm, &space, &is_over);
            scope.spawn(move || {
                let mut round = 0u64;
                while !is_over.load(Ordering::Relaxed) {
                    round += 1;
                    let addr = byte(round % PAGES, DEVICE + 8 * device);
                    // By reading or by writing: both pin the page that the program has.
                    let access = if round.is_multiple_of(2) { RW } else { R };
                    let (pin, fault) = mm.pin(addr.to_range(8).unwrap(), access, IoOpts::CHECKED);
                    assert_eq!(fault, None);
                    for half in 0..2u64 {
                        let new = (round << 1 | half).to_le_bytes();
                        let pages = pin.pieces()[0].pages();
                        let dst = pages.file().destination(pages.range()).unwrap();
                        let dst = dst.drop_first((DEVICE + 8 * device) as usize).take_first(8);
                        safecopy::copy(dst, SrcBlock::from_slice(&new)).unwrap();
                        let mut old = [0; 8];
                        if half == 0 {
                            mm.copy_in(addr, &mut old, IoOpts::CHECKED).unwrap();
                        } else {
                            while let Err(fault) = SoftCpu::new(&**space).load(addr, &mut old) {
                                mm.handle_user_fault(&fault).unwrap();
                            }
                        }
                        assert_eq!(old, new, "the write of round {round} is gone");
                        // The program's own write breaks what a fork shares beside it.
                        mm.copy_out(word(device, round % PAGES), &new, IoOpts::CHECKED).unwrap();
                    }
                }
            });
        }
        for _ in 0..FORKS {
            let child = Mirror::new();
            let child_mm = mm.fork(child.space()).unwrap();
            let mut before = [0; (PAGES * PAGE) as usize];
            child_mm.copy_in(byte(0, 0), &mut before, IoOpts::CHECKED).unwrap();
            thread::yield_now();
            let mut after = [0; (PAGES * PAGE) as usize];
            child_mm.copy_in(byte(0, 0), &mut after, IoOpts::CHECKED).unwrap();
            if before != after {
                is_over.store(true, Ordering::Relaxed);
                panic!("a child sees what is written through its parent's pin");
            }
        }
        is_over.store(true, Ordering::Relaxed);
    });
}
