//! Calls after which the application runs at once: nothing of it changes, and nothing of what it does
//! then reaches the host.

use std::any::Any;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use usermem_types::{AccessType, Addr, Errno};

use super::guest::{CALLS, CODE, DATA, Guest, Reg, SPIN, SYSCALL, code, eax, mov, wait_for};
use crate::ptrace::address_space::PtraceAddressSpace;
use crate::ptrace::arch::{self, STUB_CODE};
use crate::ptrace::flight::{Call, Flight, Landing};
use crate::ptrace::page::StubPage;
use crate::ptrace::sys::{self, Resume, Stop};
use crate::ptrace::tracee::Tracee;
use crate::{Arch, Event, Registers};

/// Leaves something to be done before the program runs again.
fn change_something(guest: &Guest) {
    guest.map(DATA + 0x10_0000, 3, AccessType::READ).unwrap();
}

fn exit_group() -> Vec<u8> {
    code(&[&eax(231), SYSCALL])
}

/// Registers no two of which are alike.
fn patterns() -> Registers {
    let mut registers = Registers::default();
    for (at, register) in (1_u64..).zip(registers.general.iter_mut().take(15)) {
        *register = 0x1111_1111_1111_1111 * at;
    }
    Registers {
        pc: CODE,
        sp: 0x1234_5678_9abc_def0,
        // CF, PF, AF, ZF, SF, DF and OF.
        flags: 0x0ed7,
        tls: 0x7654_3210,
        gs_base: 0x1111_2222,
        ..registers
    }
}

#[test]
fn a_fault_changes_no_register() {
    // nop; nop; 1: mov [DATA], 0 (by an address in the code); then a call.
    let write = [&[0x90, 0x90, 0xc6, 0x04, 0x25][..], &(DATA as u32).to_le_bytes(), &[7]].concat();
    let mut guest = Guest::late(&code(&[&write, &[0x0f, 0x0b]]));
    guest.context.set_registers(&patterns()).unwrap();
    assert_eq!(guest.fault().addr, Addr::new(DATA));
    let before = guest.context.registers().unwrap();
    guest.map(DATA, 2, AccessType::READ_WRITE).unwrap();
    assert!(matches!(guest.event(), Event::Signal(info) if info.signal == libc::SIGILL));
    let after = guest.context.registers().unwrap();
    let sent = patterns();
    assert_eq!((before.general, before.pc), (sent.general, CODE + 2));
    // RF, which says that the instruction at hand was begun before.
    let flags = |registers: &Registers| registers.flags & !0x1_0000;
    assert_eq!((after.general, after.sp, after.pc), (sent.general, sent.sp, CODE + 10));
    assert_eq!((flags(&before), flags(&after)), (flags(&sent), flags(&sent)));
    assert_eq!((after.tls, after.gs_base), (sent.tls, sent.gs_base));
    assert_eq!(guest.file.read(2 * 4096), [7]);
}

#[test]
fn a_call_changes_what_a_call_changes() {
    let mut guest = Guest::late(&code(&[SYSCALL, &[0x0f, 0x0b]]));
    guest.context.set_registers(&patterns()).unwrap();
    // The host looks at 32 bits of the number.
    guest.serve(patterns().general[0] & 0xffff_ffff, 42);
    let before = guest.context.registers().unwrap();
    change_something(&guest);
    assert!(matches!(guest.event(), Event::Signal(info) if info.signal == libc::SIGILL));
    let after = guest.context.registers().unwrap();
    assert_eq!(after.general[0], 42);
    let flags = |registers: &Registers| registers.flags & !0x1_0000;
    assert_eq!((after.general, after.sp, after.pc), (before.general, before.sp, CODE + 2));
    assert_eq!(flags(&after), flags(&before));
}

