//! The namespace of segments.

use std::sync::Arc;

use memfile::{MemoryFile, SharedMemory};
use memmap::MappedObject;
use mm::{AttachPlace, MemoryManager};
use parking_lot::Mutex;
use usermem_types::{AccessType, Addr, Errno, PageSize};

use super::permission::{IpcCaller, Permissions};
use super::segment::{Attachment, Segment, State};
use super::slots::{self, Slots};

/// `IPC_PRIVATE`: no key.
pub(super) const PRIVATE: i32 = 0;
/// `IPC_CREAT`.
const CREATE: u32 = 0o1000;
/// `IPC_EXCL`.
const EXCLUSIVE: u32 = 0o2000;
/// `SHM_HUGETLB`.
const HUGE_PAGES: u32 = 0o4000;
/// `SHM_HUGE_SHIFT`.
const HUGE_SHIFT: u32 = 26;
/// Whose members may ask for huge pages: Linux's default of `vm.hugetlb_shm_group`.
const HUGE_PAGES_GROUP: u32 = 0;

/// `SHM_RDONLY`.
const READ_ONLY: u32 = 0o10000;
/// `SHM_RND`.
const ROUND: u32 = 0o20000;
/// `SHM_REMAP`.
const REPLACE: u32 = 0o40000;
/// `SHM_EXEC`.
const EXECUTE: u32 = 0o100_000;

/// The granule of addresses.
pub(super) const PAGE: PageSize = PageSize::K4;
/// The most bytes that an object can have: Linux's `MAX_LFS_FILESIZE`.
const OBJECT_MAX: u64 = i64::MAX as u64;

/// What bounds segments: Linux's defaults.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ShmLimits {
    /// The most bytes of a segment.
    pub max: u64,
    /// The fewest.
    pub min: u64,
    /// The most segments.
    pub count: u64,
    /// The most pages of all segments.
    pub all: u64,
}

/// The namespace of segments.
#[derive(Debug)]
pub struct ShmRegistry {
    memory: Arc<MemoryFile>,
    pub(super) slots: Arc<Mutex<Slots>>,
}

impl ShmRegistry {
    /// The limits.
    pub const LIMITS: ShmLimits =
        ShmLimits { max: u64::MAX - (1 << 24), min: 1, count: 4096, all: u64::MAX - (1 << 24) };

    /// Creates a namespace without segments, whose memory comes from `memory`.
    #[must_use]
    pub fn new(memory: Arc<MemoryFile>) -> Arc<Self> {
        Arc::new(Self { memory, slots: Arc::default() })
    }

    /// Finds or creates a segment, as `shmget(2)`, and returns its id.
    ///
    /// A new one is charged as committed memory until it is gone.
    ///
    /// # Errors
    /// Linux's, in its order.
    pub fn get(
        &self,
        caller: IpcCaller<'_>,
        key: i32,
        size: u64,
        flags: u32,
    ) -> Result<i32, Errno> {
        let found = if key == PRIVATE { None } else { self.slots.lock().of_key(key) };
        let Some(segment) = found else {
            if key != PRIVATE && flags & CREATE == 0 {
                return Err(Errno::ENOENT);
            }
            return self.create(caller, key, size, flags);
        };
        if flags & (CREATE | EXCLUSIVE) == CREATE | EXCLUSIVE {
            return Err(Errno::EEXIST);
        }
        if segment.size < size {
            return Err(Errno::EINVAL);
        }
        if !segment.state.lock().permissions.allow(caller, flags) {
            return Err(Errno::EACCES);
        }
        Ok(segment.id)
    }

    fn create(&self, caller: IpcCaller<'_>, key: i32, size: u64, flags: u32) -> Result<i32, Errno> {
        let limits = Self::LIMITS;
        if size < limits.min || size > limits.max {
            return Err(Errno::EINVAL);
        }
        let bytes = PAGE.round_up(size).ok_or(Errno::ENOSPC)?;
        let mut slots = self.slots.lock();
        let all = (slots.bytes / PAGE.bytes()).checked_add(bytes / PAGE.bytes());
        if all.is_none_or(|all| all > limits.all) {
            return Err(Errno::ENOSPC);
        }
        if flags & HUGE_PAGES != 0 {
            return Err(refuse_huge_pages(caller, flags >> HUGE_SHIFT));
        }
        if size > OBJECT_MAX {
            return Err(Errno::EINVAL);
        }
        let memory = SharedMemory::new(&self.memory, bytes)?;
        if slots.len() as u64 >= limits.count {
            return Err(Errno::ENOSPC);
        }
        let id = slots.choose_id()?;
        let segment = Segment {
            id,
            size,
            original_key: key,
            creator: caller.pid,
            memory,
            state: Mutex::new(State::new(key, Permissions::new(caller, flags))),
            slots: Arc::downgrade(&self.slots),
        };
        slots.add(Arc::new(segment), key);
        Ok(id)
    }

