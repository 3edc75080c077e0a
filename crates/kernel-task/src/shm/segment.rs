//! A segment, and what names a mapping of it.

use std::sync::{Arc, Weak};
use std::time::SystemTime;

use memfile::SharedMemory;
use memmap::{Mappable, MappableRange, MappingIdentity, MappingSpace, TranslateError, Translation};
use parking_lot::Mutex;
use smallvec::SmallVec;
use usermem_types::{AccessType, AddrRange, Errno};

use super::permission::Permissions;
use super::slots::Slots;

/// The bit of a mode that says that the segment goes with its last mapping: `SHM_DEST`.
pub(super) const DOOMED: u32 = 0o1000;
/// The bit of a mode that says that the segment is locked: `SHM_LOCKED`.
pub(super) const LOCKED: u32 = 0o2000;

/// How a segment is named to be told of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShmStatName {
    /// By its id (`IPC_STAT`).
    Id(i32),
    /// By its index (`SHM_STAT`).
    Index(i32),
    /// By its index, and permissions do not matter (`SHM_STAT_ANY`).
    AnyIndex(i32),
}

/// What `shmctl(2)` tells of a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of shmctl(2)")]
pub struct ShmStat {
    pub id: i32,
    pub key: i32,
    pub uid: u32,
    pub gid: u32,
    pub cuid: u32,
    pub cgid: u32,
    pub mode: u32,
    pub seq: u16,
    pub size: u64,
    pub atime: i64,
    pub dtime: i64,
    pub ctime: i64,
    pub cpid: i32,
    pub lpid: i32,
    pub nattch: u64,
}

/// A segment: memory, and who may do what with it.
///
/// It is mapped as it is, so that every mapping holds it once and nobody else does: how many there
/// are is how many references there are beyond those of the registry. Nothing has to be told when
/// a mapping is cut, moved, copied by a fork or dropped with its program.
#[derive(Debug)]
pub(super) struct Segment {
    pub(super) id: i32,
    /// As asked for; memory comes in whole pages.
    pub(super) size: u64,
    /// The key that it was created with, which its mappings show for good.
    pub(super) original_key: i32,
    pub(super) creator: i32,
    pub(super) memory: Arc<SharedMemory>,
    pub(super) state: Mutex<State>,
    pub(super) slots: Weak<Mutex<Slots>>,
}

/// What changes.
#[derive(Debug)]
pub(super) struct State {
    /// Zero for a private segment, and for one that was removed.
    pub(super) key: i32,
    pub(super) permissions: Permissions,
    attached: i64,
    detached: i64,
    pub(super) changed: i64,
    /// The last process to attach or detach it; zero before.
    pub(super) last_pid: i32,
}

impl State {
    pub(super) fn new(key: i32, permissions: Permissions) -> Self {
        Self { key, permissions, attached: 0, detached: 0, changed: now(), last_pid: 0 }
    }
}

impl Segment {
    /// Returns how many bytes the pages have.
    pub(super) fn bytes(&self) -> u64 {
        self.memory.size()
    }

    /// Returns what is told of the segment.
    pub(super) fn stat(self: &Arc<Self>) -> ShmStat {
        let state = self.state.lock();
        let permissions = state.permissions;
        // The registry keeps one until the segment is removed, and the caller has another.
        let others = 1 + usize::from(permissions.mode & DOOMED == 0);
        ShmStat {
            id: self.id,
            key: state.key,
            uid: permissions.uid,
            gid: permissions.gid,
            cuid: permissions.creator_uid,
            cgid: permissions.creator_gid,
            mode: permissions.mode,
            seq: super::slots::sequence(self.id),
            size: self.size,
            atime: state.attached,
            dtime: state.detached,
            ctime: state.changed,
            cpid: self.creator,
            lpid: state.last_pid,
            nattch: Arc::strong_count(self).saturating_sub(others) as u64,
        }
    }

    /// Returns how many bytes have memory: what was touched.
    pub(super) fn resident_bytes(&self) -> u64 {
        self.memory.resident_bytes()
    }
}

impl Drop for Segment {
    fn drop(&mut self) {
        if let Some(slots) = self.slots.upgrade() {
            let is_locked = self.state.get_mut().permissions.mode & LOCKED != 0;
            slots.lock().release(self.id, self.memory.size(), is_locked);
        }
    }
}

impl Mappable for Segment {
    fn add_mapping(
        &self,
        _space: &Weak<dyn MappingSpace>,
        _range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) -> Result<(), Errno> {
        self.state.lock().attached = now();
        Ok(())
    }

    fn remove_mapping(
        &self,
        _space: &Weak<dyn MappingSpace>,
        _range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) {
        self.state.lock().detached = now();
    }

    fn punch_hole(&self, range: MappableRange) -> Result<(), Errno> {
        self.memory.punch_hole(range)
    }

    fn residency(&self, range: MappableRange, present: &mut [u8]) {
        self.memory.residency(range, present);
    }

    fn translate(
        &self,
        required: MappableRange,
        optional: MappableRange,
        access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        self.memory.translate(required, optional, access)
    }
}

/// One attachment of a segment, by which its mappings are known, whatever they were cut into.
#[derive(Debug)]
pub(super) struct Attachment {
    pub(super) id: i32,
    /// The key that the segment was created with.
    pub(super) key: i32,
    pub(super) size: u64,
}

impl MappingIdentity for Attachment {
    fn name(&self) -> Vec<u8> {
        format!("/SYSV{:08x} (deleted)", self.key).into_bytes()
    }

    fn device(&self) -> (u32, u32) {
        (0, 1)
    }

    fn inode(&self) -> u64 {
        u64::from(self.id.unsigned_abs())
    }

    fn attachment_len(&self) -> Option<u64> {
        Some(self.size)
    }

    fn msync(&self, _range: MappableRange) -> Result<(), Errno> {
        // There is nothing behind the memory that it could be written to.
        Ok(())
    }
}

/// Seconds since the epoch.
pub(super) fn now() -> i64 {
    let since = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}