/// Every call is ours to answer, whatever it is, and none is performed.
#[test]
fn the_first_call_afterwards_stops_the_program() {
    let natively = |nr: u32| (eax(nr), SYSCALL.to_vec(), u64::from(nr), Arch::Native);
    let mut calls: Vec<_> =
        [0, 1, 9, 11, 39, 60, 96, 101, 201, 231, 309, 334, 999].map(natively).into();
    // Calls of x32, and of no table at all.
    calls.push(natively(0x4000_0009));
    calls.push(natively(0x7fff_ffff));
    let none = (mov(Reg::Rax, u64::MAX), SYSCALL.to_vec(), u64::MAX, Arch::Native);
    calls.push(none);
    // `int 0x80`: exit and mmap.
    for nr in [1, 90] {
        calls.push((eax(nr), vec![0xcd, 0x80], nr.into(), Arch::Compat));
    }
    for (number, instruction, nr, arch) in calls {
        // 1: mov eax, nr; syscall; mov rsi, rax; mov eax, 500; syscall
        let rest = code(&[&[0x48, 0x89, 0xc6], &eax(500), SYSCALL]);
        let mut guest = Guest::late(&code(&[&number, &instruction, &rest]));
        change_something(&guest);
        let info = guest.syscall();
        assert_eq!((info.nr, info.arch), (nr, arch), "{nr:#x}");
        assert_eq!(info.pc, CODE + (number.len() + instruction.len()) as u64, "{nr:#x}");
        // With something to be done, and with nothing.
        if nr % 2 == 0 {
            change_something(&guest);
        }
        guest.context.set_syscall_result(0x1234_5678_9abc);
        let info = guest.serve(500, 0);
        assert_eq!(info.args[1], 0x1234_5678_9abc, "{nr:#x}");
    }
}

/// Results by which the host is asked to make a call again, and a call nobody answers.
#[test]
fn no_call_is_performed_afterwards_whatever_becomes_of_it() {
    for result in [-512_i64, -513, -514, -516, -38, 0] {
        let mut guest =
            Guest::late(&code(&[&exit_group(), &[0x48, 0x89, 0xc6], &eax(500), SYSCALL]));
        change_something(&guest);
        guest.serve(231, result.cast_unsigned());
        assert_eq!(guest.serve(500, 0).args[1], result.cast_unsigned());
    }
    let mut guest = Guest::late(&code(&[&exit_group(), &eax(500), SYSCALL]));
    change_something(&guest);
    assert_eq!(guest.syscall().nr, 231);
    guest.serve(500, 0);
}

/// The stub's code is there to be read, and to be jumped to: without the secret it does nothing.
#[test]
fn the_stubs_code_does_nothing_for_the_program() {
    let stub = StubPage::get().unwrap().start();
    let shared = (libc::MAP_SHARED | libc::MAP_FIXED) as u64;
    let calls = [
        (libc::SYS_mmap, [0x60_0000, 4096, 3, shared, 0, 0]),
        (libc::SYS_munmap, [CODE, 4096, 0, 0, 0, 0]),
        (libc::SYS_rseq, [DATA, 32, 1, 0, 0, 0]),
        (libc::SYS_exit_group, [0; 6]),
    ];
    for (nr, args) in calls {
        for entry in [0, 8] {
            let registers = [Reg::Rdi, Reg::Rsi, Reg::Rdx, Reg::R10, Reg::R8, Reg::R9];
            let mut parts: Vec<Vec<u8>> = registers
                .into_iter()
                .zip(args)
                .map(|(register, value)| mov(register, value))
                .collect();
            // mov rcx, target; mov rax, nr; jmp rcx
            parts.push([&[0x48, 0xb9][..], &(stub + entry).to_le_bytes()].concat());
            parts.push(mov(Reg::Rax, nr.cast_unsigned()));
            parts.push(vec![0xff, 0xe1]);
            let mut guest = Guest::late(&parts.concat());
            change_something(&guest);
            let lines = || std::fs::read_to_string(format!("/proc/{}/maps", guest.pid())).unwrap();
            let before = lines().lines().count();
            let pid = guest.pid();
            let fault = guest.fault();
            assert_eq!(fault.addr.get(), stub, "{nr} at {entry}");
            let after = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
            // The change alone.
            assert_eq!(after.lines().count(), before + 1, "{nr} at {entry}: {after}");
        }
    }
}

/// Wherever in the stub's code a program lands, it gets a signal, or goes round in circles of its own
/// until it is interrupted.
#[test]
fn every_byte_of_the_stub_can_be_jumped_to() {
    let stub = StubPage::get().unwrap().start();
    for at in 0..STUB_CODE.len() as u64 + 8 {
        // mov rax, target; jmp rax
        let mut guest = Guest::late(&code(&[&mov(Reg::Rax, stub + at), &[0xff, 0xe0]]));
        change_something(&guest);
        let lines = || std::fs::read_to_string(format!("/proc/{}/maps", guest.pid())).unwrap();
        let before = lines().lines().count();
        let interrupter = guest.context.interrupter().unwrap();
        let other = thread::spawn(move || {
            thread::sleep(Duration::from_millis(2));
            interrupter.interrupt();
        });
        // One by the stub's code, one in the middle of its instructions, and the end.
        let mut events = Vec::new();
        for _ in 0..3 {
            let event = guest.context.switch().unwrap();
            events.push(event);
            match event {
                Event::Syscall(_) => guest.context.set_syscall_result(0),
                Event::Fault(_) | Event::Signal(_) | Event::Interrupted => break,
            }
        }
        other.join().unwrap();
        assert!(!matches!(events.last(), None | Some(Event::Syscall(_))), "{at}: {events:?}");
        let pid = guest.pid();
        let after = std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        assert_eq!(after.lines().count(), before + 1, "{at}: {after}");
    }
}

