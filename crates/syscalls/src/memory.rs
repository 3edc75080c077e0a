//! Memory calls: arguments are unpacked here, and the memory manager decides.

use hostfs::{FileKind, StatusFlags};
use kernel_task::CurrentTask;
use mm::{FileContents, FileRights, MmapFile, MmapFlags, MmapRequest};
use usermem_types::{AccessType, Addr, Errno};

use crate::paths::file;
use crate::{Args, SysResult};

/// The device number of `/dev/zero`.
const DEV_ZERO: (u32, u32) = (1, 5);

/// The kinds of file systems from which nothing is run, however they are mounted: those of pipes,
/// sockets, files without a name, processes and devices.
const NO_PROGRAMS: [u64; 5] = [0x5049_5045, 0x534f_434b, 0x0904_1934, 0x9fa0, 0x6265_6572];

pub(crate) fn mmap(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = MmapFlags::from_bits_retain(args.uint(3));
    let offset = args.raw(5);
    if offset & 0xfff != 0 {
        return Err(Errno::EINVAL);
    }
    let request = MmapRequest {
        addr: args.addr(0),
        len: args.raw(1),
        access: AccessType::from_prot(args.uint(2)),
        max_access: AccessType::ALL,
        flags,
        offset,
        object: None,
    };
    let memory = task.task().memory_manager();
    let mapped = if flags.contains(MmapFlags::ANONYMOUS) {
        memory.mmap(request)
    } else {
        memory.mmap_file(request, mapped_file(task, args)?)
    };
    mapped.map(Addr::get)
}

/// Returns what the memory manager must know of the descriptor.
fn mapped_file(task: &CurrentTask, args: &Args) -> Result<MmapFile, Errno> {
    let file = file(task, args, 4)?;
    let status = file.opened_flags();
    if status.contains(StatusFlags::PATH) {
        return Err(Errno::EBADF);
    }
    let is_write_only = status.contains(StatusFlags::WRITE_ONLY);
    let mut rights = FileRights::empty();
    rights.set(FileRights::READ, !is_write_only);
    rights.set(FileRights::WRITE, is_write_only || status.contains(StatusFlags::READ_WRITE));
    let forbids_execution = file
        .statfs()
        .is_ok_and(|fs| fs.flags & libc::ST_NOEXEC != 0 || NO_PROGRAMS.contains(&fs.kind));
    rights.set(FileRights::EXECUTE, !forbids_execution);
    rights.set(FileRights::SEALED, file.is_write_sealed());
    let is_bounded = matches!(file.kind(), FileKind::Regular | FileKind::Socket);
    let contents = match file.mapped_object() {
        Ok(object) => FileContents::Object(object),
        Err(_) if is_write_only => FileContents::Nothing,
        Err(Errno::ENODEV) if file.stat()?.rdev == DEV_ZERO => FileContents::Zeros,
        Err(Errno::ENODEV) => FileContents::Nothing,
        Err(errno) => return Err(errno),
    };
    let max_size = if is_bounded { i64::MAX as u64 } else { u64::MAX };
    Ok(MmapFile { rights, max_size, contents })
}

pub(crate) fn munmap(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().munmap(args.addr(0), args.raw(1))?;
    Ok(0)
}

pub(crate) fn mprotect(task: &mut CurrentTask, args: &Args) -> SysResult {
    let prot = u32::try_from(args.raw(2)).map_err(|_| Errno::EINVAL)?;
    task.task().memory_manager().mprotect(args.addr(0), args.raw(1), prot)?;
    Ok(0)
}

pub(crate) fn mremap(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = u32::try_from(args.raw(3)).map_err(|_| Errno::EINVAL)?;
    let memory = task.task().memory_manager();
    memory.mremap(args.addr(0), args.raw(1), args.raw(2), flags, args.addr(4)).map(Addr::get)
}

pub(crate) fn brk(task: &mut CurrentTask, args: &Args) -> SysResult {
    Ok(task.task().memory_manager().brk(args.addr(0)).get())
}

pub(crate) fn madvise(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().madvise(args.addr(0), args.raw(1), args.int(2))?;
    Ok(0)
}

pub(crate) fn mlock(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().mlock(args.addr(0), args.raw(1), 0)?;
    Ok(0)
}

pub(crate) fn mlock2(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().mlock(args.addr(0), args.raw(1), args.uint(2))?;
    Ok(0)
}

pub(crate) fn munlock(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().munlock(args.addr(0), args.raw(1))?;
    Ok(0)
}

pub(crate) fn mlockall(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().mlockall(args.uint(0))?;
    Ok(0)
}

pub(crate) fn munlockall(task: &mut CurrentTask, _args: &Args) -> SysResult {
    task.task().memory_manager().munlockall();
    Ok(0)
}

pub(crate) fn mseal(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().mseal(args.addr(0), args.raw(1), args.raw(2))?;
    Ok(0)
}

pub(crate) fn remap_file_pages(task: &mut CurrentTask, args: &Args) -> SysResult {
    let memory = task.task().memory_manager();
    memory.remap_file_pages(args.addr(0), args.raw(1), args.raw(2), args.raw(3), args.raw(4))?;
    Ok(0)
}

/// There are no keys, as on a processor that has none.
pub(crate) fn pkey_alloc(_task: &mut CurrentTask, args: &Args) -> SysResult {
    const PKEY_ACCESS_MASK: u64 = 3;
    let is_valid = args.raw(0) == 0 && args.raw(1) & !PKEY_ACCESS_MASK == 0;
    Err(if is_valid { Errno::ENOSPC } else { Errno::EINVAL })
}

pub(crate) fn pkey_free(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::EINVAL)
}

/// Is `mprotect` without a key.
pub(crate) fn pkey_mprotect(task: &mut CurrentTask, args: &Args) -> SysResult {
    const NO_KEY: i32 = -1;
    if args.int(3) == NO_KEY { mprotect(task, args) } else { Err(Errno::EINVAL) }
}

pub(crate) fn msync(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.task().memory_manager().msync(args.addr(0), args.raw(1), args.uint(2))?;
    Ok(0)
}

pub(crate) fn mincore(task: &mut CurrentTask, args: &Args) -> SysResult {
    let out = args.addr(2);
    let memory = task.task().memory_manager();
    let pieces = memory.mincore(args.addr(0), args.raw(1))?;
    task.check_io_range(out, args.raw(1).div_ceil(4096))?;
    let mut done = 0;
    for piece in pieces {
        let piece = piece?;
        let at = out.checked_add(done).ok_or(Errno::EFAULT)?;
        task.copy_out(at, piece.as_slice())?;
        done += piece.len() as u64;
    }
    Ok(0)
}
