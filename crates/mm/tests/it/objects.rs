//! What tests map.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use memfile::{AllocOpts, MemoryFile};
use memmap::{
    File, FileRange, FileRef, InvalidateOpts, Mappable, MappableRange, MappedObject,
    MappingIdentity, MappingSet, MappingSpace, TranslateError, Translation,
};
use parking_lot::Mutex;
use rustix::fs::{MemfdFlags, Mode, OFlags};
use safecopy::{DstBlock, SrcBlock};
use smallvec::{SmallVec, smallvec};
use usermem_types::{AccessType, AddrRange, Errno};

const PAGE: u64 = 4096;

/// Pages of a host file that is not the memory file: only the program can reach them.
#[derive(Debug)]
pub(crate) struct HostPages(OwnedFd);

impl HostPages {
    pub(crate) fn new(pages: u64) -> Self {
        let fd = rustix::fs::memfd_create("pages", MemfdFlags::CLOEXEC).unwrap();
        rustix::fs::ftruncate(&fd, pages * PAGE).unwrap();
        Self(fd)
    }

    /// Something that no address space can map.
    pub(crate) fn folder() -> Self {
        let flags = OFlags::RDONLY | OFlags::CLOEXEC;
        Self(rustix::fs::open("/", flags, Mode::empty()).unwrap())
    }

    pub(crate) fn write(&self, offset: u64, bytes: &[u8]) {
        assert_eq!(rustix::io::pwrite(&self.0, bytes, offset), Ok(bytes.len()));
    }

    pub(crate) fn truncate(&self, bytes: u64) {
        rustix::fs::ftruncate(&self.0, bytes).unwrap();
    }
}

impl File for HostPages {
    fn inc_ref(&self, _range: FileRange) {}

    fn dec_ref(&self, _range: FileRange) {}

    fn has_unique_ref(&self, _range: FileRange) -> bool {
        false
    }

    fn source(&self, _range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        Err(Errno::EIO)
    }

    fn destination(&self, _range: FileRange) -> Result<DstBlock<'_>, Errno> {
        Err(Errno::EIO)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// An object of changing length, which tells those who map it.
#[derive(Debug)]
pub(crate) struct Object {
    pages: FileRef,
    size: AtomicU64,
    mappings: Mutex<MappingSet>,
}

impl Object {
    /// Makes an object of the memory file's pages, whose bytes are the numbers of their pages plus
    /// one.
    pub(crate) fn numbered(memory: &Arc<MemoryFile>, pages: u64) -> Arc<Self> {
        let file = memory.allocate(pages * PAGE, AllocOpts::default()).unwrap();
        for index in 0..pages {
            let start = file.range().start + index * PAGE;
            let dst = file.file().destination(FileRange::new(start, start + PAGE)).unwrap();
            let bytes = [u8::try_from(index + 1).unwrap(); PAGE as usize];
            safecopy::copy(dst, SrcBlock::from_slice(&bytes)).unwrap();
        }
        Self::new(file)
    }

    /// Makes an object of the memory file's pages that nobody has touched.
    pub(crate) fn empty(memory: &Arc<MemoryFile>, pages: u64) -> Arc<Self> {
        Self::new(memory.allocate(pages * PAGE, AllocOpts::default()).unwrap())
    }

    /// Makes an object of a host file's pages.
    pub(crate) fn of_host(file: &Arc<HostPages>, pages: u64) -> Arc<Self> {
        Self::new(FileRef::acquire(Arc::clone(file) as _, FileRange::new(0, pages * PAGE)))
    }

    fn new(pages: FileRef) -> Arc<Self> {
        let size = AtomicU64::new(pages.range().len());
        Arc::new(Self { pages, size, mappings: Mutex::default() })
    }

    pub(crate) fn object(self: &Arc<Self>) -> MappedObject {
        MappedObject { mappable: Arc::clone(self) as _, identity: Arc::clone(self) as _ }
    }

    /// Changes the length and drops what lies beyond, private copies too.
    pub(crate) fn truncate(&self, pages: u64) {
        self.size.store(pages * PAGE, Ordering::Relaxed);
        let gone = MappableRange { start: pages * PAGE, end: self.pages.range().len() };
        self.mappings.lock().invalidate(gone, InvalidateOpts { invalidate_private: true });
    }

    /// Drops all translations; they can be had again.
    pub(crate) fn forget_translations(&self) {
        self.mappings.lock().invalidate_all(InvalidateOpts { invalidate_private: false });
    }

    /// Returns a byte of the object itself.
    pub(crate) fn byte(&self, offset: u64) -> u8 {
        let mut byte = [0];
        let start = self.pages.range().start + offset;
        let page = FileRange::new(start - start % PAGE, start - start % PAGE + PAGE);
        let src = self.pages.file().source(page).unwrap().drop_first((start % PAGE) as usize);
        safecopy::copy(DstBlock::from_slice(&mut byte), src).unwrap();
        byte[0]
    }

    pub(crate) fn is_mapped(&self) -> bool {
        !self.mappings.lock().is_empty()
    }
}

impl Mappable for Object {
    fn add_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Result<(), Errno> {
        self.mappings.lock().add(space, range, offset, writable);
        Ok(())
    }

    fn remove_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) {
        self.mappings.lock().remove(space, range, offset, writable);
    }

    fn residency(&self, range: MappableRange, present: &mut [u8]) {
        let first = self.pages.range().start;
        let pages = FileRange::new(first + range.start, first + range.end);
        self.pages.file().residency(pages, present);
    }

    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        _access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        let size = self.size.load(Ordering::Relaxed);
        let error = (required.end > size).then_some(TranslateError::BeyondEnd);
        if required.start >= size {
            return (SmallVec::new(), error);
        }
        let source = MappableRange { start: optional.start, end: optional.end.min(size) };
        let first = self.pages.range().start;
        let pages = FileRange::new(first + source.start, first + source.end);
        let file = FileRef::acquire(Arc::clone(self.pages.file()), pages);
        (smallvec![Translation { source, file, perms: AccessType::ALL }], error)
    }
}

impl MappingIdentity for Object {
    fn name(&self) -> Vec<u8> {
        b"/test/object".to_vec()
    }

    fn device(&self) -> (u32, u32) {
        (0, 1)
    }

    fn inode(&self) -> u64 {
        1
    }

    fn msync(&self, _range: MappableRange) -> Result<(), Errno> {
        Ok(())
    }
}
