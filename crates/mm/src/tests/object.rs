//! An object to map, which watches its pages.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use memfile::{AllocOpts, MemoryFile};
use memmap::{
    File, FileRange, FileRef, InvalidateOpts, Mappable, MappableRange, MappedObject,
    MappingIdentity, MappingSpace, TranslateError, Translation,
};
use parking_lot::Mutex;
use platform::null::NullAddressSpace;
use safecopy::{DstBlock, SrcBlock};
use smallvec::{SmallVec, smallvec};
use usermem_types::{AccessType, AddrRange, Errno};

use crate::range::PAGE;

/// A file of pages that must not be shown any more when their last reference goes.
#[derive(Debug)]
struct WatchedFile {
    pages: FileRef,
    space: Arc<NullAddressSpace>,
    counts: Mutex<Vec<i64>>,
    shown_at: Mutex<Vec<AddrRange>>,
}

impl WatchedFile {
    fn count(&self, range: FileRange, by: i64) -> Vec<u64> {
        let first = self.pages.range().start;
        let mut counts = self.counts.lock();
        let mut gone = Vec::new();
        for offset in (range.start..range.end).step_by(PAGE as usize) {
            let count = &mut counts[((offset - first) / PAGE) as usize];
            *count += by;
            assert!(*count >= 0, "a page was released twice");
            if *count == 0 {
                gone.push(offset);
            }
        }
        gone
    }
}

impl File for WatchedFile {
    fn inc_ref(&self, range: FileRange) {
        self.count(range, 1);
    }

    fn dec_ref(&self, range: FileRange) {
        for offset in self.count(range, -1) {
            for shown in self.shown_at.lock().iter() {
                let mut at = shown.start();
                while at < shown.end() {
                    let mapped = self.space.mapping(at);
                    assert!(
                        mapped.is_none_or(|mapped| mapped.offset != offset),
                        "a page is released while it is shown at {at}"
                    );
                    at = at.checked_add(PAGE).unwrap();
                }
            }
        }
    }

    fn has_unique_ref(&self, range: FileRange) -> bool {
        let first = self.pages.range().start;
        let counts = self.counts.lock();
        (range.start..range.end)
            .step_by(PAGE as usize)
            .all(|offset| counts[((offset - first) / PAGE) as usize] == 1)
    }

    fn source(&self, range: FileRange) -> Result<SrcBlock<'_>, Errno> {
        // One page at a time: blocks are prefixes.
        let range = FileRange::new(range.start, range.end.min(range.start + PAGE));
        self.pages.file().source(range)
    }

    fn destination(&self, range: FileRange) -> Result<DstBlock<'_>, Errno> {
        let range = FileRange::new(range.start, range.end.min(range.start + PAGE));
        self.pages.file().destination(range)
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.pages.file().fd()
    }
}

/// One recorded mapping.
type Record = (AddrRange, u64, bool);

/// An object whose length can change and which may refuse to be mapped.
#[derive(Debug)]
pub(super) struct TestObject {
    file: Arc<WatchedFile>,
    size: AtomicU64,
    refusal: Mutex<Option<Errno>>,
    mappings: Mutex<Vec<Record>>,
    synced: Mutex<Vec<MappableRange>>,
    space: Mutex<Option<Weak<dyn MappingSpace>>>,
}

impl TestObject {
    pub(super) fn new(
        memory: &Arc<MemoryFile>,
        space: &Arc<NullAddressSpace>,
        size: u64,
    ) -> Arc<Self> {
        let pages = memory.allocate(size.max(64 * PAGE), AllocOpts::default()).unwrap();
        for index in 0..size / PAGE {
            let start = pages.range().start + index * PAGE;
            let dst = pages.file().destination(FileRange::new(start, start + PAGE)).unwrap();
            let bytes = vec![index as u8 + 1; PAGE as usize];
            safecopy::copy(dst, SrcBlock::from_slice(&bytes)).unwrap();
        }
        let count = pages.range().len() / PAGE;
        Arc::new(Self {
            file: Arc::new(WatchedFile {
                pages,
                space: Arc::clone(space),
                counts: Mutex::new(vec![0; count as usize]),
                shown_at: Mutex::new(Vec::new()),
            }),
            size: AtomicU64::new(size),
            refusal: Mutex::new(None),
            mappings: Mutex::new(Vec::new()),
            synced: Mutex::new(Vec::new()),
            space: Mutex::new(None),
        })
    }

