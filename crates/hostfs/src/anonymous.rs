//! Files that are nowhere in the tree.

use std::os::fd::OwnedFd;
use std::sync::Arc;

use memmap::CommitLimit;
use rustix::event::EventfdFlags;
use rustix::fs::MemfdFlags;
use rustix::pipe::PipeFlags;
use usermem_types::Errno;

use crate::FileDescription;
use crate::host::errno;
use crate::open_file::OpenFile;

/// The end of a pipe to read from, and the end to write to.
pub type PipeEnds = (Arc<dyn FileDescription>, Arc<dyn FileDescription>);

/// Creates a pipe: the end to read from, and the end to write to.
///
/// Takes the flags of `pipe2(2)`; `O_CLOEXEC` is the caller's to keep.
///
/// # Errors
/// `EINVAL` for flags that it does not know; the host's.
pub fn pipe(flags: u32) -> Result<PipeEnds, Errno> {
    let flags = known(PipeFlags::from_bits(flags), flags, PipeFlags::bits)?;
    let allowed = PipeFlags::CLOEXEC | PipeFlags::DIRECT | PipeFlags::NONBLOCK;
    if !allowed.contains(flags) {
        return Err(Errno::EINVAL);
    }
    let (read, write) = rustix::pipe::pipe_with(flags | PipeFlags::CLOEXEC).map_err(errno)?;
    Ok((describe(read)?, describe(write)?))
}

/// Creates a file of memory, whose pages count against a limit when they are written, allocated
/// or shown in a mapping: then there is no room (`ENOSPC`), or no memory to show (`SIGBUS`).
///
/// # Errors
/// `EINVAL` for flags that it does not know; the host's.
pub fn memfd(
    name: &[u8],
    flags: u32,
    limit: Arc<dyn CommitLimit>,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let flags = known(MemfdFlags::from_bits(flags), flags, MemfdFlags::bits)?;
    let allowed = MemfdFlags::CLOEXEC
        | MemfdFlags::ALLOW_SEALING
        | MemfdFlags::NOEXEC_SEAL
        | MemfdFlags::EXEC;
    if !allowed.contains(flags) {
        return Err(Errno::EINVAL);
    }
    let fd = rustix::fs::memfd_create(name, flags | MemfdFlags::CLOEXEC).map_err(errno)?;
    Ok(Arc::new(OpenFile::of_memory(fd, limit)?))
}

/// Creates a counter to wait on.
///
/// # Errors
/// `EINVAL` for flags that it does not know; the host's.
pub fn eventfd(initial: u32, flags: u32) -> Result<Arc<dyn FileDescription>, Errno> {
    let flags = known(EventfdFlags::from_bits(flags), flags, EventfdFlags::bits)?;
    let allowed = EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK | EventfdFlags::SEMAPHORE;
    if !allowed.contains(flags) {
        return Err(Errno::EINVAL);
    }
    let fd = rustix::event::eventfd(initial, flags | EventfdFlags::CLOEXEC).map_err(errno)?;
    describe(fd)
}

fn known<F: Copy>(flags: Option<F>, raw: u32, bits: impl Fn(&F) -> u32) -> Result<F, Errno> {
    flags.filter(|flags| bits(flags) == raw).ok_or(Errno::EINVAL)
}

fn describe(fd: OwnedFd) -> Result<Arc<dyn FileDescription>, Errno> {
    Ok(Arc::new(OpenFile::new(fd, None)?))
}
