//! What the application's registers look like, and that nobody else changes them.

use usermem_types::{AccessType, Errno};

use super::guest::{CODE, DATA, Guest, Reg, STACK_END, SYSCALL, code, eax, mov};
use crate::{Event, Registers};

fn distinct() -> Registers {
    let mut registers = Registers { pc: CODE, sp: STACK_END - 64, ..Registers::default() };
    for (index, value) in (1u64..).zip(&mut registers.general[..15]) {
        *value = index << 40 | index;
    }
    registers.flags = 0x202 | 0x8d5;
    registers.tls = 0x1234_5000;
    registers.gs_base = 0x7eee_0000_1000;
    registers
}

#[test]
fn registers_survive_injected_calls() {
    // mov eax, 39; syscall
    let mut guest = Guest::new(&code(&[&eax(39), SYSCALL, SYSCALL]));
    let mut expected = distinct();
    guest.context.set_registers(&expected).unwrap();
    guest.map(DATA, 2, AccessType::READ).unwrap();
    assert_eq!(guest.context.registers(), Ok(expected));
    guest.syscall();
    guest.map(DATA + 0x1000, 2, AccessType::READ).unwrap();
    guest.context.set_syscall_result(99);
    guest.unmap(DATA, DATA + 0x1000);
    // The call instruction leaves the next address in rcx and the flags in r11.
    expected.general[0] = 99;
    expected.general[2] = CODE + 7;
    expected.general[10] = expected.flags;
    expected.pc = CODE + 7;
    assert_eq!(guest.context.registers(), Ok(expected));
    let info = guest.syscall();
    assert_eq!(info.nr, 99);
    assert_eq!(info.args, [6, 5, 4, 10, 8, 9].map(|n: u64| n << 40 | n));
}

#[test]
fn registers_survive_a_fault_and_its_mapping() {
    // mov rax, [rip + far]: at DATA
    let displacement = i32::try_from(DATA - CODE - 7).unwrap().to_le_bytes();
    let mut guest = Guest::new(&code(&[&[0x48, 0x8b, 0x05], &displacement, SYSCALL]));
    let mut expected = distinct();
    guest.context.set_registers(&expected).unwrap();
    guest.fault();
    guest.file.write(4 * 4096, &0x51u64.to_le_bytes());
    guest.map(DATA, 4, AccessType::READ).unwrap();
    // The processor sets the resume flag at a fault.
    let flags = expected.flags;
    expected.flags |= 0x1_0000;
    assert_eq!(guest.context.registers(), Ok(expected));
    expected.flags = flags;
    assert_eq!(guest.syscall().nr, 0x51);
    guest.context.set_syscall_result(0x51);
    expected.general[0] = 0x51;
    expected.general[2] = CODE + 9;
    expected.general[10] = expected.flags;
    expected.pc = CODE + 9;
    assert_eq!(guest.context.registers(), Ok(expected));
}

#[test]
fn vector_state_stays_in_the_stub() {
    // movq xmm0, rax; movq xmm15, rax; ldmxcsr [rsp]; syscall;
    // movq rdi, xmm0; movq rsi, xmm15; stmxcsr [rsp + 4]; mov edx, [rsp + 4]; syscall
    let mut guest = Guest::new(&code(&[
        &mov(Reg::Rax, 0x0123_4567_89ab_cdef),
        &[0x66, 0x48, 0x0f, 0x6e, 0xc0],
        &[0x66, 0x4c, 0x0f, 0x6e, 0xf8],
        &[0xc7, 0x04, 0x24, 0x80, 0x3f, 0, 0],
        &[0x0f, 0xae, 0x14, 0x24],
        SYSCALL,
        &[0x66, 0x48, 0x0f, 0x7e, 0xc7],
        &[0x66, 0x4c, 0x0f, 0x7e, 0xfe],
        &[0x0f, 0xae, 0x5c, 0x24, 0x04],
        &[0x8b, 0x54, 0x24, 0x04],
        SYSCALL,
    ]));
    guest.syscall();
    for page in 0..8 {
        guest.map(DATA + page * 0x2000, 2, AccessType::READ).unwrap();
    }
    guest.unmap(DATA, DATA + 0x10000);
    guest.context.set_syscall_result(0);
    let info = guest.syscall();
    assert_eq!(info.args[..3], [0x0123_4567_89ab_cdef, 0x0123_4567_89ab_cdef, 0x3f80]);
}

