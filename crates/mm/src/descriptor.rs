//! A descriptor to map, and what it may be mapped as.

use bitflags::bitflags;
use memmap::MappedObject;
use usermem_types::{AccessType, Errno};

use crate::MmapFlags;

/// The most bytes that an object can have: Linux's `MAX_LFS_FILESIZE`.
pub(crate) const OBJECT_MAX: u64 = i64::MAX as u64;

bitflags! {
    /// What a descriptor to map allows.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct FileRights: u8 {
        /// It is open for reading.
        const READ = 1 << 0;
        /// It is open for writing.
        const WRITE = 1 << 1;
        /// Its mount lets programs be run.
        const EXECUTE = 1 << 2;
        /// A seal forbids shared mappings to write.
        const SEALED = 1 << 3;
    }
}

/// What a descriptor to map refers to.
#[derive(Clone, Debug)]
pub enum FileContents {
    /// This object.
    Object(MappedObject),
    /// Zeroed memory, as `/dev/zero`.
    Zeros,
    /// Nothing that could be mapped.
    Nothing,
}

/// A descriptor to map.
#[derive(Clone, Debug)]
pub struct MmapFile {
    /// What it allows.
    pub rights: FileRights,
    /// The largest offset that its kind of file can have.
    pub max_size: u64,
    /// What it refers to.
    pub contents: FileContents,
}

impl MmapFile {
    /// Returns a descriptor of an object that allows everything.
    pub(crate) fn of(object: MappedObject) -> Self {
        let rights = FileRights::READ | FileRights::WRITE | FileRights::EXECUTE;
        Self { rights, max_size: OBJECT_MAX, contents: FileContents::Object(object) }
    }

    /// Checks a mapping, shared or not, and returns what may be asked of it at most.
    ///
    /// # Errors
    /// Linux's, in its order.
    pub(crate) fn check(
        &self,
        shared: bool,
        access: AccessType,
        flags: MmapFlags,
    ) -> Result<AccessType, Errno> {
        let may_write = self.rights.contains(FileRights::WRITE);
        let mut max = AccessType::ALL;
        if shared && !may_write {
            max = max.without(AccessType::WRITE);
        }
        if !max.superset_of(access) || !self.rights.contains(FileRights::READ) {
            return Err(Errno::EACCES);
        }
        if !self.rights.contains(FileRights::EXECUTE) {
            if access.execute() {
                return Err(Errno::EPERM);
            }
            max = max.without(AccessType::EXECUTE);
        }
        if matches!(self.contents, FileContents::Nothing) {
            return Err(Errno::ENODEV);
        }
        if flags.contains(MmapFlags::GROWSDOWN) {
            return Err(Errno::EINVAL);
        }
        if shared && may_write && self.rights.contains(FileRights::SEALED) {
            if access.write() {
                return Err(Errno::EPERM);
            }
            max = max.without(AccessType::WRITE);
        }
        Ok(max)
    }
}
