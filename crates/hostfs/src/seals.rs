//! Seals of memory files.

use std::os::fd::BorrowedFd;
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::SealFlags;
use usermem_types::Errno;

use crate::host::errno;
use crate::mapping::Inode;

/// `F_SEAL_SHRINK`, `F_SEAL_GROW`.
const SIZE: u32 = 0x2 | 0x4;
/// `F_SEAL_SEAL`.
const SEAL: u32 = 0x1;
/// `F_SEAL_WRITE`.
const WRITE: u32 = 0x8;
/// `F_SEAL_FUTURE_WRITE`.
const FUTURE_WRITE: u32 = 0x10;
/// `F_SEAL_EXEC`.
const EXECUTE: u32 = 0x20;
/// Every seal.
const ALL: u32 = SEAL | SIZE | WRITE | FUTURE_WRITE | EXECUTE;

/// The permissions to execute.
const EXECUTE_BITS: u32 = 0o111;

/// The seals of a memory file that are kept here: those that ask who maps it. The host's answer
/// would be that we do.
///
/// They last as long as the file does: every open file of it holds them.
#[derive(Debug, Default)]
pub(crate) struct Seals(AtomicU32);

impl Seals {
    /// Returns the seals that are kept here.
    pub(crate) fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }

    /// Adds seals; `is_mapped` says that there is a shared mapping that may be written.
    ///
    /// # Errors
    /// `EBUSY` when that is in the way.
    pub(crate) fn add(&self, seals: u32, is_mapped: bool) -> Result<(), Errno> {
        if seals & WRITE != 0 && self.get() & WRITE == 0 && is_mapped {
            return Err(Errno::EBUSY);
        }
        self.0.fetch_or(seals & (WRITE | FUTURE_WRITE | EXECUTE), Ordering::Relaxed);
        Ok(())
    }

    /// Checks that the contents may be changed.
    ///
    /// # Errors
    /// `EPERM` when they may not.
    pub(crate) fn check_writing(&self) -> Result<(), Errno> {
        if self.forbid_writing() { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Returns whether contents must not be changed, nor shared mappings made that could.
    pub(crate) fn forbid_writing(&self) -> bool {
        self.get() & (WRITE | FUTURE_WRITE) != 0
    }

    /// Returns whether there must be no shared mapping that may be written, not even a copy of one.
    pub(crate) fn forbid_writable_mappings(&self) -> bool {
        self.get() & WRITE != 0
    }

    /// Checks a change of permissions.
    ///
    /// # Errors
    /// `EPERM` when the permissions to execute change and must not.
    pub(crate) fn check_mode(&self, old: u32, new: u32) -> Result<(), Errno> {
        let changes = (old ^ new) & EXECUTE_BITS != 0;
        if self.get() & EXECUTE != 0 && changes { Err(Errno::EPERM) } else { Ok(()) }
    }
}

/// Returns the host's seals of a file.
///
/// # Errors
/// `EINVAL` for a file that has none.
pub(crate) fn of_host(fd: BorrowedFd<'_>) -> Result<u32, Errno> {
    rustix::fs::fcntl_get_seals(fd).map(|seals| seals.bits()).map_err(errno)
}

/// Seals a file that is open for writing, of these permissions, whose own seals are kept in
/// `inode`.
///
/// # Errors
/// Those of `F_ADD_SEALS`, in Linux's order.
pub(crate) fn add(fd: BorrowedFd<'_>, inode: &Inode, mode: u32, seals: u32) -> Result<(), Errno> {
    if seals & !ALL != 0 {
        return Err(Errno::EINVAL);
    }
    if of_host(fd)? & SEAL != 0 {
        return Err(Errno::EPERM);
    }
    // What stays executable does not change at all any more.
    let is_frozen = seals & EXECUTE != 0 && mode & EXECUTE_BITS != 0;
    let seals = if is_frozen { seals | SIZE | WRITE | FUTURE_WRITE } else { seals };
    inode.add_seals(seals)?;
    let hosts = SealFlags::from_bits_retain(seals & (SEAL | SIZE));
    rustix::fs::fcntl_add_seals(fd, hosts).map_err(errno)
}