#[test]
fn vector_state_can_be_read_and_replaced() {
    // movq xmm0, rax; syscall; movq rdi, xmm0; syscall
    let mut guest = Guest::new(&code(&[
        &mov(Reg::Rax, 0x0123_4567_89ab_cdef),
        &[0x66, 0x48, 0x0f, 0x6e, 0xc0],
        SYSCALL,
        &[0x66, 0x48, 0x0f, 0x7e, 0xc7],
        SYSCALL,
    ]));
    guest.syscall();
    let mut state = guest.context.extended_state().unwrap();
    // xmm0 lies at byte 160 and MXCSR at byte 24 of what fxsave writes.
    assert_eq!(state[160..168], 0x0123_4567_89ab_cdefu64.to_le_bytes());
    state[160..168].copy_from_slice(&7u64.to_le_bytes());
    guest.context.set_extended_state(&state).unwrap();
    for bad in [&[][..], &state[..100], &[0xff; 64]] {
        assert!(guest.context.set_extended_state(bad).is_err());
    }
    state[24..28].fill(0xff);
    assert_eq!(guest.context.set_extended_state(&state).unwrap_err().errno, Errno::EINVAL);
    assert_eq!(guest.syscall().args[0], 7);
}

#[test]
fn the_thread_pointer_is_the_base_of_fs() {
    // mov rdi, fs:[8]; syscall
    let mut guest = Guest::new(&code(&[&[0x64, 0x48, 0x8b, 0x3c, 0x25, 8, 0, 0, 0], SYSCALL]));
    guest.map(DATA, 3, AccessType::READ).unwrap();
    guest.file.write(3 * 4096 + 8, &0x77u64.to_le_bytes());
    guest.context.set_tls(DATA).unwrap();
    assert_eq!(guest.syscall().args[0], 0x77);
    assert_eq!(guest.context.tls(), Ok(DATA));
}

/// Values that the host refuses for another process's registers do no harm, whether they come
/// from the layer above or from the program itself.
#[test]
fn wild_registers_are_tamed() {
    // mov ds, eax; wrgsbase rdi; syscall; syscall
    let mut guest = Guest::new(&code(&[
        &eax(1),
        &[0x8e, 0xd8],
        &mov(Reg::Rdi, 0xffff_8000_0000_0000),
        &[0xf3, 0x48, 0x0f, 0xae, 0xdf],
        SYSCALL,
        &mov(Reg::Rax, 3),
        SYSCALL,
    ]));
    let mut event = guest.event();
    if let Event::Signal(info) = event {
        // A processor or host without the instruction.
        assert_eq!(info.signal, libc::SIGILL);
        let mut registers = guest.context.registers().unwrap();
        registers.pc += 5;
        guest.context.set_registers(&registers).unwrap();
        event = guest.event();
    }
    assert!(matches!(event, Event::Syscall(info) if info.nr == 1), "{event:?}");
    guest.map(DATA, 2, AccessType::READ).unwrap();
    guest.serve(3, 0);

    let wild = Registers {
        general: [u64::MAX; 31],
        pc: 1 << 47,
        sp: 1 << 63,
        flags: !0x100,
        tls: u64::MAX,
        gs_base: 1 << 63,
    };
    guest.context.set_registers(&wild).unwrap();
    match guest.event() {
        Event::Signal(info) => assert_eq!(info.signal, libc::SIGSEGV),
        Event::Fault(info) => assert_eq!(info.addr.get(), 1 << 47),
        other => panic!("{other:?}"),
    }
}

/// A result that looks like the kernel's own "restart this call" is a number like any other.
#[test]
fn no_call_is_restarted_by_the_host() {
    for restart in [-512i64, -513, -514, -516] {
        // syscall; mov rdi, rax; mov eax, 60; syscall
        let mut guest =
            Guest::new(&code(&[&eax(39), SYSCALL, &[0x48, 0x89, 0xc7], &eax(60), SYSCALL]));
        guest.syscall();
        guest.context.set_syscall_result(restart.cast_unsigned());
        // A signal that is waiting makes the host look for calls to restart.
        crate::ptrace::sys::kick(crate::ptrace::sys::Pid(guest.pid()));
        assert_eq!(guest.serve(60, 0).args[0], restart.cast_unsigned());
    }
}
