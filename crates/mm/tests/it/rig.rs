//! A program in an address space, with its memory manager.

use std::sync::Arc;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags, MmapRequest, UserFault};
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr, Errno, Fault, Partial};

use crate::machine::{Access, CALL, Machine};
use crate::objects::Object;

pub(crate) const PAGE: u64 = 4096;
/// Where tests map things: the start of a huge page.
const BASE: u64 = 0x100_0000;

pub(crate) const RW: AccessType = AccessType::READ_WRITE;
pub(crate) const R: AccessType = AccessType::READ;
pub(crate) const RX: AccessType = AccessType::READ_EXECUTE;
pub(crate) const NONE: AccessType = AccessType::NONE;

/// How a fault ends: signal, `si_code` and address.
pub(crate) type Signal = (i32, i32, Addr);

/// Nothing is mapped there.
pub(crate) fn unmapped(addr: Addr) -> Signal {
    (11, 1, addr)
}

/// The mapping does not allow it.
pub(crate) fn denied(addr: Addr) -> Signal {
    (11, 2, addr)
}

/// There is nothing behind the mapping.
pub(crate) fn bus(addr: Addr) -> Signal {
    (7, 2, addr)
}

pub(crate) struct Rig<M> {
    pub(crate) mm: Arc<MemoryManager>,
    pub(crate) machine: M,
    pub(crate) memory: Arc<MemoryFile>,
}

/// Returns the address of a page of the tests' window.
pub(crate) fn page(index: u64) -> Addr {
    Addr::new(BASE + index * PAGE)
}

/// Returns the address of a byte of a page of the tests' window.
pub(crate) fn byte(index: u64, offset: u64) -> Addr {
    Addr::new(BASE + index * PAGE + offset)
}

/// Makes a memory file, of little enough address space for emulators.
pub(crate) fn memory(limit: Option<u64>) -> Arc<MemoryFile> {
    let options = MemoryFileOptions { limit, reservation: 1 << 28, ..MemoryFileOptions::default() };
    MemoryFile::new(options).unwrap()
}

impl<M: Machine> Rig<M> {
    pub(crate) fn new() -> Self {
        Self::with_memory(&memory(None))
    }

    /// Makes a program whose memory is in `memory`.
    pub(crate) fn with_memory(memory: &Arc<MemoryFile>) -> Self {
        let machine = M::new();
        let mm = MemoryManager::new(machine.space(), Arc::clone(memory));
        Self { mm, machine, memory: Arc::clone(memory) }
    }

    /// Makes a child.
    pub(crate) fn fork(&self) -> Self {
        let machine = M::new();
        let mm = self.mm.fork(machine.space()).unwrap();
        Self { mm, machine, memory: Arc::clone(&self.memory) }
    }

    /// Runs an instruction of the program until it is through or gets a signal.
    #[track_caller]
    pub(crate) fn run(&mut self, access: Access) -> Result<u64, Signal> {
        for _ in 0..100 {
            match self.machine.access(access) {
                Ok(value) => return Ok(value),
                Err(fault) => self.mm.handle_user_fault(&fault).map_err(|fault| {
                    let UserFault { signal, code, addr } = fault;
                    (signal, code, addr)
                })?,
            }
        }
        panic!("the same access faults for ever: {access:?}");
    }

    /// Returns whether the program reaches a byte without any help.
    pub(crate) fn is_shown(&mut self, addr: Addr) -> bool {
        self.machine.access(Access::Load(addr)).is_ok()
    }

    #[track_caller]
    pub(crate) fn load(&mut self, addr: Addr) -> Result<u8, Signal> {
        self.run(Access::Load(addr)).map(|byte| u8::try_from(byte).unwrap())
    }

    #[track_caller]
    pub(crate) fn store(&mut self, addr: Addr, byte: u8) -> Result<(), Signal> {
        self.run(Access::Store(addr, byte)).map(drop)
    }

    #[track_caller]
    pub(crate) fn fetch(&mut self, addr: Addr) -> Result<(), Signal> {
        self.run(Access::Fetch(addr)).map(drop)
    }
}

impl<M> Rig<M> {
    /// Maps private zeroed memory at page `index` of the window.
    pub(crate) fn try_map(&self, index: u64, pages: u64, access: AccessType) -> Result<(), Errno> {
        let (addr, len) = (page(index), pages * PAGE);
        let request = MmapRequest::anonymous(addr, len, access, MmapFlags::FIXED);
        self.mm.mmap(request).map(|placed| assert_eq!(placed, addr))
    }

    /// Maps private zeroed memory at page `index` of the window.
    #[track_caller]
    pub(crate) fn map(&self, index: u64, pages: u64, access: AccessType) {
        self.try_map(index, pages, access).unwrap();
    }

    /// Maps an object from its start at page `index` of the window.
    #[track_caller]
    pub(crate) fn map_object(
        &self,
        object: &Arc<Object>,
        (index, pages): (u64, u64),
        access: AccessType,
        flags: MmapFlags,
    ) {
        let request = MmapRequest {
            addr: page(index),
            len: pages * PAGE,
            access,
            max_access: AccessType::ALL,
            flags: flags | MmapFlags::FIXED,
            offset: 0,
            object: Some(object.object()),
        };
        self.mm.mmap(request).unwrap();
    }

    #[track_caller]
    pub(crate) fn unmap(&self, index: u64, pages: u64) {
        self.mm.munmap(page(index), pages * PAGE).unwrap();
    }

    #[track_caller]
    pub(crate) fn protect(&self, index: u64, pages: u64, access: AccessType) {
        self.mm.mprotect(page(index), pages * PAGE, access.prot()).unwrap();
    }

    /// Puts there what a program can jump to.
    #[track_caller]
    pub(crate) fn write_code(&self, addr: Addr) {
        self.mm.copy_out(addr, &CALL, IoOpts::CHECKED).unwrap();
    }

    /// Reads a byte as the kernel does.
    pub(crate) fn peek(&self, addr: Addr) -> Result<u8, Partial<Fault>> {
        let mut byte = [0];
        self.mm.copy_in(addr, &mut byte, IoOpts::CHECKED).map(|_| byte[0])
    }

    /// Writes a byte as the kernel does.
    pub(crate) fn poke(&self, addr: Addr, byte: u8) -> Result<(), Partial<Fault>> {
        self.mm.copy_out(addr, &[byte], IoOpts::CHECKED).map(drop)
    }
}