    /// Attaches a segment, as `shmat(2)`, and returns where.
    ///
    /// # Errors
    /// Linux's, in its order.
    pub fn attach(
        &self,
        caller: IpcCaller<'_>,
        memory: &MemoryManager,
        id: i32,
        addr: Addr,
        flags: u32,
    ) -> Result<Addr, Errno> {
        if id < 0 {
            return Err(Errno::EINVAL);
        }
        let place = place(addr, flags)?;
        let (mut access, mut max, mut wanted) = if flags & READ_ONLY != 0 {
            (AccessType::READ, AccessType::READ_EXECUTE, 0o444)
        } else {
            (AccessType::READ_WRITE, AccessType::ALL, 0o666)
        };
        if flags & EXECUTE != 0 {
            access = access.union(AccessType::EXECUTE);
            max = max.union(AccessType::EXECUTE);
            wanted |= 0o111;
        }
        let segment = self.find(id)?;
        if !segment.state.lock().permissions.allow(caller, wanted) {
            return Err(Errno::EACCES);
        }
        let identity = Attachment { id, key: segment.original_key, size: segment.size };
        let object = MappedObject {
            mappable: Arc::<Segment>::clone(&segment),
            identity: Arc::new(identity),
        };
        let addr = memory.attach(object, segment.size, (access, max), place)?;
        segment.state.lock().last_pid = caller.pid;
        Ok(addr)
    }

    /// Detaches what was attached at an address, as `shmdt(2)`.
    ///
    /// # Errors
    /// `EINVAL` when nothing was.
    pub fn detach(&self, pid: i32, memory: &MemoryManager, addr: Addr) -> Result<(), Errno> {
        let id = memory.detach(addr)?;
        // It may be gone, and so may the namespace that it is of.
        if let Some(segment) = i32::try_from(id).ok().and_then(|id| self.find(id).ok()) {
            segment.state.lock().last_pid = pid;
        }
        Ok(())
    }

    pub(super) fn all(&self) -> Vec<Arc<Segment>> {
        self.slots.lock().all()
    }

    pub(super) fn find(&self, id: i32) -> Result<Arc<Segment>, Errno> {
        let segment = self.slots.lock().at(slots::index(id)).ok_or(Errno::EINVAL)?;
        if segment.id == id { Ok(segment) } else { Err(Errno::EINVAL) }
    }
}

/// Returns why there is no segment of huge pages whose size has this logarithm, or the default size:
/// not everyone may ask, and none are set aside.
fn refuse_huge_pages(caller: IpcCaller<'_>, log: u32) -> Errno {
    if !matches!(log, 0 | 21 | 30) {
        Errno::EINVAL
    } else if caller.locks_freely || caller.is_member(HUGE_PAGES_GROUP) {
        Errno::ENOMEM
    } else {
        Errno::EPERM
    }
}

/// Returns where to attach.
fn place(addr: Addr, flags: u32) -> Result<AttachPlace, Errno> {
    let replaces = flags & REPLACE != 0;
    let rounded = Addr::new(PAGE.round_down(addr.get()));
    if addr == Addr::ZERO {
        return if replaces { Err(Errno::EINVAL) } else { Ok(AttachPlace::Anywhere) };
    }
    if rounded != addr && flags & ROUND == 0 || rounded == Addr::ZERO && replaces {
        return Err(Errno::EINVAL);
    }
    // As in Linux, what is at the very bottom is not looked at.
    Ok(if replaces || rounded == Addr::ZERO {
        AttachPlace::Replacing(rounded)
    } else {
        AttachPlace::Free(rounded)
    })
}
