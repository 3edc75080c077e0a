//! Telling of segments, changing and removing them: `shmctl`.

use std::sync::Arc;

use usermem_types::Errno;

use super::permission::IpcCaller;
use super::registry::{PAGE, PRIVATE, ShmRegistry};
use super::segment::{DOOMED, LOCKED, Segment, ShmStat, ShmStatName, now};
use super::slots;

/// What there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmUsage {
    /// Segments.
    pub segments: usize,
    /// Their pages.
    pub pages: u64,
    /// Those with memory.
    pub resident_pages: u64,
}

impl ShmRegistry {
    /// Tells of a segment.
    ///
    /// # Errors
    /// `EINVAL` when there is none, `EACCES` when the caller may not read it.
    pub fn stat(&self, caller: IpcCaller<'_>, name: ShmStatName) -> Result<ShmStat, Errno> {
        let segment = match name {
            ShmStatName::Id(id) => self.find(id)?,
            ShmStatName::Index(id) | ShmStatName::AnyIndex(id) => {
                self.slots.lock().at(slots::index(id)).ok_or(Errno::EINVAL)?
            }
        };
        let stat = segment.stat();
        let is_allowed = segment.state.lock().permissions.allow(caller, 0o444);
        if !is_allowed && !matches!(name, ShmStatName::AnyIndex(_)) {
            return Err(Errno::EACCES);
        }
        Ok(stat)
    }

    /// Gives a segment another owner and other permissions, as `IPC_SET`.
    ///
    /// # Errors
    /// `EINVAL` when there is none, or an id is that of nobody; `EPERM` when it is another's.
    pub fn set(
        &self,
        caller: IpcCaller<'_>,
        id: i32,
        (uid, gid): (u32, u32),
        mode: u32,
    ) -> Result<(), Errno> {
        let segment = self.find_own(caller, id)?;
        if uid == u32::MAX || gid == u32::MAX {
            return Err(Errno::EINVAL);
        }
        let mut state = segment.state.lock();
        let permissions = &mut state.permissions;
        (permissions.uid, permissions.gid) = (uid, gid);
        permissions.mode = permissions.mode & !0o777 | mode & 0o777;
        state.changed = now();
        Ok(())
    }

    /// Removes a segment, as `IPC_RMID`: its key is free at once, and the rest goes with its last
    /// mapping.
    ///
    /// # Errors
    /// `EINVAL` when there is none, `EPERM` when it is another's.
    pub fn remove(&self, caller: IpcCaller<'_>, id: i32) -> Result<(), Errno> {
        let segment = self.find_own(caller, id)?;
        let kept = {
            let mut slots = self.slots.lock();
            let mut state = segment.state.lock();
            let key = std::mem::replace(&mut state.key, PRIVATE);
            state.permissions.mode |= DOOMED;
            slots.remove(&segment, key)
        };
        // The last one takes the lock that was held here.
        drop((kept, segment));
        Ok(())
    }

    /// Locks a segment in memory, as `SHM_LOCK`: it is counted, and told.
    ///
    /// # Errors
    /// `EINVAL` when there is none; `EPERM` when it is another's or the caller may lock nothing;
    /// `ENOMEM` beyond what it may lock.
    pub fn lock(&self, caller: IpcCaller<'_>, id: i32) -> Result<(), Errno> {
        let segment = self.find_lockable(caller, id)?;
        if !caller.locks_freely && caller.memlock == 0 {
            return Err(Errno::EPERM);
        }
        let mut slots = self.slots.lock();
        let mut state = segment.state.lock();
        if state.permissions.mode & LOCKED == 0 {
            let locked = slots.locked.saturating_add(segment.bytes());
            if !caller.locks_freely && locked > caller.memlock {
                return Err(Errno::ENOMEM);
            }
            slots.locked = locked;
            state.permissions.mode |= LOCKED;
        }
        Ok(())
    }

    /// Undoes [`Self::lock`].
    ///
    /// # Errors
    /// `EINVAL` when there is none; `EPERM` when it is another's.
    pub fn unlock(&self, caller: IpcCaller<'_>, id: i32) -> Result<(), Errno> {
        let segment = self.find_lockable(caller, id)?;
        let mut slots = self.slots.lock();
        let mut state = segment.state.lock();
        if state.permissions.mode & LOCKED != 0 {
            slots.locked -= segment.bytes();
            state.permissions.mode &= !LOCKED;
        }
        Ok(())
    }

    /// Returns what there is.
    #[must_use]
    pub fn usage(&self) -> ShmUsage {
        let (segments, bytes) = {
            let slots = self.slots.lock();
            (slots.all(), slots.bytes)
        };
        let resident: u64 = segments.iter().map(|segment| segment.resident_bytes()).sum();
        let page = PAGE.bytes();
        ShmUsage { segments: segments.len(), pages: bytes / page, resident_pages: resident / page }
    }

    /// Returns the highest index in use; zero when there is none.
    #[must_use]
    pub fn highest_index(&self) -> u32 {
        self.slots.lock().highest()
    }

    /// Finds what the caller may change.
    fn find_own(&self, caller: IpcCaller<'_>, id: i32) -> Result<Arc<Segment>, Errno> {
        let segment = self.find(id)?;
        let is_own = segment.state.lock().permissions.is_owner(caller);
        if is_own || caller.is_administrator { Ok(segment) } else { Err(Errno::EPERM) }
    }

    /// Finds what the caller may lock.
    fn find_lockable(&self, caller: IpcCaller<'_>, id: i32) -> Result<Arc<Segment>, Errno> {
        let segment = self.find(id)?;
        let is_own = segment.state.lock().permissions.is_owner(caller);
        if is_own || caller.locks_freely { Ok(segment) } else { Err(Errno::EPERM) }
    }
}
