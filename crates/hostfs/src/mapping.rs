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

use crate::held::Held;
use crate::host;
use crate::mapped_file::MappedFile;
use crate::mapping_table::MappingTable;
use crate::seals::Seals;
use crate::tree::Tree;
use crate::{Place, Stat};

/// How far around what is required the pages of a counted file are shown.
const COUNTED: u64 = 64 << 10;

/// Device and inode number of a file: what makes two open files one object.
pub(crate) type FileId = ((u32, u32), u64);

/// The objects that exist. An entry is dead when its object is; an object keeps its file open, so
/// that the inode number is not given to another meanwhile.
static OBJECTS: Mutex<Option<HashMap<FileId, Weak<Inode>>>> = Mutex::new(None);

/// What all open files of one inode share.
pub(crate) struct Inode {
    pages: Arc<MappedFile>,
    mappings: Mutex<MappingTable>,
    /// The pages, where they count as memory.
    held: Option<Arc<Held>>,
    /// The seals that are kept here, and not by the host.
    seals: Seals,
}

/// An inode as mapped through an open file.
#[derive(Debug)]
struct View {
    inode: Arc<Inode>,
    perms: AccessType,
    is_anonymous: bool,
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
    held: Option<&Arc<Held>>,
) -> Result<MappedObject, Errno> {
    let stat = host::stat(fd.as_fd())?;
    let id = file_id(&stat);
    let inode = inode(id, fd, held);
    let mut perms = AccessType::READ_EXECUTE;
    if writable {
        inode.pages.allow_writing(fd);
        perms = AccessType::ALL;
    }
    let place = Place::of_host(Arc::clone(fd), None);
    let identity = Identity { place, fd: Arc::clone(fd), id, tree: tree.cloned() };
    let is_anonymous = stat.nlink == 0 && is_memory(fd);
    let mappable = Arc::new(View { inode, perms, is_anonymous });
    Ok(MappedObject { mappable, identity: Arc::new(identity) })
}

/// Returns whether a file has its pages in the host's memory and nowhere else.
fn is_memory(fd: &Arc<OwnedFd>) -> bool {
    const TMPFS_MAGIC: i64 = 0x0102_1994;
    rustix::fs::fstatfs(fd).is_ok_and(|fs| fs.f_type == TMPFS_MAGIC)
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

/// Returns whether anything maps a file.
pub(crate) fn is_mapped(id: FileId) -> bool {
    let inode = OBJECTS.lock().as_ref().and_then(|objects| objects.get(&id).cloned());
    inode.and_then(|inode| inode.upgrade()).is_some_and(|inode| !inode.mappings.lock().is_empty())
}

/// Returns what is shared with the other open files of the same inode.
pub(crate) fn inode_of(fd: &Arc<OwnedFd>, held: Option<&Arc<Held>>) -> Result<Arc<Inode>, Errno> {
    Ok(inode(file_id(&host::stat(fd.as_fd())?), fd, held))
}

fn inode(id: FileId, fd: &Arc<OwnedFd>, held: Option<&Arc<Held>>) -> Arc<Inode> {
    let mut objects = OBJECTS.lock();
    let objects = objects.get_or_insert_default();
    if let Some(inode) = objects.get(&id).and_then(Weak::upgrade) {
        return inode;
    }
    let pages = Arc::new(MappedFile::new(Arc::clone(fd)));
    let mappings = Mutex::default();
    let seals = Seals::default();
    let inode = Arc::new(Inode { pages, mappings, held: held.cloned(), seals });
    // As many dead entries as live ones at most, on average.
    if objects.len() == objects.capacity() {
        objects.retain(|_, inode| inode.strong_count() > 0);
    }
    objects.insert(id, Arc::downgrade(&inode));
    inode
}

pub(crate) fn file_id(stat: &Stat) -> FileId {
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

    fn owner_of_pages(&self) -> usize {
        Arc::as_ptr(&self.inode).addr()
    }

    fn is_anonymous(&self) -> bool {
        self.is_anonymous
    }

    fn residency(&self, range: MappableRange, present: &mut [u8]) {
        self.inode.pages.residency(FileRange::new(range.start, range.end), present);
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
        let mut source = MappableRange { start: optional.start, end: optional.end.min(end) };
        let mut error = error;
        if let Some(held) = &self.inode.held {
            match counted(held, required, source) {
                Some(counted) => source = counted,
                None => {
                    return (SmallVec::new(), Some(TranslateError::Errno(Errno::ENOMEM)));
                }
            }
            if source.end < required.end && error.is_none() {
                error = Some(TranslateError::Errno(Errno::ENOMEM));
            }
        }
        let pages: Arc<dyn File> = Arc::<MappedFile>::clone(&self.inode.pages);
        let file = FileRef::acquire(pages, FileRange::new(source.start, source.end));
        (smallvec![Translation { source, file, perms: self.perms }], error)
    }
}

/// Counts the pages that a translation shows, since each of them gets memory when it is touched:
/// those around what is required, or at least the first of that. Returns what may be shown.
fn counted(held: &Held, required: MappableRange, all: MappableRange) -> Option<MappableRange> {
    let start = (required.start & !(COUNTED - 1)).max(all.start);
    let end = required.end.checked_next_multiple_of(COUNTED).unwrap_or(all.end).min(all.end);
    if held.hold(start, end).is_ok() {
        return Some(MappableRange { start, end });
    }
    let (_, end) = held.hold_some(required.start, required.end.min(all.end));
    (end > required.start).then_some(MappableRange { start: required.start, end })
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