/// 1: inc rbx; mov [rdi], bl; mov rsi, rbx; mov eax, 1; syscall; jmp 1b
fn counter() -> Vec<u8> {
    code(&[
        &mov(Reg::Rdi, DATA),
        &[0x48, 0xff, 0xc3, 0x88, 0x1f, 0x48, 0x89, 0xde],
        &eax(1),
        SYSCALL,
        &[0xeb, 0xef],
    ])
}

/// However often it is stopped, between any two instructions of the stub's code, too, the program
/// notices nothing.
#[test]
fn interrupts_hit_a_call_at_any_time() {
    let mut guest = Guest::late(&counter());
    let interrupter = guest.context.interrupter().unwrap();
    let calls = AtomicU64::new(0);
    let mut interrupts = 0;
    thread::scope(|scope| {
        scope.spawn(|| {
            // Once for each call, sooner or later: a program that is always stopped makes no progress.
            for seen in 0..CALLS {
                wait_for(&calls, seen);
                for _ in 0..seen % 300 {
                    std::hint::spin_loop();
                }
                interrupter.interrupt();
            }
        });
        while calls.load(Ordering::Relaxed) < CALLS {
            match guest.event() {
                Event::Interrupted => interrupts += 1,
                Event::Fault(fault) => {
                    assert_eq!(fault.addr, Addr::new(DATA));
                    guest.map(DATA, 2, AccessType::READ_WRITE).unwrap();
                }
                Event::Syscall(info) => {
                    let call = calls.load(Ordering::Relaxed) + 1;
                    assert_eq!((info.nr, info.args[0], info.args[1]), (1, DATA, call));
                    guest.context.set_syscall_result(0);
                    guest.unmap(DATA, DATA + 0x1000);
                    calls.store(call, Ordering::Relaxed);
                }
                other => panic!("{other:?}"),
            }
        }
    });
    assert!(interrupts > 0);
}

/// Takes the page for registers away, as if there were a filter of somebody else.
fn without_page(guest: Guest) -> Guest {
    let space: &dyn Any = &*guest.space;
    let space = space.downcast_ref::<PtraceAddressSpace>().unwrap();
    let taken = space.with(|stub| Ok(stub.return_page.take())).unwrap();
    assert!(taken.is_some());
    guest
}

#[test]
fn without_a_page_for_registers_there_is_one_stop_more() {
    let mut guest = without_page(Guest::late(&counter()));
    for calls in 1..=10 {
        assert_eq!(guest.fault().addr, Addr::new(DATA));
        guest.map(DATA, 2, AccessType::READ_WRITE).unwrap();
        assert_eq!(guest.serve(1, 0).args[1], calls);
        guest.unmap(DATA, DATA + 0x1000);
    }
}

/// An interrupt that comes while the last change is made is not taken for a part of that.
#[test]
fn an_interrupt_during_the_last_change_is_not_lost() {
    const ROUNDS: u64 = 1000;
    for mut guest in [Guest::late(SPIN), without_page(Guest::late(SPIN))] {
        let interrupter = guest.context.interrupter().unwrap();
        let rounds = AtomicU64::new(0);
        thread::scope(|scope| {
            scope.spawn(|| {
                for seen in 1..=ROUNDS {
                    wait_for(&rounds, seen);
                    for _ in 0..seen % 200 {
                        std::hint::spin_loop();
                    }
                    interrupter.interrupt();
                }
            });
            for _ in 0..ROUNDS {
                change_something(&guest);
                rounds.fetch_add(1, Ordering::Relaxed);
                assert_eq!(guest.event(), Event::Interrupted);
            }
        });
    }
}

