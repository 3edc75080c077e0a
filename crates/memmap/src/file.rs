//! Stores of pages, and references to ranges of them.

use std::fmt;
use std::os::fd::BorrowedFd;
use std::sync::Arc;

use safecopy::{DstBlock, SrcBlock};
use usermem_types::{Errno, MemoryType};

/// A half-open, page-aligned range `[start, end)` of offsets into a [`File`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct FileRange {
    /// The first offset.
    pub start: u64,
    /// The offset after the last one.
    pub end: u64,
}

impl FileRange {
    /// Creates a range.
    ///
    /// # Panics
    /// When `end` lies below `start`.
    #[must_use]
    pub fn new(start: u64, end: u64) -> Self {
        assert!(start <= end, "file range ends before it starts");
        Self { start, end }
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Returns whether the range holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start == self.end
    }

    /// Returns the range in pieces of `len` bytes, the last of which may be shorter.
    ///
    /// # Panics
    /// When `len` is zero.
    pub fn pieces(self, len: u64) -> impl Iterator<Item = Self> {
        assert!(len > 0, "pieces of nothing");
        let starts = (0..self.len().div_ceil(len)).map(move |nth| self.start + nth * len);
        starts.map(move |start| Self { start, end: self.end.min(start.saturating_add(len)) })
    }
}

/// A store of pages: the memory file, a host file, a device.
pub trait File: Send + Sync + fmt::Debug {
    /// Adds a reference to every page of the range.
    fn inc_ref(&self, range: FileRange);

    /// Drops a reference to every page of the range; a page without references is recycled.
    fn dec_ref(&self, range: FileRange);

    /// Returns whether exactly one reference to every page of the range exists.
    fn has_unique_ref(&self, range: FileRange) -> bool;

    /// Returns host memory that shows the range for reading: a block over a prefix of it that is
    /// not empty. The block stays valid while the pages are referenced.
    ///
    /// # Errors
    /// The host's error when the pages cannot be mapped.
    fn source(&self, range: FileRange) -> Result<SrcBlock<'_>, Errno>;

    /// Returns host memory that shows the range for writing: a block over a prefix of it that is
    /// not empty. The block stays valid while the pages are referenced.
    ///
    /// # Errors
    /// `EACCES` when the file was not opened for writing; the host's error when the pages cannot
    /// be mapped.
    fn destination(&self, range: FileRange) -> Result<DstBlock<'_>, Errno>;

    /// Returns the descriptor that shows the pages, at the offsets of their ranges, when mapped.
    fn fd(&self) -> BorrowedFd<'_>;

    /// Returns whether the host maps any range of the file with any access, as long as it has room for
    /// another mapping. An address space may then put a mapping off, until it is unmapped at the latest: the
    /// descriptor stays open for as long.
    fn is_always_mapped(&self) -> bool {
        false
    }

    /// Tells which pages of a range have memory behind them, whoever put it there: one byte for each,
    /// 1 or 0. Nothing gets memory by that. A file that cannot know says that all have.
    ///
    /// The answer is that of a moment. It is about the right pages while the caller holds a
    /// reference to them.
    fn residency(&self, range: FileRange, present: &mut [u8]) {
        let _ = range;
        present.fill(1);
    }

    /// Puts memory behind every page of a range that has none.
    ///
    /// # Errors
    /// `ENOMEM` when the host has no memory. Some pages may have got theirs.
    fn populate(&self, range: FileRange) -> Result<(), Errno> {
        let _ = range;
        Ok(())
    }

    /// Makes huge pages of the pages of a range, of which each huge one has memory somewhere.
    ///
    /// # Errors
    /// `EINVAL` when that cannot be; the host's error when it can, but not now.
    fn collapse(&self, range: FileRange) -> Result<(), Errno> {
        let _ = range;
        Err(Errno::EINVAL)
    }

    /// Returns how the pages are cached.
    fn memory_type(&self) -> MemoryType {
        MemoryType::WriteBack
    }
}

/// Pages that a count of resident ones asks about at once.
const COUNTED_PAGES: usize = 512;

impl dyn File + '_ {
    /// Returns how many bytes of a range have memory behind them, in pages of `page` bytes.
    #[must_use]
    pub fn resident_bytes(&self, range: FileRange, page: u64) -> u64 {
        let mut present = [0; COUNTED_PAGES];
        let mut count = 0;
        for piece in range.pieces(page * COUNTED_PAGES as u64) {
            let present = &mut present[..(piece.len() / page) as usize];
            self.residency(piece, present);
            count += present.iter().filter(|present| **present != 0).count();
        }
        count as u64 * page
    }
}

/// A counted reference to a range of a file: one reference to each of its pages.
///
/// Splitting and merging leave the counts as they are; cloning adds one, dropping takes one away.
/// This is the only way in which this project counts references to pages.
pub struct FileRef {
    file: Arc<dyn File>,
    range: FileRange,
}

impl FileRef {
    /// Takes over a reference that the caller already holds, as an allocation returns it.
    #[must_use]
    pub fn adopt(file: Arc<dyn File>, range: FileRange) -> Self {
        Self { file, range }
    }

    /// Creates a new reference to a range that is referenced already.
    #[must_use]
    pub fn acquire(file: Arc<dyn File>, range: FileRange) -> Self {
        file.inc_ref(range);
        Self { file, range }
    }

    /// Returns the file.
    #[must_use]
    pub fn file(&self) -> &Arc<dyn File> {
        &self.file
    }

    /// Returns the range.
    #[must_use]
    pub fn range(&self) -> FileRange {
        self.range
    }

    /// Keeps the first `len` bytes and returns the rest. Both are whole pages.
    ///
    /// # Panics
    /// When `len` does not lie strictly inside the range.
    #[must_use]
    pub fn split_off(&mut self, len: u64) -> Self {
        assert!(0 < len && len < self.range.len(), "split outside of the range");
        let at = self.range.start + len;
        let rest = Self {
            file: Arc::clone(&self.file),
            range: FileRange { start: at, end: self.range.end },
        };
        self.range.end = at;
        rest
    }

    /// Appends `next` when it continues this range of the same file.
    ///
    /// # Errors
    /// Gives `next` back when it does not continue.
    pub fn try_merge(&mut self, next: Self) -> Result<(), Self> {
        if self.range.end != next.range.start || !Arc::ptr_eq(&self.file, &next.file) {
            return Err(next);
        }
        self.range.end = next.range.end;
        // The counts of `next` are this reference's now.
        let mut next = next;
        next.range.start = next.range.end;
        Ok(())
    }
}

impl Clone for FileRef {
    fn clone(&self) -> Self {
        Self::acquire(Arc::clone(&self.file), self.range)
    }
}

impl Drop for FileRef {
    fn drop(&mut self) {
        if !self.range.is_empty() {
            self.file.dec_ref(self.range);
        }
    }
}

impl fmt::Debug for FileRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FileRef({:#x}..{:#x})", self.range.start, self.range.end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_all_of_a_range_in_order() {
        let pieces = |start, end, len| {
            FileRange::new(start, end)
                .pieces(len)
                .map(|piece| (piece.start, piece.end))
                .collect::<Vec<_>>()
        };
        assert_eq!(pieces(3, 10, 3), [(3, 6), (6, 9), (9, 10)]);
        assert_eq!(pieces(3, 9, 3), [(3, 6), (6, 9)]);
        assert_eq!(pieces(3, 4, u64::MAX), [(3, 4)]);
        assert_eq!(pieces(5, 5, 1), []);
        assert_eq!(pieces(u64::MAX - 1, u64::MAX, 4096), [(u64::MAX - 1, u64::MAX)]);
    }
}
