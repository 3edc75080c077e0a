//! System V shared memory: arguments are unpacked here, and the registry of segments decides.

use kernel_task::{CurrentTask, IpcCaller, Resource, ShmRegistry, ShmStat, ShmStatName};
use rustix::thread::CapabilitySet;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Args, SysResult};

/// `struct ipc64_perm` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct IpcPerm {
    key: i32,
    uid: u32,
    gid: u32,
    cuid: u32,
    cgid: u32,
    mode: u32,
    seq: u16,
    padding: [u16; 3],
    unused: [u64; 2],
}

/// `struct shmid64_ds` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct ShmIdDs {
    perm: IpcPerm,
    size: u64,
    atime: i64,
    dtime: i64,
    ctime: i64,
    cpid: i32,
    lpid: i32,
    nattch: u64,
    unused: [u64; 2],
}

/// `struct shminfo64` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct ShmInfo64 {
    max: u64,
    min: u64,
    count: u64,
    per_process: u64,
    all: u64,
    unused: [u64; 4],
}

/// `struct shm_info` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct ShmInfo {
    used_ids: i32,
    padding: u32,
    total: u64,
    resident: u64,
    swapped: u64,
    swap_attempts: u64,
    swap_successes: u64,
}

// What `libc` does not have.
/// `SHM_STAT`.
pub(crate) const SHM_STAT: i32 = 13;
/// `SHM_INFO`.
pub(crate) const SHM_INFO: i32 = 14;
/// `SHM_STAT_ANY`.
pub(crate) const SHM_STAT_ANY: i32 = 15;

pub(crate) fn shmget(task: &mut CurrentTask, args: &Args) -> SysResult {
    let id = task.task().shm().get(caller(task), args.int(0), args.raw(1), args.uint(2))?;
    Ok(u64::from(id.unsigned_abs()))
}

pub(crate) fn shmat(task: &mut CurrentTask, args: &Args) -> SysResult {
    let memory = task.task().memory_manager();
    let shm = task.task().shm();
    shm.attach(caller(task), memory, args.int(0), args.addr(1), args.uint(2)).map(Addr::get)
}

pub(crate) fn shmdt(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (pid, memory) = (task.task().pid(), task.task().memory_manager());
    task.task().shm().detach(pid, memory, args.addr(0))?;
    Ok(0)
}

pub(crate) fn shmctl(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (id, command, addr) = (args.int(0), args.int(1), args.addr(2));
    if id < 0 {
        return Err(Errno::EINVAL);
    }
    let shm = task.task().shm();
    match command {
        libc::IPC_INFO => {
            let limits = ShmRegistry::LIMITS;
            let info = ShmInfo64 {
                max: limits.max,
                min: limits.min,
                count: limits.count,
                per_process: limits.count,
                all: limits.all,
                unused: [0; 4],
            };
            task.copy_out(addr, &info)?;
            Ok(shm.highest_index().into())
        }
        SHM_INFO => {
            let usage = shm.usage();
            let info = ShmInfo {
                used_ids: i32::try_from(usage.segments).unwrap_or(i32::MAX),
                total: usage.pages,
                resident: usage.resident_pages,
                ..ShmInfo::default()
            };
            task.copy_out(addr, &info)?;
            Ok(shm.highest_index().into())
        }
        libc::IPC_STAT => tell(task, ShmStatName::Id(id), addr).map(|_| 0),
        SHM_STAT => tell(task, ShmStatName::Index(id), addr),
        SHM_STAT_ANY => tell(task, ShmStatName::AnyIndex(id), addr),
        libc::IPC_SET => {
            let new = task.copy_in::<ShmIdDs>(addr)?.perm;
            shm.set(caller(task), id, (new.uid, new.gid), new.mode)?;
            Ok(0)
        }
        libc::IPC_RMID => shm.remove(caller(task), id).map(|()| 0),
        libc::SHM_LOCK => shm.lock(caller(task), id).map(|()| 0),
        libc::SHM_UNLOCK => shm.unlock(caller(task), id).map(|()| 0),
        _ => Err(Errno::EINVAL),
    }
}

/// Tells of a segment, and returns its id.
fn tell(task: &CurrentTask, name: ShmStatName, addr: Addr) -> SysResult {
    let stat: ShmStat = task.task().shm().stat(caller(task), name)?;
    let perm = IpcPerm {
        key: stat.key,
        uid: stat.uid,
        gid: stat.gid,
        cuid: stat.cuid,
        cgid: stat.cgid,
        mode: stat.mode,
        seq: stat.seq,
        ..IpcPerm::default()
    };
    let told = ShmIdDs {
        perm,
        size: stat.size,
        atime: stat.atime,
        dtime: stat.dtime,
        ctime: stat.ctime,
        cpid: stat.cpid,
        lpid: stat.lpid,
        nattch: stat.nattch,
        unused: [0; 2],
    };
    task.copy_out(addr, &told)?;
    Ok(u64::from(stat.id.unsigned_abs()))
}

/// Returns who asks, with the capabilities of our own process, which are the program's.
fn caller(task: &CurrentTask) -> IpcCaller<'_> {
    let sets = rustix::thread::capabilities(None).map(|sets| sets.effective);
    let has = |capability| sets.is_ok_and(|effective| effective.contains(capability));
    IpcCaller {
        pid: task.task().pid(),
        credentials: task.task().credentials(),
        memlock: task.task().limits().lock().get(Resource::LockedMemory).soft,
        ignores_permissions: has(CapabilitySet::IPC_OWNER),
        is_administrator: has(CapabilitySet::SYS_ADMIN),
        locks_freely: has(CapabilitySet::IPC_LOCK),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        assert_eq!(size_of::<ShmIdDs>(), size_of::<libc::shmid_ds>());
        assert_eq!(std::mem::offset_of!(ShmIdDs, size), 48);
        assert_eq!(std::mem::offset_of!(ShmIdDs, nattch), 88);
        assert_eq!(size_of::<ShmInfo64>(), 72);
        assert_eq!(size_of::<ShmInfo>(), 48);
    }
}
