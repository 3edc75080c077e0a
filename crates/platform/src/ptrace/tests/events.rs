//! What the application does and what is seen of it.

use usermem_types::{AccessType, Addr, Errno};

use super::guest::{CODE, DATA, Guest, Reg, SPIN, STACK_END, SYSCALL, code, eax, mov};
use crate::{Arch, Event, FaultInfo, SignalInfo, SyscallInfo};

#[test]
fn a_system_call_arrives_with_its_arguments_and_takes_its_result() {
    let args = [0x1111_2222_3333_4444, 2, u64::MAX, 4, 1 << 63, 6];
    let [a, b, c, d, e, f] = args;
    let mut guest = Guest::new(&code(&[
        &mov(Reg::Rdi, a),
        &mov(Reg::Rsi, b),
        &mov(Reg::Rdx, c),
        &mov(Reg::R10, d),
        &mov(Reg::R8, e),
        &mov(Reg::R9, f),
        &eax(39),
        SYSCALL,
        // mov rdi, rax; mov eax, 60
        &[0x48, 0x89, 0xc7],
        &eax(60),
        SYSCALL,
    ]));
    let pc = CODE + 60 + 5 + 2;
    let sp = STACK_END - 16;
    let expected = SyscallInfo { nr: 39, args, pc, sp, arch: Arch::Native };
    assert_eq!(guest.event(), Event::Syscall(expected));
    guest.context.set_syscall_result(0xdead_beef_0042_4242);
    assert_eq!(guest.serve(60, 0).args[0], 0xdead_beef_0042_4242);
}

#[test]
fn ten_thousand_calls_return_their_own_results() {
    // 1: mov eax, 39; syscall; mov rdi, rax; jmp 1b
    let looped = code(&[&eax(39), SYSCALL, &[0x48, 0x89, 0xc7, 0xeb, 0xf4]]);
    let mut guest = Guest::new(&looped);
    for round in 0..10_000u64 {
        let info = guest.serve(39, round + 1);
        assert_eq!(info.args[0], round);
    }
}

#[test]
fn numbers_that_no_call_has_arrive_whole() {
    let mut guest = Guest::new(&code(&[
        &mov(Reg::Rax, u64::MAX),
        SYSCALL,
        // The x32 bit.
        &eax(0x4000_0027),
        SYSCALL,
    ]));
    let info = guest.syscall();
    assert_eq!((info.nr, info.arch), (u64::MAX, Arch::Native));
    guest.context.set_syscall_result(Errno::ENOSYS.to_return());
    guest.serve(0x4000_0027, 0);
}

