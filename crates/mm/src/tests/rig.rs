//! A memory manager to try things on.

use std::sync::Arc;

use memfile::{MemoryFile, MemoryFileOptions};
use platform::SoftCpu;
use platform::null::NullAddressSpace;
use rangeset::{KeyRange, Label as _};
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr, Errno, Fault, Partial};

use super::object::TestObject;
use crate::fast::Translation;
use crate::range::PAGE;
use crate::{MemoryManager, MmapFlags, MmapRequest, UserFault};

/// Where tests map things.
pub(super) const BASE: u64 = 0x1000_0000;

pub(super) const RW: AccessType = AccessType::READ_WRITE;
pub(super) const R: AccessType = AccessType::READ;
pub(super) const NONE: AccessType = AccessType::NONE;
pub(super) const RX: AccessType = AccessType::READ_EXECUTE;
pub(super) const CHECKED: IoOpts = IoOpts::CHECKED;
pub(super) const POKE: IoOpts = IoOpts::IGNORE_PERMISSIONS;

pub(super) struct Rig {
    pub(super) mm: Arc<MemoryManager>,
    pub(super) space: Arc<NullAddressSpace>,
    pub(super) memory: Arc<MemoryFile>,
}

/// Returns the address of a page of the tests' window.
pub(super) fn page(index: u64) -> Addr {
    Addr::new(BASE + index * PAGE)
}

impl Rig {
    pub(super) fn new() -> Self {
        Self::with_limit(None)
    }

    pub(super) fn with_limit(limit: Option<u64>) -> Self {
        let options =
            MemoryFileOptions { limit, reservation: 1 << 28, ..MemoryFileOptions::default() };
        let memory = MemoryFile::new(options).unwrap();
        let space = Arc::new(NullAddressSpace::new());
        let mm = MemoryManager::new(Arc::clone(&space) as _, Arc::clone(&memory));
        Self { mm, space, memory }
    }

    /// Maps private zeroed memory at page `index` of the window.
    #[track_caller]
    pub(super) fn map(&self, index: u64, pages: u64, access: AccessType) -> Addr {
        self.map_with(index, pages, access, MmapFlags::PRIVATE)
    }

    /// Maps zeroed memory, private or shared.
    #[track_caller]
    pub(super) fn map_with(
        &self,
        index: u64,
        pages: u64,
        access: AccessType,
        flags: MmapFlags,
    ) -> Addr {
        let request = MmapRequest {
            flags: flags | MmapFlags::FIXED | MmapFlags::ANONYMOUS,
            ..MmapRequest::anonymous(page(index), pages * PAGE, access, MmapFlags::empty())
        };
        let private = flags & MmapFlags::SHARED_VALIDATE;
        let request = MmapRequest {
            flags: (request.flags - MmapFlags::SHARED_VALIDATE) | private,
            ..request
        };
        self.mm.mmap(request).unwrap()
    }

    /// Maps an object at page `index` of the window.
    pub(super) fn map_object(
        &self,
        object: &Arc<TestObject>,
        index: u64,
        pages: u64,
        access: AccessType,
        flags: MmapFlags,
    ) -> Result<Addr, Errno> {
        self.mm.mmap(MmapRequest {
            addr: page(index),
            len: pages * PAGE,
            access,
            max_access: AccessType::ALL,
            flags: flags | MmapFlags::FIXED,
            offset: 0,
            object: Some(object.object()),
        })
    }

    /// Makes an object of so many bytes whose bytes are the numbers of their pages plus one.
    pub(super) fn object(&self, bytes: u64) -> Arc<TestObject> {
        TestObject::new(&self.memory, &self.space, bytes)
    }

    pub(super) fn cpu(&self) -> SoftCpu<'_, NullAddressSpace> {
        let mut cpu = SoftCpu::new(&*self.space);
        cpu.pc = Addr::new(0x4242_4240);
        cpu
    }

    fn retry<T>(&self, run: impl Fn() -> Result<T, platform::FaultInfo>) -> Result<T, UserFault> {
        for _ in 0..100 {
            match run() {
                Ok(value) => return Ok(value),
                Err(fault) => self.mm.handle_user_fault(&fault)?,
            }
        }
        panic!("the same access faults for ever");
    }

    /// Stores as the program does.
    pub(super) fn store(&self, addr: Addr, bytes: &[u8]) -> Result<(), UserFault> {
        self.retry(|| self.cpu().store(addr, bytes))
    }

    /// Loads a byte as the program does.
    pub(super) fn load(&self, addr: Addr) -> Result<u8, UserFault> {
        self.retry(|| {
            let mut byte = [0];
            self.cpu().load(addr, &mut byte).map(|()| byte[0])
        })
    }

    /// Fetches an instruction byte as the program does.
    pub(super) fn fetch(&self, addr: Addr) -> Result<u8, UserFault> {
        self.retry(|| {
            let mut byte = [0];
            self.cpu().fetch(addr, &mut byte).map(|()| byte[0])
        })
    }

    /// Reads a byte as the kernel does.
    pub(super) fn peek(&self, addr: Addr) -> Result<u8, Partial<Fault>> {
        let mut byte = [0];
        self.mm.copy_in(addr, &mut byte, CHECKED).map(|_| byte[0])
    }

    /// Returns the mappings of the tests' window as `pages:protections` words.
    pub(super) fn shape(&self) -> String {
        let mapping = self.mm.mapping.read();
        let window = KeyRange::new(BASE, BASE + (1 << 28));
        let words = mapping.vmas.iter_in(window).map(|(range, vma)| {
            let (start, end) = ((range.start - BASE) / PAGE, (range.end - BASE) / PAGE);
            format!("{start}-{end}:{}", vma.real)
        });
        words.collect::<Vec<_>>().join(" ")
    }

    /// Checks every invariant between vmas, pmas, counters and the address space.
    #[track_caller]
    pub(super) fn check(&self) {
        let mapping = self.mm.mapping.read();
        mapping.check();
        let active = self.mm.active.read();
        let mut shown = 0;
        for (range, pma) in active.pmas.iter() {
            assert_eq!(pma.file.range().len(), range.len());
            assert_eq!(mapping.vmas.span_in(range), range.len(), "a pma without a vma");
            for (_, vma) in mapping.vmas.iter_in(range) {
                assert!(vma.effective().superset_of(pma.effective));
                assert!(vma.max.superset_of(pma.max));
            }
            assert!(!pma.need_cow || !pma.max.write());
            for addr in [range.start, range.end - 1] {
                let label = active.pmas.label(addr).copied();
                assert_eq!(label, Some(Translation::new(range, pma)), "stale at {addr:#x}");
            }
            for index in 0..range.len() / PAGE {
                let at = Addr::new(range.start + index * PAGE);
                if let Some(mapped) = self.space.mapping(at) {
                    assert_eq!(mapped.offset, pma.file.range().start + index * PAGE, "stale {at}");
                    assert!(pma.effective.superset_of(mapped.access), "too much at {at}");
                    shown += PAGE;
                }
            }
        }
        assert_eq!(self.space.mapped_bytes(), shown, "something is shown that is not there");
    }
}
