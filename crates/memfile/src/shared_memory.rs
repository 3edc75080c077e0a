//! The object behind shared anonymous mappings.

use std::sync::{Arc, Weak};

use memmap::{
    File, FileRange, FileRef, Mappable, MappableRange, MappedObject, MappingIdentity, MappingSpace,
    TranslateError, Translation,
};
use smallvec::{SmallVec, smallvec};
use usermem_types::{AccessType, AddrRange, Errno};

use crate::{AllocOpts, Charge, MemoryFile};

#[cfg(test)]
mod tests;

/// How far around what is required a translation reaches.
const WINDOW: u64 = 2 << 20;

/// Memory of a fixed size that is shared by everyone who maps it.
///
/// Its size is charged when it is created, and memory is put behind a page when it is first
/// touched; all of it is released when the object is dropped. Offsets into the memory file cost
/// nothing, so they are taken at once and in one piece: the host can merge every mapping of it.
/// Beyond the size, which counts in whole pages, there is nothing: [`TranslateError::BeyondEnd`].
#[derive(Debug)]
pub struct SharedMemory {
    memory: Arc<MemoryFile>,
    pages: FileRef,
    inode: u64,
    _charge: Charge,
}

impl SharedMemory {
    /// Creates `size` bytes, rounded up to whole pages, of zeroed memory.
    ///
    /// # Errors
    /// `EINVAL` when `size` is zero; `ENOMEM` when that many bytes cannot be charged or the memory
    /// file is full.
    pub fn new(memory: &Arc<MemoryFile>, size: u64) -> Result<Arc<Self>, Errno> {
        let size = memory.page_size().round_up(size).ok_or(Errno::ENOMEM)?;
        let charge = memory.charge(size)?;
        // Where a huge page of the object begins one of the file does, too.
        let opts = AllocOpts { shown_at: Some(0), ..AllocOpts::default() };
        let pages = memory.allocate(size, opts)?;
        let inode = memory.next_inode();
        Ok(Arc::new(Self { memory: Arc::clone(memory), pages, inode, _charge: charge }))
    }

    /// Returns the object as a memory manager takes it.
    #[must_use]
    pub fn into_object(self: Arc<Self>) -> MappedObject {
        MappedObject { mappable: Arc::clone(&self) as Arc<dyn Mappable>, identity: self }
    }

    /// Returns the number of bytes, in whole pages.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.pages.range().len()
    }

    /// Returns how many bytes have memory: what was touched, by anyone.
    #[must_use]
    pub fn resident_bytes(&self) -> u64 {
        self.pages.file().resident_bytes(self.pages.range(), self.memory.page_size().bytes())
    }
}

impl Mappable for SharedMemory {
    fn add_mapping(
        &self,
        _space: &Weak<dyn MappingSpace>,
        _range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) -> Result<(), Errno> {
        // Pages neither move nor vanish while someone maps the object: there is never anything
        // to tell those who do.
        Ok(())
    }

    fn remove_mapping(
        &self,
        _space: &Weak<dyn MappingSpace>,
        _range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) {
    }

    fn punch_hole(&self, range: MappableRange) -> Result<(), Errno> {
        let size = self.size();
        let first = self.pages.range().start;
        let (start, end) = (range.start.min(size), range.end.min(size));
        self.memory.decommit(FileRange::new(first + start, first + end))
    }

    fn residency(&self, range: MappableRange, present: &mut [u8]) {
        let page = self.memory.page_size().bytes();
        let size = self.size();
        let (start, end) = (range.start.min(size), range.end.min(size));
        let (inside, beyond) = present.split_at_mut(((end - start) / page) as usize);
        let first = self.pages.range().start;
        self.memory.residency(FileRange::new(first + start, first + end), inside);
        beyond.fill(0);
    }

    fn is_anonymous(&self) -> bool {
        true
    }

    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        _access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        let error = (required.end > self.size()).then_some(TranslateError::BeyondEnd);
        if required.start >= self.size() {
            return (SmallVec::new(), error);
        }
        let source = MappableRange {
            start: (required.start & !(WINDOW - 1)).max(optional.start),
            end: required
                .end
                .checked_next_multiple_of(WINDOW)
                .map_or(optional.end, |end| end.min(optional.end))
                .min(self.size()),
        };
        let first = self.pages.range().start;
        let range = FileRange::new(first + source.start, first + source.end);
        let file = FileRef::acquire(Arc::clone(self.pages.file()), range);
        (smallvec![Translation { source, file, perms: AccessType::ALL }], error)
    }
}

impl MappingIdentity for SharedMemory {
    fn name(&self) -> Vec<u8> {
        b"/dev/zero (deleted)".to_vec()
    }

    fn device(&self) -> (u32, u32) {
        (0, 1)
    }

    fn inode(&self) -> u64 {
        self.inode
    }

    fn msync(&self, _range: MappableRange) -> Result<(), Errno> {
        // There is nothing behind the memory that it could be written to.
        Ok(())
    }
}
