//! What mappings refer to, and what it sees of those who map it.

use std::fmt;
use std::sync::{Arc, Weak};

use smallvec::SmallVec;
use usermem_types::{AccessType, AddrRange, Errno};

use crate::FileRef;

/// A half-open range `[start, end)` of offsets into a [`Mappable`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct MappableRange {
    /// The first offset.
    pub start: u64,
    /// The offset after the last one.
    pub end: u64,
}

impl MappableRange {
    /// Returns the number of bytes.
    #[must_use]
    pub fn len(self) -> u64 {
        self.end - self.start
    }

    /// Returns whether the range holds no byte.
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.start >= self.end
    }
}

/// What an invalidation drops.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidateOpts {
    /// Drop private copies as well: the pages are gone, as after a truncation.
    pub invalidate_private: bool,
}

/// What a [`Mappable`] sees of a memory manager that maps it.
pub trait MappingSpace: Send + Sync {
    /// Drops translations of a range of the space. Called with the mappable's own locks held.
    fn invalidate(&self, range: AddrRange, opts: InvalidateOpts);
}

/// Why a translation ends before the range that was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TranslateError {
    /// The offset lies beyond the end of the object: `SIGBUS`, or `EFAULT` for us.
    BeyondEnd,
    /// Translating failed.
    Errno(Errno),
}

/// A piece of a mappable, and where its pages are.
#[derive(Debug)]
pub struct Translation {
    /// The piece; as long as `file`.
    pub source: MappableRange,
    /// The pages, referenced.
    pub file: FileRef,
    /// What the object allows to be done with them.
    pub perms: AccessType,
}

/// The object behind a mapping that is not anonymous.
pub trait Mappable: Send + Sync + fmt::Debug {
    /// Records that `range` of `space` maps this object from `offset` on. `writable` says that the
    /// mapping is shared and may be written, now or after a later `mprotect`.
    ///
    /// # Errors
    /// The object's reason to refuse.
    fn add_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Result<(), Errno>;

    /// Removes what [`Mappable::add_mapping`] recorded, or a part of it.
    fn remove_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    );

    /// Records the mapping of `src` for `dst` as well, for `mremap`; `dst` may be longer.
    ///
    /// # Errors
    /// The object's reason to refuse.
    fn copy_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        src: AddrRange,
        dst: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Result<(), Errno> {
        let _ = src;
        self.add_mapping(space, dst, offset, writable)
    }

    /// Empties a range of the object, which reads as zero from then on, as `MADV_REMOVE`.
    ///
    /// # Errors
    /// `EOPNOTSUPP` when the object cannot lose a part of itself; its own error.
    fn punch_hole(&self, range: MappableRange) -> Result<(), Errno> {
        let _ = range;
        Err(Errno::EOPNOTSUPP)
    }

    /// Tells which pages of a range of the object have memory, whoever put it there, as `mincore(2)`
    /// does: one byte for each, 1 or 0. An object that cannot know, or may not tell, says that all
    /// have. Called with no lock of the memory manager held but *mapping*.
    fn residency(&self, range: MappableRange, present: &mut [u8]) {
        let _ = range;
        present.fill(1);
    }

    /// Returns a number for what the pages belong to: two objects whose numbers are equal show the
    /// same pages at the same offsets, as one file that was opened twice. It holds as long as the
    /// object lives.
    fn owner_of_pages(&self) -> usize {
        std::ptr::from_ref(self).cast::<()>().addr()
    }

    /// Returns whether the object has no name anywhere, so that a program may name its mappings.
    fn is_anonymous(&self) -> bool {
        false
    }

    /// Returns where the pages of `required` are, and of as much of `optional`, which holds it,
    /// as is cheap: translations in order, without gaps, that begin at or before
    /// `required.start`; and why they end before `required.end`, if they do.
    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>);
}

/// What names a mapping: `/proc/PID/maps`, `msync`.
pub trait MappingIdentity: Send + Sync + fmt::Debug {
    /// Returns the name of the object, as a path.
    fn name(&self) -> Vec<u8>;

    /// Returns the device (major, minor) that holds the object.
    fn device(&self) -> (u32, u32);

    /// Returns the inode number of the object.
    fn inode(&self) -> u64;

    /// Returns the bytes of the attachment that this names, when it is one of System V shared
    /// memory. The pieces of one stay apart: they are counted, and detached, piece by piece.
    fn attachment_len(&self) -> Option<u64> {
        None
    }

    /// Writes changes of a range of the object back.
    ///
    /// # Errors
    /// The object's error.
    fn msync(&self, range: MappableRange) -> Result<(), Errno>;
}

/// An object, and the name under which it is mapped.
#[derive(Clone, Debug)]
pub struct MappedObject {
    /// Translates the mapping.
    pub mappable: Arc<dyn Mappable>,
    /// Names it.
    pub identity: Arc<dyn MappingIdentity>,
}
