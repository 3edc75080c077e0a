//! Resource limits.

use std::sync::LazyLock;

use kernel_task::{CurrentTask, RLimit, Resource};
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::identity::check_self;
use crate::{Args, SysResult};

/// `struct rlimit` of 64-bit Linux, which is `struct rlimit64` as well.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct Rlimit64 {
    soft: u64,
    hard: u64,
}

/// The most descriptors that the host allows anyone.
static NR_OPEN: LazyLock<u64> = LazyLock::new(|| {
    let text = std::fs::read_to_string("/proc/sys/fs/nr_open").unwrap_or_default();
    text.trim().parse().unwrap_or(1 << 20)
});

pub(crate) fn getrlimit(task: &mut CurrentTask, args: &Args) -> SysResult {
    let old = exchange(task, args.uint(0), None)?;
    task.copy_out(args.addr(1), &old)?;
    Ok(0)
}

pub(crate) fn setrlimit(task: &mut CurrentTask, args: &Args) -> SysResult {
    let new = task.copy_in(args.addr(1))?;
    exchange(task, args.uint(0), Some(new))?;
    Ok(0)
}

pub(crate) fn prlimit64(task: &mut CurrentTask, args: &Args) -> SysResult {
    let new = match args.addr(2) {
        Addr::ZERO => None,
        addr => Some(task.copy_in(addr)?),
    };
    check_self(task, args.int(0))?;
    let old = exchange(task, args.uint(1), new)?;
    if args.addr(3) != Addr::ZERO {
        task.copy_out(args.addr(3), &old)?;
    }
    Ok(0)
}

/// Sets a limit, if there is a new one, and returns the old one.
fn exchange(task: &CurrentTask, resource: u32, new: Option<Rlimit64>) -> Result<Rlimit64, Errno> {
    let resource = Resource::try_from(resource).map_err(|_| Errno::EINVAL)?;
    let mut limits = task.task().limits().lock();
    let old = limits.get(resource);
    if let Some(new) = new {
        let new = RLimit { soft: new.soft, hard: new.hard };
        if resource == Resource::OpenFiles && new.soft <= new.hard && new.hard > *NR_OPEN {
            return Err(Errno::EPERM);
        }
        limits.set(resource, new)?;
        bound_memory(task, resource, new.soft);
    }
    Ok(Rlimit64 { soft: old.soft, hard: old.hard })
}

/// Tells the memory manager of a limit that it enforces.
fn bound_memory(task: &CurrentTask, resource: Resource, soft: u64) {
    let limits = task.task().memory_manager().limits();
    match resource {
        Resource::AddressSpace => limits.address_space.set(soft),
        Resource::Data => limits.data.set(soft),
        Resource::Stack => limits.stack.set(soft),
        Resource::LockedMemory => limits.memlock.set(soft),
        _ => {}
    }
}
