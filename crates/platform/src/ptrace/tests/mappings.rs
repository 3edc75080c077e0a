//! What is mapped, and when.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use memmap::FileRange;
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use super::guest::{CODE, DATA, Guest, Reg, SPIN, SYSCALL, code, eax, mov};
use crate::Event;
use crate::test_file::TestFile;

/// 1: mov rax, [rdi]; mov rsi, rax; mov eax, 1; syscall; jmp 1b
fn reader() -> Vec<u8> {
    code(&[
        &mov(Reg::Rdi, DATA),
        &[0x48, 0x8b, 0x07, 0x48, 0x89, 0xc6],
        &eax(1),
        SYSCALL,
        &[0xeb, 0xf1],
    ])
}

#[test]
fn nothing_is_reached_after_it_was_unmapped() {
    let mut guest = Guest::new(&reader());
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.serve(1, 0);
    guest.unmap(DATA, DATA + 0x1000);
    assert_eq!(guest.fault().addr, Addr::new(DATA));
}

#[test]
fn a_mapping_that_is_refused_leaves_nothing_of_what_was_there() {
    let mut guest = Guest::new(&reader());
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.serve(1, 0);
    let folder = TestFile::folder();
    let refused = guest.space.map_file(
        Addr::new(DATA),
        &folder,
        FileRange::new(0, 4096),
        AccessType::READ,
        false,
    );
    assert_eq!(refused, Err(Errno::ENODEV));
    assert_eq!(guest.fault().addr, Addr::new(DATA));
}

#[test]
fn a_mapping_replaces_what_was_there_and_outlives_an_earlier_removal() {
    let mut guest = Guest::new(&reader());
    guest.file.write(2 * 4096, &2u64.to_le_bytes());
    guest.file.write(3 * 4096, &3u64.to_le_bytes());
    guest.map(DATA, 2, AccessType::READ).unwrap();
    assert_eq!(guest.serve(1, 0).args[1], 2);
    guest.map(DATA, 3, AccessType::READ).unwrap();
    assert_eq!(guest.serve(1, 0).args[1], 3);
    guest.unmap(DATA - 0x1000, DATA + 0x2000);
    guest.map(DATA, 2, AccessType::READ).unwrap();
    assert_eq!(guest.serve(1, 0).args[1], 2);
}

#[test]
fn mappings_outside_of_user_space_are_refused() {
    let guest = Guest::new(SPIN);
    let end = guest.space.user_range().end().get();
    for addr in [0, 0xf000, end, 0x1_0001, 0x7fff_ffff_f000, u64::MAX - 4095] {
        let refused = guest.map(addr, 2, AccessType::READ);
        assert_eq!(refused, Err(Errno::EINVAL), "{addr:#x}");
    }
    guest.map(end - 0x1000, 2, AccessType::READ).unwrap();
    guest.map(0x1_0000, 2, AccessType::READ).unwrap();
}

/// When the host has no room for another mapping, older ones give way; they come back when they
/// are missed.
#[test]
fn the_hosts_limit_is_not_the_programs() {
    use rustix::process::{Pid, Resource, Rlimit, prlimit};
    let mut guest = Guest::new(&reader());
    let limit = Some(8 * 4096);
    let limit = Rlimit { current: limit, maximum: limit };
    prlimit(Pid::from_raw(guest.pid()), Resource::As, limit).unwrap();
    guest.file.write(15 * 4096, &15u64.to_le_bytes());
    for page in 0..40 {
        guest.map(DATA + 0x10_0000 + page * 0x2000, page % 16, AccessType::READ).unwrap();
    }
    guest.map(DATA, 15, AccessType::READ).unwrap();
    let mut faults = 0;
    let info = loop {
        match guest.event() {
            Event::Syscall(info) => break info,
            Event::Fault(fault) if fault.addr.get() < DATA => {
                guest.map(CODE, 0, AccessType::READ_EXECUTE).unwrap();
            }
            Event::Fault(_) => guest.map(DATA, 15, AccessType::READ).unwrap(),
            other => panic!("{other:?}"),
        }
        faults += 1;
        assert!(faults < 3);
    };
    assert_eq!((info.nr, info.args[1]), (1, 15));
    // More than the limit at once is the host's last word.
    let range = FileRange::new(0, 16 * 4096);
    let all = guest.space.map_file(Addr::new(DATA), &guest.file, range, AccessType::READ, false);
    assert_eq!(all, Err(Errno::ENOMEM));
}