/// A program can keep itself from reading anything, and the stub's code with it.
#[test]
fn a_program_without_access_to_its_own_memory_goes_on() {
    let flags = std::fs::read_to_string("/proc/cpuinfo").unwrap();
    if !flags.split_whitespace().any(|flag| flag == "ospke") {
        return;
    }
    // xor ecx, ecx; xor edx, edx; mov eax, 1; wrpkru
    let deny = [&[0x31, 0xc9, 0x31, 0xd2][..], &eax(1), &[0x0f, 0x01, 0xef]].concat();
    let mut guest =
        Guest::late(&code(&[&deny, &eax(39), SYSCALL, &eax(500), SYSCALL, &[0x0f, 0x0b]]));
    guest.serve(39, 0);
    change_something(&guest);
    guest.serve(500, 0);
    change_something(&guest);
    assert!(matches!(guest.event(), Event::Signal(info) if info.signal == libc::SIGILL));
}

/// Two calls that newer hosts let pass any filter do nothing, or what they do without a filter.
#[test]
fn calls_that_pass_any_filter_do_nothing() {
    for nr in [335, 336, 337] {
        let mut guest = Guest::late(&code(&[&eax(nr), SYSCALL, &eax(500), SYSCALL]));
        change_something(&guest);
        let lines = |pid| std::fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let before = lines(guest.pid()).lines().count();
        match guest.event() {
            Event::Syscall(info) if info.nr == u64::from(nr) => {
                guest.context.set_syscall_result(0);
                guest.serve(500, 0);
            }
            Event::Syscall(info) => assert_eq!((info.nr, nr), (500, 336)),
            Event::Signal(info) => assert_eq!((info.signal, nr), (libc::SIGILL, 335)),
            other => panic!("{nr}: {other:?}"),
        }
        assert_eq!(lines(guest.pid()).lines().count(), before + 1);
    }
}

/// Lets the stub's code make one step after the other, and looks at each what would become of the program if it
/// were stopped there.
#[test]
fn a_stop_at_any_instruction_of_the_stub_is_understood() {
    const TRAP_FLAG: u64 = 1 << 8;
    let page = StubPage::get().unwrap();
    let mut stub = Tracee::spawn(page).unwrap();
    arch::from_registers(stub.regs_mut().unwrap(), &patterns());
    let saved = *stub.regs().unwrap();
    for (len, result) in
        [(4096, Landing::Made), (4095, Landing::Made), (0, Landing::Failed(Errno::EINVAL))]
    {
        let call = Call { nr: libc::SYS_munmap, args: [DATA, len, 0, 0, 0, 0], expected: 0 };
        let (signed, nonce) = (stub.filter.sign(call.args), stub.filter.nonce());
        let signed = (call.nr.cast_unsigned(), signed);
        let (mut start, words) = arch::returning_call(page.start(), signed, 0, nonce, &saved);
        stub.return_page.as_ref().unwrap().write(&words);
        start.eflags |= TRAP_FLAG;
        sys::set_registers(stub.pid(), &start).unwrap();
        let mut landings = Vec::new();
        let mut at = 0;
        // The call, two to look at its result, eleven loads and a jump.
        for _ in 0..=15 {
            at = arch::pc(&sys::registers(stub.pid()).unwrap());
            stub.forget_regs();
            stub.flight = Some(Flight { saved, call });
            let (_, landing) = stub.landed(Stop::Signal(libc::SIGTRAP)).unwrap().unwrap();
            let mut application = *stub.regs().unwrap();
            // And RF, which a fault leaves.
            application.eflags &= !(TRAP_FLAG | 1 << 16);
            assert_eq!(arch::to_registers(&application), arch::to_registers(&saved), "at {at:#x}");
            landings.push(landing);
            sys::resume(stub.pid(), Resume::Continue).unwrap();
            let trap = if at < page.start() { libc::SIGSEGV } else { libc::SIGTRAP };
            assert_eq!(sys::wait(stub.pid()).unwrap(), Stop::Signal(trap));
        }
        assert_eq!(at < page.start(), result == Landing::Made, "{len}: {at:#x}");
        landings.dedup();
        let mut expected = vec![Landing::NotMade, result];
        expected.extend((result == Landing::Made).then_some(Landing::Over));
        assert_eq!(landings, expected, "{len}");
    }
}

/// A program in steps of single instructions takes the way with another stop.
#[test]
fn a_program_in_single_steps_is_stopped_after_its_own_instruction() {
    const TRAP_FLAG: u64 = 1 << 8;
    let mut guest = Guest::late(&[0x90, 0x90, 0x90, 0x90]);
    let mut registers = guest.context.registers().unwrap();
    registers.flags |= TRAP_FLAG;
    guest.context.set_registers(&registers).unwrap();
    for step in 1..4 {
        change_something(&guest);
        assert!(matches!(guest.event(), Event::Signal(info) if info.signal == libc::SIGTRAP));
        assert_eq!(guest.context.registers().unwrap().pc, CODE + step);
    }
}
