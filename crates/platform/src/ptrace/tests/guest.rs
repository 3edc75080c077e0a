//! A program of a few instructions, its address space and its context.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use memmap::{AddressSpace, FileRange};
use usermem_types::{AccessType, Addr, AddrRange, Errno};

use crate::ptrace::PtracePlatform;
use crate::test_file::TestFile;
use crate::{Arch, Context, Event, FaultInfo, Platform, Registers, SyscallInfo};

/// Where the first page of the file is mapped, for execution.
pub(super) const CODE: u64 = 0x40_0000;
/// Where the second page of the file is mapped, for reading and writing.
pub(super) const STACK: u64 = 0x70_0000;
/// The end of the stack page.
pub(super) const STACK_END: u64 = STACK + 0x1000;
/// Where tests map further pages.
pub(super) const DATA: u64 = 0x50_0000;

pub(super) struct Guest {
    pub(super) context: Box<dyn Context>,
    pub(super) space: Arc<dyn AddressSpace>,
    pub(super) file: TestFile,
}

impl Guest {
    /// Creates a program about to run `code`.
    pub(super) fn new(code: &[u8]) -> Self {
        let platform = PtracePlatform::new().unwrap();
        let space = platform.new_address_space().unwrap();
        let context = platform.new_context(&space).unwrap();
        let file = TestFile::new(16);
        file.write(0, code);
        let mut guest = Self { context, space, file };
        guest.map(CODE, 0, AccessType::READ_EXECUTE).unwrap();
        guest.map(STACK, 1, AccessType::READ_WRITE).unwrap();
        let start = Registers { pc: CODE, sp: STACK_END - 16, ..Registers::default() };
        guest.context.set_registers(&start).unwrap();
        guest
    }

    /// Creates a program whose pages are mapped at the last moment.
    pub(super) fn late(code: &[u8]) -> Self {
        let mut guest = Self::new(code);
        guest.file.is_always_mapped = true;
        guest
    }

    /// Maps one page of the file.
    pub(super) fn map(&self, addr: u64, page: u64, access: AccessType) -> Result<(), Errno> {
        let range = FileRange::new(page * 4096, page * 4096 + 4096);
        self.space.map_file(Addr::new(addr), &self.file, range, access, false)
    }

    pub(super) fn unmap(&self, start: u64, end: u64) {
        self.space.unmap(AddrRange::new(Addr::new(start), Addr::new(end)).unwrap());
    }

    #[track_caller]
    pub(super) fn event(&mut self) -> Event {
        self.context.switch().unwrap()
    }

    #[track_caller]
    pub(super) fn syscall(&mut self) -> SyscallInfo {
        match self.event() {
            Event::Syscall(info) => info,
            other => panic!("not a system call: {other:?}"),
        }
    }

    #[track_caller]
    pub(super) fn fault(&mut self) -> FaultInfo {
        match self.event() {
            Event::Fault(info) => info,
            other => panic!("not a fault: {other:?}"),
        }
    }

    /// Expects a native call with a number and lets it return `result`.
    #[track_caller]
    pub(super) fn serve(&mut self, nr: u64, result: u64) -> SyscallInfo {
        let info = self.syscall();
        assert_eq!((info.nr, info.arch), (nr, Arch::Native));
        self.context.set_syscall_result(result);
        info
    }

    pub(super) fn pid(&self) -> i32 {
        self.context.host_pid().unwrap()
    }
}

/// Instructions, joined.
pub(super) fn code(parts: &[&[u8]]) -> Vec<u8> {
    parts.concat()
}

/// `syscall`
pub(super) const SYSCALL: &[u8] = &[0x0f, 0x05];
/// `jmp .`
pub(super) const SPIN: &[u8] = &[0xeb, 0xfe];

/// `mov eax, value`
pub(super) fn eax(value: u32) -> Vec<u8> {
    [&[0xb8][..], &value.to_le_bytes()].concat()
}

/// `movabs register, value`
pub(super) fn mov(register: Reg, value: u64) -> Vec<u8> {
    let number = register as u8;
    [&[0x48 | number >> 3, 0xb8 | number & 7][..], &value.to_le_bytes()].concat()
}

/// Registers by the numbers of their encoding.
#[derive(Clone, Copy)]
pub(super) enum Reg {
    Rax = 0,
    Rdx = 2,
    Rsi = 6,
    Rdi = 7,
    R8 = 8,
    R9 = 9,
    R10 = 10,
}

/// How many calls programs make that others interfere with.
pub(super) const CALLS: u64 = 3000;

/// Waits until a program has made so many calls; not for ever, since it may have failed.
pub(super) fn wait_for(calls: &AtomicU64, seen: u64) {
    let begun = Instant::now();
    while calls.load(Ordering::Relaxed) < seen {
        assert!(begun.elapsed() < Duration::from_secs(60), "the program makes no call");
        thread::yield_now();
    }
}