    pub(super) fn object(self: &Arc<Self>) -> MappedObject {
        MappedObject { mappable: Arc::clone(self) as _, identity: Arc::clone(self) as _ }
    }

    /// Makes every later mapping fail.
    pub(super) fn refuse(&self, errno: Errno) {
        *self.refusal.lock() = Some(errno);
    }

    /// Changes the length and drops what lies beyond, private copies too.
    pub(super) fn truncate(&self, size: u64) {
        self.size.store(size, Ordering::Relaxed);
        let space = self.space.lock().as_ref().and_then(Weak::upgrade);
        let mappings = self.mappings.lock().clone();
        for (range, offset, _) in mappings {
            let cut = size.next_multiple_of(PAGE).saturating_sub(offset);
            let gone = range.drop_first(cut);
            if let Some(space) = &space {
                space.invalidate(gone, InvalidateOpts { invalidate_private: true });
            }
        }
    }

    /// Returns what is mapped: address, offset and length in pages, sorted.
    pub(super) fn mapped(&self) -> Vec<(u64, u64, u64)> {
        let mut mapped: Vec<_> = self
            .mappings
            .lock()
            .iter()
            .map(|(range, offset, _)| (range.start().get(), offset / PAGE, range.len() / PAGE))
            .collect();
        mapped.sort_unstable();
        mapped
    }

    pub(super) fn synced(&self) -> Vec<MappableRange> {
        self.synced.lock().clone()
    }

    /// Returns a byte of the object itself.
    pub(super) fn byte(&self, offset: u64) -> u8 {
        let mut byte = [0];
        let start = self.file.pages.range().start + offset / PAGE * PAGE;
        let src = self.file.source(FileRange::new(start, start + PAGE)).unwrap();
        let src = src.drop_first((offset % PAGE) as usize);
        safecopy::copy(DstBlock::from_slice(&mut byte), src).unwrap();
        byte[0]
    }
}

impl Mappable for TestObject {
    fn add_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Result<(), Errno> {
        if let Some(errno) = *self.refusal.lock() {
            return Err(errno);
        }
        *self.space.lock() = Some(Weak::clone(space));
        self.file.shown_at.lock().push(range);
        self.mappings.lock().push((range, offset, writable));
        Ok(())
    }

    fn remove_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) {
        assert!(Weak::ptr_eq(space, self.space.lock().as_ref().unwrap()));
        let mut left = range.len();
        let mut kept = Vec::new();
        for (held, held_offset, held_writable) in self.mappings.lock().drain(..) {
            let common = held.intersect(range);
            if common.is_empty() {
                kept.push((held, held_offset, held_writable));
                continue;
            }
            assert_eq!(held_writable, writable);
            let at = common.start().get();
            let shown = held_offset + (at - held.start().get());
            assert_eq!(shown, offset + (at - range.start().get()), "another offset was mapped");
            left -= common.len();
            let below = held.take_first(at - held.start().get());
            let above = held.drop_first(common.end().get() - held.start().get());
            if !below.is_empty() {
                kept.push((below, held_offset, held_writable));
            }
            if !above.is_empty() {
                kept.push((above, shown + common.len(), held_writable));
            }
        }
        assert_eq!(left, 0, "something was removed that was not mapped");
        *self.mappings.lock() = kept;
    }

    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        _access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        assert!(optional.start <= required.start && required.end <= optional.end);
        let size = self.size.load(Ordering::Relaxed).next_multiple_of(PAGE);
        let error = (required.end > size).then_some(TranslateError::BeyondEnd);
        if required.start >= size {
            return (SmallVec::new(), error);
        }
        let source = MappableRange { start: optional.start, end: optional.end.min(size) };
        let first = self.file.pages.range().start;
        let pages = FileRange::new(first + source.start, first + source.end);
        let file = FileRef::acquire(Arc::clone(&self.file) as Arc<dyn File>, pages);
        (smallvec![Translation { source, file, perms: AccessType::ALL }], error)
    }
}

impl MappingIdentity for TestObject {
    fn name(&self) -> Vec<u8> {
        b"/test/a\nb".to_vec()
    }

    fn device(&self) -> (u32, u32) {
        (8, 0x11)
    }

    fn inode(&self) -> u64 {
        42
    }

    fn msync(&self, range: MappableRange) -> Result<(), Errno> {
        self.synced.lock().push(range);
        Ok(())
    }
}
