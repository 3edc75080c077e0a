//! Host files as objects to map.

use std::collections::HashMap;
use std::fmt;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::{Arc, Weak};

use memmap::{
    File, FileRange, FileRef, Mappable, MappableRange, MappedObject, MappingIdentity, MappingSpace,
    TranslateError, Translation,
};
use parking_lot::Mutex;
use rustix::fs::FallocateFlags;
use smallvec::{SmallVec, smallvec};
use usermem_types::{AccessType, AddrRange, Errno};

use crate::host;
use crate::mapped_file::MappedFile;
use crate::mapping_table::MappingTable;
use crate::seals::Seals;
use crate::tree::Tree;
use crate::{Place, Stat};

/// Device and inode number of a file: what makes two open files one object.
type FileId = ((u32, u32), u64);

/// The objects that exist. An entry is dead when its object is; an object keeps its file open, so
/// that the inode number is not given to another meanwhile.
static OBJECTS: Mutex<Option<HashMap<FileId, Weak<Inode>>>> = Mutex::new(None);

/// What all open files of one inode share.
pub(crate) struct Inode {
    pages: Arc<MappedFile>,
    mappings: Mutex<MappingTable>,
    /// The seals that are kept here, and not by the host.
    seals: Seals,
}

/// An inode as mapped through an open file.
#[derive(Debug)]
struct View {
    inode: Arc<Inode>,
    perms: AccessType,
}

impl Inode {
    /// Returns the seals that are kept here.
    pub(crate) fn seals(&self) -> &Seals {
        &self.seals
    }

    /// Adds seals to those that are kept here.
    ///
    /// # Errors
    /// `EBUSY` when a shared mapping may be written, and is not to be any more.
    pub(crate) fn add_seals(&self, seals: u32) -> Result<(), Errno> {
        // Locked until it is done: a mapping is added before or after.
        let mappings = self.mappings.lock();
        self.seals.add(seals, mappings.has_writable())
    }
}

impl fmt::Debug for Inode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inode").field("pages", &self.pages).finish_non_exhaustive()
    }
}

/// Names an open file.
#[derive(Debug)]
struct Identity {
    place: Place,
    fd: Arc<OwnedFd>,
    id: FileId,
    tree: Option<Arc<Tree>>,
}

/// Returns the object to map for an open regular file.
pub(crate) fn object(
    fd: &Arc<OwnedFd>,
    writable: bool,
    tree: Option<&Arc<Tree>>,
) -> Result<MappedObject, Errno> {
    let id = file_id(&host::stat(fd.as_fd())?);
    let inode = inode(id, fd);
    let mut perms = AccessType::READ_EXECUTE;
    if writable {
        inode.pages.allow_writing(fd);
        perms = AccessType::ALL;
    }
    let place = Place::of_host(Arc::clone(fd), None);
    let identity = Identity { place, fd: Arc::clone(fd), id, tree: tree.cloned() };
    Ok(MappedObject { mappable: Arc::new(View { inode, perms }), identity: Arc::new(identity) })
}

/// Tells those who map a file that it now ends at `len`, whatever they had beyond.
pub(crate) fn truncated(stat: &Stat, len: u64) {
    let inode = OBJECTS.lock().as_ref().and_then(|objects| objects.get(&file_id(stat)).cloned());
    let Some(inode) = inode.and_then(|inode| inode.upgrade()) else { return };
    if let Some(end) = round_up(len) {
        // Kept until the lock is free: dropping a space for good removes its mappings.
        let spaces = inode.mappings.lock().invalidate_from(end);
        drop(spaces);
    }
}

/// Returns what is shared with the other open files of the same inode.
pub(crate) fn inode_of(fd: &Arc<OwnedFd>) -> Result<Arc<Inode>, Errno> {
    Ok(inode(file_id(&host::stat(fd.as_fd())?), fd))
}

fn inode(id: FileId, fd: &Arc<OwnedFd>) -> Arc<Inode> {
    let mut objects = OBJECTS.lock();
    let objects = objects.get_or_insert_default();
    if let Some(inode) = objects.get(&id).and_then(Weak::upgrade) {
        return inode;
    }
    let pages = Arc::new(MappedFile::new(Arc::clone(fd)));
    let inode = Arc::new(Inode { pages, mappings: Mutex::default(), seals: Seals::default() });
    // As many dead entries as live ones at most, on average.
    if objects.len() == objects.capacity() {
        objects.retain(|_, inode| inode.strong_count() > 0);
    }
    objects.insert(id, Arc::downgrade(&inode));
    inode
}

fn file_id(stat: &Stat) -> FileId {
    (stat.dev, stat.ino)
}

fn round_up(len: u64) -> Option<u64> {
    len.checked_next_multiple_of(rustix::param::page_size() as u64)
}

impl Mappable for View {
    fn add_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        offset: u64,
        writable: bool,
    ) -> Result<(), Errno> {
        let mut mappings = self.inode.mappings.lock();
        // It may have been sealed since the memory manager asked.
        if writable && self.inode.seals.forbid_writable_mappings() {
            return Err(Errno::EPERM);
        }
        mappings.add(space, range, offset, writable);
        Ok(())
    }

    fn remove_mapping(&self, space: &Weak<dyn MappingSpace>, range: AddrRange, _: u64, _: bool) {
        self.inode.mappings.lock().remove(space, range);
    }

    fn punch_hole(&self, range: MappableRange) -> Result<(), Errno> {
        self.inode.seals.check_writing()?;
        let mode = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        let len = range.end - range.start;
        rustix::fs::fallocate(self.inode.pages.fd(), mode, range.start, len).map_err(host::errno)
    }

    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        if !self.perms.superset_of(access) {
            return (SmallVec::new(), Some(TranslateError::Errno(Errno::EACCES)));
        }
        let end = match host::stat(self.inode.pages.fd()) {
            Ok(stat) => round_up(stat.size).unwrap_or(u64::MAX),
            Err(errno) => return (SmallVec::new(), Some(TranslateError::Errno(errno))),
        };
        let error = (end < required.end).then_some(TranslateError::BeyondEnd);
        if end <= required.start {
            return (SmallVec::new(), error);
        }
        let source = MappableRange { start: optional.start, end: optional.end.min(end) };
        let pages: Arc<dyn File> = Arc::<MappedFile>::clone(&self.inode.pages);
        let file = FileRef::acquire(pages, FileRange::new(source.start, source.end));
        (smallvec![Translation { source, file, perms: self.perms }], error)
    }
}

impl MappingIdentity for Identity {
    fn name(&self) -> Vec<u8> {
        match &self.tree {
            Some(tree) => tree.shown_path(&self.place),
            None => host::path_text(self.fd.as_fd()).unwrap_or_default(),
        }
    }

    fn device(&self) -> (u32, u32) {
        self.id.0
    }

    fn inode(&self) -> u64 {
        self.id.1
    }

    fn msync(&self, _: MappableRange) -> Result<(), Errno> {
        rustix::fs::fdatasync(&self.fd).map_err(host::errno)
    }
}
