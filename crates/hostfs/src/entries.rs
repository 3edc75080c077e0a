//! Making, moving and removing entries of directories.

use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FileType, Mode, RenameFlags};
use usermem_types::Errno;

use crate::attributes::at_flags;
use crate::host::{self, errno};
use crate::lookup::{Follow, Found, Last, LastName};
use crate::{FileDescription, Namespace, Place};

/// What a new entry is, for what a slash after its name means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum NewEntry {
    Directory,
    Other,
}

impl Namespace {
    /// Creates a directory.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn mkdir(&self, base: &dyn FileDescription, path: &[u8], mode: u32) -> Result<(), Errno> {
        let last = self.tree().lookup_parent(base, path)?;
        let (dir, name) = self.new_entry(&last, NewEntry::Directory)?;
        rustix::fs::mkdirat(dir, name, Mode::from_bits_truncate(mode)).map_err(errno)
    }

    /// Creates a regular file or a FIFO, by the type bits of `mode`.
    ///
    /// # Errors
    /// `EPERM` for other types; `EROFS` where the program may write to nothing; the host's.
    pub fn mknod(&self, base: &dyn FileDescription, path: &[u8], mode: u32) -> Result<(), Errno> {
        let file_type = match mode & libc::S_IFMT {
            0 | libc::S_IFREG => FileType::RegularFile,
            libc::S_IFIFO => FileType::Fifo,
            _ => return Err(Errno::EPERM),
        };
        let last = self.tree().lookup_parent(base, path)?;
        let (dir, name) = self.new_entry(&last, NewEntry::Other)?;
        let mode = Mode::from_bits_truncate(mode & 0o7777);
        rustix::fs::mknodat(dir, name, file_type, mode, 0).map_err(errno)
    }

    /// Creates a symbolic link with the text `target`.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn symlink(
        &self,
        target: &[u8],
        base: &dyn FileDescription,
        path: &[u8],
    ) -> Result<(), Errno> {
        if target.is_empty() {
            return Err(Errno::ENOENT);
        }
        let last = self.tree().lookup_parent(base, path)?;
        let (dir, name) = self.new_entry(&last, NewEntry::Other)?;
        rustix::fs::symlinkat(target, dir, name).map_err(errno)
    }

    /// Creates another name for a file; with `AT_SYMLINK_FOLLOW` for what a link leads to.
    ///
    /// # Errors
    /// `EXDEV` for a file that the program may not change: a name for it below a directory that it
    /// may write to would let it; `EROFS` where it may write to nothing; the host's.
    pub fn link(
        &self,
        old_base: &dyn FileDescription,
        old: &[u8],
        new_base: &dyn FileDescription,
        new: &[u8],
        flags: u32,
    ) -> Result<(), Errno> {
        let flags = at_flags(flags, AtFlags::SYMLINK_FOLLOW | AtFlags::EMPTY_PATH)?;
        let place = if old.is_empty() && flags.contains(AtFlags::EMPTY_PATH) {
            old_base.place().cloned().ok_or(Errno::EXDEV)?
        } else {
            let follow = flags.contains(AtFlags::SYMLINK_FOLLOW);
            let follow = if follow { Follow::Yes } else { Follow::No };
            match self.tree().lookup(old_base, old, follow)? {
                Found::Place(place, _) => place,
                Found::Open(file) => file.place().cloned().ok_or(Errno::EXDEV)?,
                Found::Link(_) => return Err(Errno::EXDEV),
            }
        };
        let last = self.tree().lookup_parent(new_base, new)?;
        let (dir, name) = self.new_entry(&last, NewEntry::Other)?;
        let file = self.tree().check_writable(&place).map_err(|_| Errno::EXDEV)?;
        host::by_number(file, |proc, number| {
            rustix::fs::linkat(proc, number, dir, name, AtFlags::SYMLINK_FOLLOW)
        })
    }

    /// Removes an entry; a directory with `AT_REMOVEDIR`.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing; the host's.
    pub fn unlink(&self, base: &dyn FileDescription, path: &[u8], flags: u32) -> Result<(), Errno> {
        let flags = at_flags(flags, AtFlags::REMOVEDIR)?;
        let last = self.tree().lookup_parent(base, path)?;
        let directory = flags.contains(AtFlags::REMOVEDIR);
        let name = match &last.name {
            LastName::Normal(name) => name,
            _ if !directory => return Err(Errno::EISDIR),
            LastName::Dot => return Err(Errno::EINVAL),
            LastName::DotDot => return Err(Errno::ENOTEMPTY),
            LastName::Root => return Err(Errno::EBUSY),
        };
        let dir = self.tree().check_writable(&last.parent)?;
        rustix::fs::unlinkat(dir, with_slash(name, last.slash), flags).map_err(errno)
    }

    /// Renames an entry, with the flags of `renameat2(2)`.
    ///
    /// # Errors
    /// `EROFS` where the program may write to nothing, `EXDEV` when it may write to one end only;
    /// the host's.
    pub fn rename(
        &self,
        old_base: &dyn FileDescription,
        old: &[u8],
        new_base: &dyn FileDescription,
        new: &[u8],
        flags: u32,
    ) -> Result<(), Errno> {
        let flags = rename_flags(flags)?;
        let from = self.tree().lookup_parent(old_base, old)?;
        let to = self.tree().lookup_parent(new_base, new)?;
        let old_dir = self.tree().check_writable(&from.parent);
        let new_dir = self.tree().check_writable(&to.parent);
        if old_dir.is_ok() != new_dir.is_ok() {
            return Err(Errno::EXDEV);
        }
        let LastName::Normal(old_name) = &from.name else { return Err(Errno::EBUSY) };
        let LastName::Normal(new_name) = &to.name else {
            let exists = flags.contains(RenameFlags::NOREPLACE);
            return Err(if exists { Errno::EEXIST } else { Errno::EBUSY });
        };
        rustix::fs::renameat_with(
            old_dir?,
            with_slash(old_name, from.slash),
            new_dir?,
            with_slash(new_name, to.slash),
            flags,
        )
        .map_err(errno)
    }

    /// Checks that an entry can be made, in Linux's order, and returns where and how.
    fn new_entry<'l>(
        &self,
        last: &'l Last,
        kind: NewEntry,
    ) -> Result<(BorrowedFd<'l>, &'l [u8]), Errno> {
        let LastName::Normal(name) = &last.name else { return Err(Errno::EEXIST) };
        match self.tree().lookup_from(&last.parent, name, Follow::No) {
            Ok(_) => return Err(Errno::EEXIST),
            Err(Errno::ENOENT) => {}
            Err(errno) => return Err(errno),
        }
        if last.slash && kind == NewEntry::Other {
            return Err(Errno::ENOENT);
        }
        let parent: &'l Place = &last.parent;
        let dir = self.tree().check_writable(parent)?;
        Ok((dir, name))
    }
}

/// Checks the flags of a rename.
fn rename_flags(flags: u32) -> Result<RenameFlags, Errno> {
    let known = RenameFlags::NOREPLACE | RenameFlags::EXCHANGE;
    let flags = RenameFlags::from_bits_retain(flags);
    if !known.contains(flags) || flags == known {
        return Err(Errno::EINVAL);
    }
    Ok(flags)
}

/// Returns a name with the slash that the host must judge.
fn with_slash(name: &[u8], slash: bool) -> Vec<u8> {
    let mut name = name.to_vec();
    if slash {
        name.push(b'/');
    }
    name
}
