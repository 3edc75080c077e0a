//! Mappings that are made at the last moment, and what may come between.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use memmap::FileRange;
use rustix::process::{Pid, Resource, Rlimit, prlimit};
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use super::guest::{CALLS, CODE, DATA, Guest, Reg, SYSCALL, code, eax, mov, wait_for};
use crate::Event;
use crate::test_file::TestFile;

#[test]
fn a_mapping_that_is_refused_late_is_refused_when_it_is_missed() {
    // 1: mov rax, [DATA]; jmp 1b
    let mut guest = Guest::late(&code(&[&mov(Reg::Rdi, DATA), &[0x48, 0x8b, 0x07, 0xeb, 0xfb]]));
    guest.map(DATA, 2, AccessType::READ).unwrap();
    // What was there before goes, too.
    let mut folder = TestFile::folder();
    folder.is_always_mapped = true;
    let map = |guest: &Guest| {
        let range = FileRange::new(0, 4096);
        guest.space.map_file(Addr::new(DATA), &folder, range, AccessType::READ, false)
    };
    assert_eq!(map(&guest), Ok(()));
    assert_eq!(guest.fault().addr, Addr::new(DATA));
    assert_eq!(map(&guest), Err(Errno::ENODEV));
    assert_eq!(guest.fault().addr, Addr::new(DATA));
    // And what comes after is mapped.
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.context.interrupter().unwrap().interrupt();
    assert_eq!(guest.event(), Event::Interrupted);
}

