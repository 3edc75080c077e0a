//! An address space where real instructions run.

use std::cell::RefCell;
use std::fmt;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;

use memmap::{AddressSpace, File, FileRange};
use platform::ptrace::PtracePlatform;
use platform::{Context, Event, FaultInfo, Platform, PlatformError, Registers};
use rustix::fs::MemfdFlags;
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{AccessType, Addr, Errno};

use crate::space::Space;
use crate::window::PAGE;

/// Where the instructions are, which the memory manager knows nothing of: far from everything that
/// scripts are about, and from where mappings go that may go anywhere.
const CODE: u64 = 0x1_0000_0000;
/// Bytes from one instruction to the next.
const STEP: u64 = 16;

/// An instruction on the byte at `rdi` and `sil`, and a system call that tells that it is done.
const INSTRUCTIONS: [&[u8]; 2] = [
    // movzx esi, byte [rdi]; syscall
    &[0x0f, 0xb6, 0x37, 0x0f, 0x05],
    // mov [rdi], sil; syscall
    &[0x40, 0x88, 0x37, 0x0f, 0x05],
];

/// Where [`Registers::general`] has `rsi` and `rdi`.
const RSI: usize = 4;
const RDI: usize = 5;

/// `EFLAGS.TF`: a trap after every instruction.
const TRAP: u64 = 0x100;

/// A stub process, which runs an instruction at a time.
///
/// For the thread that made it.
pub struct StubSpace {
    context: RefCell<Box<dyn Context>>,
    space: Arc<dyn AddressSpace>,
    shared: Arc<Shared>,
}

/// What all stubs are made of.
struct Shared {
    platform: PtracePlatform,
    code: Code,
}

impl StubSpace {
    /// Starts a stub.
    ///
    /// # Errors
    /// The host's reason to refuse it; `ENOSYS` on a machine that stubs do not run on.
    pub fn new() -> Result<Self, PlatformError> {
        let platform = PtracePlatform::new()?;
        let code = Code::new()
            .map_err(|errno| PlatformError { what: "memfd_create".to_owned(), errno })?;
        Self::of(Arc::new(Shared { platform, code }))
    }

    fn of(shared: Arc<Shared>) -> Result<Self, PlatformError> {
        let space = shared.platform.new_address_space()?;
        let context = RefCell::new(shared.platform.new_context(&space)?);
        Ok(Self { context, space, shared })
    }

    fn show_code(&self) -> Result<(), PlatformError> {
        let page = FileRange::new(0, PAGE);
        let (at, access) = (Addr::new(CODE), AccessType::READ_EXECUTE);
        let shown = self.space.map_file(at, &self.shared.code, page, access, false);
        shown.map_err(|errno| PlatformError { what: "mmap in a stub".to_owned(), errno })
    }

    fn run(
        &self,
        addr: Addr,
        access: AccessType,
        byte: &mut u8,
    ) -> Result<Result<(), FaultInfo>, PlatformError> {
        let mut registers = Registers { flags: TRAP, pc: addr.get(), ..Registers::default() };
        if !access.execute() {
            registers.flags = 0;
            registers.pc = if access.write() { CODE + STEP } else { CODE };
            registers.general[RSI] = (*byte).into();
            registers.general[RDI] = addr.get();
        }
        let mut context = self.context.borrow_mut();
        context.set_registers(&registers)?;
        loop {
            match context.switch()? {
                Event::Interrupted => {}
                Event::Fault(fault) if fault.addr == fault.pc && is_code(fault.pc) => {
                    self.show_code()?;
                }
                Event::Fault(fault) if fault.addr == addr => return Ok(Err(fault)),
                Event::Syscall(call) if is_code(Addr::new(call.pc)) => {
                    *byte = call.args[1] as u8;
                    return Ok(Ok(()));
                }
                // It was fetched, whatever it then did.
                _ if access.execute() => return Ok(Ok(())),
                event => {
                    let what = format!("{access} at {addr}: {event:?}");
                    return Err(PlatformError { what, errno: Errno::EIO });
                }
            }
        }
    }
}

fn is_code(pc: Addr) -> bool {
    (CODE..CODE + PAGE).contains(&pc.get())
}

impl Space for StubSpace {
    fn name(&self) -> &'static str {
        "ptrace"
    }

    fn another(&self) -> Result<Box<dyn Space>, PlatformError> {
        Ok(Box::new(Self::of(Arc::clone(&self.shared))?))
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        Arc::clone(&self.space)
    }

    /// # Panics
    /// When the stub is gone, or does what its instructions do not say.
    fn touch(&self, addr: Addr, access: AccessType, byte: &mut u8) -> Result<(), FaultInfo> {
        self.run(addr, access, byte).unwrap_or_else(|error| panic!("the stub: {error}"))
    }
}

impl fmt::Debug for StubSpace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StubSpace").field("space", &self.space).finish_non_exhaustive()
    }
}

/// The page with the instructions.
#[derive(Debug)]
struct Code(OwnedFd);

impl Code {
    fn new() -> Result<Self, Errno> {
        let mut page = vec![0; PAGE as usize];
        for (at, instruction) in (0..).step_by(STEP as usize).zip(INSTRUCTIONS) {
            page[at..at + instruction.len()].copy_from_slice(instruction);
        }
        let errno = |errno: rustix::io::Errno| Errno::from_raw(errno.raw_os_error());
        let fd = rustix::fs::memfd_create("code", MemfdFlags::CLOEXEC).map_err(errno)?;
        rustix::io::pwrite(&fd, &page, 0).map_err(errno)?;
        Ok(Self(fd))
    }
}

/// Only the stub reaches it.
impl File for Code {
    fn inc_ref(&self, _: FileRange) {}

    fn dec_ref(&self, _: FileRange) {}

    fn has_unique_ref(&self, _: FileRange) -> bool {
        false
    }

    fn source(&self, _: FileRange) -> Result<SrcBlock<'_>, Errno> {
        Err(Errno::EIO)
    }

    fn destination(&self, _: FileRange) -> Result<DstBlock<'_>, Errno> {
        Err(Errno::EIO)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