#[test]
fn a_32_bit_call_is_told_from_a_native_one() {
    // mov eax, 20; mov ebx, 7; int 0x80; mov edi, eax; then native
    let mut guest = Guest::new(&code(&[
        &eax(20),
        &[0xbb, 7, 0, 0, 0, 0xcd, 0x80, 0x89, 0xc7],
        &eax(39),
        SYSCALL,
    ]));
    match guest.event() {
        Event::Syscall(info) => {
            assert_eq!((info.nr, info.args[0], info.arch), (20, 7, Arch::Compat));
            assert_eq!(info.pc, CODE + 12);
            guest.context.set_syscall_result(55);
            assert_eq!(guest.serve(39, 0).args[0], 55);
        }
        // A host without 32-bit calls raises a protection fault.
        Event::Signal(info) => assert_eq!((info.signal, info.code), (libc::SIGSEGV, 0x80)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_call_into_the_vsyscall_page_is_a_fault_there() {
    for (entry, is_after_a_change) in
        [0, 0x400, 0x800].into_iter().flat_map(|entry| [(entry, false), (entry, true)])
    {
        let target = 0xffff_ffff_ff60_0000 + entry;
        // mov rax, target; call rax
        let mut guest = Guest::new(&code(&[&mov(Reg::Rax, target), &[0xff, 0xd0], SPIN]));
        if is_after_a_change {
            guest.file.is_always_mapped = true;
            guest.map(DATA, 2, AccessType::READ).unwrap();
        }
        let at = Addr::new(target);
        let fault = guest.fault();
        assert_eq!((fault.addr, fault.pc, fault.maybe_execute), (at, at, true));
        assert_eq!(fault.sp, Addr::new(STACK_END - 24));
        // The return address is on the stack, as after the call instruction.
        assert_eq!(guest.file.read::<8>(2 * 4096 - 24), (CODE + 12).to_le_bytes());
    }
}

#[test]
fn an_access_faults_until_the_page_is_mapped() {
    // mov rax, [rdi]; mov rdi, rax; mov eax, 1; syscall
    let mut guest = Guest::new(&code(&[
        &mov(Reg::Rdi, DATA + 8),
        &[0x48, 0x8b, 0x07, 0x48, 0x89, 0xc7],
        &eax(1),
        SYSCALL,
    ]));
    guest.file.write(3 * 4096 + 8, &77u64.to_le_bytes());
    let fault = FaultInfo {
        addr: Addr::new(DATA + 8),
        denied: false,
        maybe_execute: false,
        bus: false,
        pc: Addr::new(CODE + 10),
        sp: Addr::new(STACK_END - 16),
    };
    assert_eq!(guest.event(), Event::Fault(fault));
    assert_eq!(guest.event(), Event::Fault(fault), "nothing was mapped");
    guest.map(DATA, 3, AccessType::READ).unwrap();
    assert_eq!(guest.serve(1, 0).args[0], 77);
}

#[test]
fn a_write_to_a_page_for_reading_is_denied() {
    // mov byte ptr [rdi], 1; syscall
    let mut guest =
        Guest::new(&code(&[&mov(Reg::Rdi, DATA + 5), &[0xc6, 0x07, 9], &eax(1), SYSCALL]));
    guest.map(DATA, 3, AccessType::READ).unwrap();
    let fault = guest.fault();
    assert_eq!((fault.addr, fault.denied, fault.bus), (Addr::new(DATA + 5), true, false));
    guest.map(DATA, 3, AccessType::READ_WRITE).unwrap();
    guest.serve(1, 0);
    assert_eq!(guest.file.read::<1>(3 * 4096 + 5), [9]);
}

#[test]
fn a_page_beyond_the_end_of_its_file_is_a_bus_error() {
    let mut guest = Guest::new(&code(&[&mov(Reg::Rdi, DATA), &[0x48, 0x8b, 0x07]]));
    guest.map(DATA, 16, AccessType::READ).unwrap();
    let fault = guest.fault();
    assert_eq!((fault.addr, fault.bus), (Addr::new(DATA), true));
}

#[test]
fn an_instruction_that_reaches_into_a_missing_page_may_be_an_execute() {
    let mut guest = Guest::new(&code(&[&mov(Reg::Rax, DATA + 0xffe), &[0xff, 0xe0]]));
    // movabs rax, … with its last 8 bytes on the next page.
    guest.file.write(3 * 4096 + 0xffe, &[0x48, 0xb8]);
    let fault = guest.fault();
    assert_eq!((fault.addr, fault.pc), (Addr::new(DATA + 0xffe), Addr::new(DATA + 0xffe)));
    assert!(fault.maybe_execute);
    guest.map(DATA, 3, AccessType::READ_EXECUTE).unwrap();
    let fault = guest.fault();
    assert_eq!((fault.addr, fault.pc), (Addr::new(DATA + 0x1000), Addr::new(DATA + 0xffe)));
    assert!(fault.maybe_execute);
}

#[test]
fn pitfall_03_non_canonical_address() {
    let mut guest = Guest::new(&code(&[&mov(Reg::Rdi, 1 << 47), &[0x48, 0x8b, 0x07]]));
    let info = SignalInfo { signal: libc::SIGSEGV, code: 0x80, addr: 0 };
    assert_eq!(guest.event(), Event::Signal(info));
    // An address of the kernel's is an ordinary fault.
    let mut guest = Guest::new(&code(&[&mov(Reg::Rdi, u64::MAX - 4095), &[0x48, 0x8b, 0x07]]));
    assert_eq!(guest.fault().addr, Addr::new(u64::MAX - 4095));
}

#[test]
fn synchronous_signals_carry_code_and_address() {
    for (instructions, signal, code, addr) in [
        // ud2
        (&[0x0f, 0x0b][..], libc::SIGILL, 2, CODE),
        // xor edx, edx; xor ecx, ecx; div ecx
        (&[0x31, 0xd2, 0x31, 0xc9, 0xf7, 0xf1], libc::SIGFPE, 1, CODE + 4),
        // int3
        (&[0xcc], libc::SIGTRAP, 0x80, 0),
        // hlt
        (&[0xf4], libc::SIGSEGV, 0x80, 0),
    ] {
        let mut guest = Guest::new(instructions);
        let info = SignalInfo { signal, code, addr };
        assert_eq!(guest.event(), Event::Signal(info), "{instructions:x?}");
    }
}