/// When the host has no room for another mapping, older ones give way.
#[test]
fn the_hosts_limit_is_not_the_programs_late_either() {
    // 1: mov rax, [rdi]; mov eax, 1; syscall; jmp 1b
    let mut guest = Guest::late(&code(&[&[0x48, 0x8b, 0x07], &eax(1), SYSCALL, &[0xeb, 0xf4]]));
    let limit = Some(8 * 4096);
    let limit = Rlimit { current: limit, maximum: limit };
    prlimit(Pid::from_raw(guest.pid()), Resource::As, limit).unwrap();
    let mut mapped = 0;
    for page in 0..40 {
        let wanted = DATA + page * 0x2000;
        let mut registers = guest.context.registers().unwrap();
        // RDI.
        registers.general[5] = wanted;
        registers.pc = CODE;
        guest.context.set_registers(&registers).unwrap();
        for turn in 0..8 {
            assert!(turn < 7, "{wanted:#x} is missed for ever");
            match guest.event() {
                Event::Syscall(_) => break,
                Event::Fault(fault) if fault.addr.get() < DATA => {
                    guest.map(CODE, 0, AccessType::READ_EXECUTE).unwrap();
                }
                Event::Fault(fault) => {
                    assert_eq!(fault.addr.get(), wanted);
                    guest.map(wanted, page % 16, AccessType::READ).unwrap();
                    mapped += 1;
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert!(mapped >= 40);
}

/// Makes a program that reads a word, and passes it to a call; its pages hold their numbers.
fn reader() -> Guest {
    // 1: mov rsi, [rdi]; mov eax, 1; syscall; jmp 1b
    let guest = Guest::late(&code(&[&[0x48, 0x8b, 0x37], &eax(1), SYSCALL, &[0xeb, 0xf4]]));
    for page in 2..16_u64 {
        guest.file.write(page * 4096, &page.to_le_bytes());
    }
    guest
}

/// Sends a [`reader`] to an address.
fn look_at(guest: &mut Guest, addr: u64) {
    let mut registers = guest.context.registers().unwrap();
    // RDI.
    registers.general[5] = addr;
    registers.pc = CODE;
    guest.context.set_registers(&registers).unwrap();
}

/// Of two mappings the first is made at once, and replaces what was there.
#[test]
fn a_mapping_that_was_to_be_last_is_made_before_another() {
    let mut guest = reader();
    guest.map(DATA, 2, AccessType::READ).unwrap();
    look_at(&mut guest, DATA);
    assert_eq!(guest.serve(1, 0).args[1], 2);
    guest.map(DATA, 3, AccessType::READ).unwrap();
    guest.map(DATA + 0x1000, 4, AccessType::READ).unwrap();
    for (addr, page) in [(DATA, 3), (DATA + 0x1000, 4)] {
        look_at(&mut guest, addr);
        assert_eq!(guest.serve(1, 0).args[1], page);
    }
}

/// When all has to give way for a mapping, the one that is still to come is not forgotten.
#[test]
fn a_mapping_that_comes_after_all_others_went_can_be_removed() {
    let mut guest = reader();
    guest.file.is_always_mapped = false;
    // Together with code, stack and the stub's pages.
    let limit = Some(8 * 4096);
    let limit = Rlimit { current: limit, maximum: limit };
    prlimit(Pid::from_raw(guest.pid()), Resource::As, limit).unwrap();
    for page in 0..4 {
        guest.map(DATA + 0x2000 * (page + 2), 6, AccessType::READ).unwrap();
    }
    guest.file.is_always_mapped = true;
    guest.map(DATA + 0x10_0000, 4, AccessType::READ).unwrap();
    guest.map(DATA, 5, AccessType::READ).unwrap();
    look_at(&mut guest, DATA);
    assert_eq!(guest.fault().addr, Addr::new(CODE), "all others went");
    guest.map(CODE, 0, AccessType::READ_EXECUTE).unwrap();
    assert_eq!(guest.serve(1, 0).args[1], 5);
    guest.unmap(DATA, DATA + 0x1000);
    look_at(&mut guest, DATA);
    assert_eq!(guest.fault().addr, Addr::new(DATA));
}

/// A part of a mapping that is still to come goes: then none of it comes, and nothing is left of what it
/// was to replace.
#[test]
fn a_removal_overtakes_a_mapping_that_is_late() {
    let mut guest = reader();
    for (removed, page) in [(DATA, 2), (DATA + 0x1000, 3)] {
        guest.map(DATA, 2, AccessType::READ).unwrap();
        guest.map(DATA + 0x1000, 3, AccessType::READ).unwrap();
        look_at(&mut guest, removed);
        assert_eq!(guest.serve(1, 0).args[1], page);
        let range = FileRange::new(4 * 4096, 6 * 4096);
        guest.space.map_file(Addr::new(DATA), &guest.file, range, AccessType::READ, false).unwrap();
        guest.unmap(removed, removed + 0x1000);
        for missed in [DATA, DATA + 0x1000] {
            look_at(&mut guest, missed);
            assert_eq!(guest.fault().addr, Addr::new(missed));
        }
    }
}

/// After a removal returns, the program reaches the page no more: neither by a mapping that was under
/// way, nor by one that was still to come.
#[test]
fn a_removal_by_another_thread_overtakes_a_mapping_that_is_late() {
    const GONE: u64 = u64::MAX;
    // 1: mov rsi, [rdi]; mov eax, 1; syscall; jmp 1b
    let reader =
        code(&[&mov(Reg::Rdi, DATA), &[0x48, 0x8b, 0x37], &eax(1), SYSCALL, &[0xeb, 0xf4]]);
    let mut guest = Guest::late(&reader);
    guest.file.write(2 * 4096, &2_u64.to_le_bytes());
    // The page that is mapped next.
    let current = Mutex::new(2);
    let calls = AtomicU64::new(0);
    let space = Arc::clone(&guest.space);
    let (file, same) = (TestFile::of(&guest.file), &current);
    thread::scope(|scope| {
        scope.spawn(|| {
            for seen in 0..CALLS {
                wait_for(&calls, seen);
                let mut current = same.lock().unwrap();
                space.unmap(AddrRange::new(Addr::new(DATA), Addr::new(DATA + 0x1000)).unwrap());
                file.write(*current * 4096, &GONE.to_le_bytes());
                *current = if *current == 15 { 2 } else { *current + 1 };
                file.write(*current * 4096, &current.to_le_bytes());
            }
        });
        while calls.load(Ordering::Relaxed) < CALLS {
            match guest.event() {
                Event::Syscall(info) => {
                    assert_ne!(info.args[1], GONE, "after {calls:?} calls");
                    guest.context.set_syscall_result(0);
                    calls.fetch_add(1, Ordering::Relaxed);
                }
                Event::Fault(fault) => {
                    assert_eq!(fault.addr, Addr::new(DATA));
                    let current = current.lock().unwrap();
                    guest.map(DATA, *current, AccessType::READ).unwrap();
                }
                other => panic!("{other:?}"),
            }
        }
    });
}
