//! A stub process, which runs an instruction at a time.

use std::sync::Arc;

use memmap::{AddressSpace, FileRange};
use platform::ptrace::PtracePlatform;
use platform::{Context, Event, FaultInfo, Platform, Registers};
use usermem_types::{AccessType, Addr};

use super::{Access, Machine};
use crate::objects::HostPages;

/// Where the instructions are, which the memory manager knows nothing of.
const CODE: u64 = 0x7000_0000;
/// Bytes from one instruction to the next.
const STEP: u64 = 16;

/// An instruction on `[rdi]` and `rsi`, and a system call that tells that it is done.
const INSTRUCTIONS: [&[u8]; 4] = [
    // movzx esi, byte [rdi]; syscall
    &[0x0f, 0xb6, 0x37, 0x0f, 0x05],
    // mov rsi, [rdi]; syscall
    &[0x48, 0x8b, 0x37, 0x0f, 0x05],
    // mov [rdi], sil; syscall
    &[0x40, 0x88, 0x37, 0x0f, 0x05],
    // mov [rdi], rsi; syscall
    &[0x48, 0x89, 0x37, 0x0f, 0x05],
];

pub(crate) struct Ptrace {
    context: Box<dyn Context>,
    space: Arc<dyn AddressSpace>,
    code: HostPages,
}

impl Machine for Ptrace {
    const CASES: u32 = 24;

    fn new() -> Self {
        let platform = PtracePlatform::new().unwrap();
        let space = platform.new_address_space().unwrap();
        let context = platform.new_context(&space).unwrap();
        let code = HostPages::new(1);
        for (at, instruction) in (0..).step_by(STEP as usize).zip(INSTRUCTIONS) {
            code.write(at, instruction);
        }
        Self { context, space, code }
    }

    fn space(&self) -> Arc<dyn AddressSpace> {
        Arc::clone(&self.space)
    }

    fn access(&mut self, access: Access) -> Result<u64, FaultInfo> {
        let (addr, value, pc) = match access {
            Access::Load(addr) => (addr, 0, CODE),
            Access::LoadWord(addr) => (addr, 0, CODE + STEP),
            Access::Store(addr, byte) => (addr, byte.into(), CODE + 2 * STEP),
            Access::StoreWord(addr, word) => (addr, word, CODE + 3 * STEP),
            Access::Fetch(addr) => (addr, 0, addr.get()),
        };
        let mut registers = Registers { pc, ..Registers::default() };
        registers.general[4] = value;
        registers.general[5] = addr.get();
        self.context.set_registers(&registers).unwrap();
        loop {
            match self.context.switch().unwrap() {
                Event::Syscall(call) => {
                    let reads = matches!(access, Access::Load(_) | Access::LoadWord(_));
                    return Ok(if reads { call.args[1] } else { 0 });
                }
                Event::Fault(fault) if fault.addr == fault.pc && fault.pc.get() >= CODE => {
                    let page = FileRange::new(0, 4096);
                    let (at, access) = (Addr::new(CODE), AccessType::READ_EXECUTE);
                    self.space.map_file(at, &self.code, page, access, false).unwrap();
                }
                Event::Fault(fault) => return Err(fault),
                Event::Interrupted => {}
                other @ Event::Signal(_) => panic!("{access:?}: {other:?}"),
            }
        }
    }

    fn mapped_bytes(&self) -> Option<u64> {
        None
    }
}
