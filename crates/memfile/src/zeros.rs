//! Pages that stay zero.

use std::sync::Arc;

use memmap::{File, FileRange, FileRef};
use parking_lot::Mutex;
use usermem_types::Errno;

use crate::{AllocOpts, Direction, MemoryFile};

/// The pages of a file that stay zero, once somebody wanted some.
#[derive(Debug, Default)]
pub(crate) struct Zeros(Mutex<Option<FileRange>>);

impl MemoryFile {
    /// How many bytes of zeros there are, and the most memory that they take.
    pub const ZEROS: u64 = 2 << 20;

    /// Returns `len` bytes, a multiple of the page size, at `offset` of the [`ZEROS`](Self::ZEROS):
    /// pages that everybody shares who only reads, and that stay allocated as long as the file.
    ///
    /// Nobody may write to them: whoever shows them grants no write access.
    ///
    /// # Errors
    /// `ENOMEM` when the file is full or the host has no memory.
    ///
    /// # Panics
    /// When the range does not lie within the zeros.
    pub fn zeros(self: &Arc<Self>, offset: u64, len: u64) -> Result<FileRef, Errno> {
        let fits = offset.checked_add(len).is_some_and(|end| end <= Self::ZEROS);
        assert!(fits, "{len} bytes at {offset} of {} zero bytes", Self::ZEROS);
        let mut zeros = self.zeros.0.lock();
        let all = match *zeros {
            Some(all) => all,
            None => *zeros.insert(self.reserve_zeros()?),
        };
        drop(zeros);
        let range = FileRange::new(all.start + offset, all.start + offset + len);
        Ok(FileRef::acquire(Arc::clone(self) as Arc<dyn File>, range))
    }

    /// Returns whether a range is one of [`zeros`](Self::zeros).
    #[must_use]
    pub fn are_zeros(&self, range: FileRange) -> bool {
        let zeros = *self.zeros.0.lock();
        zeros.is_some_and(|all| all.start <= range.start && range.end <= all.end)
    }

    /// Allocates the pages with a reference that is never given back.
    fn reserve_zeros(&self) -> Result<FileRange, Errno> {
        let opts = AllocOpts { direction: Direction::BottomUp, ..AllocOpts::default() };
        let wanted = self.wanted(Self::ZEROS, opts);
        self.pages.take(wanted, false, &self.region).map(|(range, _)| range)
    }
}

#[cfg(test)]
mod tests {
    use memmap::File as _;

    use super::*;
    use crate::MemoryFileOptions;

    /// Makes a file of little enough address space for emulators.
    fn file() -> Arc<MemoryFile> {
        let options =
            MemoryFileOptions { reservation: 64 * MemoryFile::ZEROS, ..Default::default() };
        MemoryFile::new(options).unwrap()
    }

    #[test]
    fn zeros_are_shared_and_never_freed() {
        let memory = file();
        let page = memory.page_size().bytes();
        let (one, same) = (memory.zeros(page, page).unwrap(), memory.zeros(page, page).unwrap());
        assert_eq!(one.range(), same.range());
        let next = memory.zeros(2 * page, page).unwrap();
        assert_eq!(next.range().start, one.range().end);
        let range = one.range();
        assert!(memory.are_zeros(range) && !memory.has_unique_ref(range));
        drop((one, same, next));
        assert_eq!(memory.allocated_bytes(), 0);
        // Nobody else gets them, and whoever held the last reference was not their owner.
        assert!(memory.has_unique_ref(range));
        let other = memory.allocate(8 * MemoryFile::ZEROS, AllocOpts::default()).unwrap();
        assert!(other.range().end <= range.start || range.end <= other.range().start);
        assert!(!memory.are_zeros(other.range()));
        assert_eq!(memory.zeros(page, page).unwrap().range(), range);
    }

    #[test]
    #[should_panic(expected = "4096 bytes at 2097152 of 2097152 zero bytes")]
    fn there_are_no_zeros_beyond_the_last() {
        let memory = file();
        let _ = memory.zeros(MemoryFile::ZEROS, 4096);
    }
}