#[test]
fn the_hosts_refusal_is_returned() {
    let guest = Guest::new(SPIN);
    let range = FileRange::new(0, 4096);
    let folder = TestFile::folder();
    let refused = guest.space.map_file(Addr::new(DATA), &folder, range, AccessType::READ, false);
    assert_eq!(refused, Err(Errno::ENODEV));
}

#[test]
fn another_threads_removal_stops_a_running_program() {
    let mut guest = Guest::new(&code(&[&mov(Reg::Rdi, DATA), &[0x48, 0x8b, 0x07, 0xeb, 0xfb]]));
    guest.map(DATA, 2, AccessType::READ).unwrap();
    let space = Arc::clone(&guest.space);
    let remover = thread::spawn(move || {
        let range = AddrRange::new(Addr::new(DATA), Addr::new(DATA + 0x1000)).unwrap();
        space.unmap(range);
    });
    assert_eq!(guest.fault().addr, Addr::new(DATA));
    remover.join().unwrap();
}

#[test]
fn another_threads_mapping_shows_at_the_next_fault() {
    let mut guest = Guest::new(&reader());
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.serve(1, 0);
    thread::scope(|scope| {
        let guest = &guest.space;
        let file = TestFile::new(1);
        scope.spawn(move || {
            let page = FileRange::new(0, 4096);
            guest.map_file(Addr::new(DATA), &file, page, AccessType::READ, false).unwrap();
        });
    });
    assert_eq!(guest.fault().addr, Addr::new(DATA));
}

#[test]
fn removals_from_several_threads_never_get_lost() {
    let mut guest = Guest::new(&reader());
    let done = Arc::new(AtomicBool::new(false));
    let removers: Vec<_> = (0..2)
        .map(|_| {
            let (space, done) = (Arc::clone(&guest.space), Arc::clone(&done));
            thread::spawn(move || {
                while !done.load(Ordering::Relaxed) {
                    let range = AddrRange::new(Addr::new(DATA), Addr::new(DATA + 0x1000)).unwrap();
                    space.unmap(range);
                    thread::yield_now();
                }
            })
        })
        .collect();
    let mut calls = 0;
    while calls < 200 {
        match guest.event() {
            Event::Syscall(_) => {
                calls += 1;
                guest.context.set_syscall_result(0);
            }
            Event::Fault(fault) => {
                assert_eq!(fault.addr, Addr::new(DATA));
                guest.map(DATA, 2, AccessType::READ).unwrap();
            }
            other => panic!("{other:?}"),
        }
    }
    done.store(true, Ordering::Relaxed);
    drop(guest);
    removers.into_iter().for_each(|remover| remover.join().unwrap());
}

#[test]
fn an_address_space_runs_again_after_its_context() {
    use crate::{Platform, Registers, ptrace::PtracePlatform};
    let mut guest = Guest::new(&reader());
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.serve(1, 0);
    let platform = PtracePlatform::new().unwrap();
    let busy = platform.new_context(&guest.space).map(drop).unwrap_err();
    assert_eq!(busy.errno, Errno::EBUSY);
    let Guest { context, space, file } = guest;
    drop(context);
    // Without a process there is nothing to mirror, and nobody to see it.
    let page = FileRange::new(0, 4096);
    space.map_file(Addr::new(CODE), &file, page, AccessType::READ, false).unwrap();
    let mut context = platform.new_context(&space).unwrap();
    context.set_registers(&Registers { pc: CODE, ..Registers::default() }).unwrap();
    let mut guest = Guest { context, space, file };
    assert_eq!(guest.fault().addr, Addr::new(CODE));
}
