//! Path arguments, and the directories that they are relative to.

use std::sync::Arc;

use hostfs::FileDescription;
use kernel_task::CurrentTask;
use usermem_types::{Addr, Errno};

use crate::Args;

/// `AT_FDCWD`: relative to the current working directory.
pub(crate) const AT_FDCWD: i32 = -100;
/// `AT_SYMLINK_NOFOLLOW`.
pub(crate) const AT_SYMLINK_NOFOLLOW: u32 = 0x100;
/// `AT_REMOVEDIR`.
pub(crate) const AT_REMOVEDIR: u32 = 0x200;
/// `AT_SYMLINK_FOLLOW`.
pub(crate) const AT_SYMLINK_FOLLOW: u32 = 0x400;
/// `AT_EMPTY_PATH`.
pub(crate) const AT_EMPTY_PATH: u32 = 0x1000;

/// A path that was copied in, and the directory that it starts from when it is relative.
#[derive(Debug)]
pub(crate) struct PathAt {
    pub(crate) base: Arc<dyn FileDescription>,
    pub(crate) path: Vec<u8>,
}

impl PathAt {
    pub(crate) fn base(&self) -> &dyn FileDescription {
        &*self.base
    }
}

/// Copies a path in that is relative to the current working directory.
pub(crate) fn path(task: &CurrentTask, addr: Addr) -> Result<PathAt, Errno> {
    path_at(task, AT_FDCWD, addr)
}

/// Copies a path in that is relative to the descriptor `fd`.
pub(crate) fn path_at(task: &CurrentTask, fd: i32, addr: Addr) -> Result<PathAt, Errno> {
    let path = task.copy_in_path(addr)?;
    // Linux says so before it looks at the descriptor.
    if path.is_empty() { Err(Errno::ENOENT) } else { resolve(task, fd, path) }
}

/// Copies a path in for a call that knows `AT_EMPTY_PATH`: with that flag, a null pointer stands
/// for an empty path.
pub(crate) fn path_at_flags(
    task: &CurrentTask,
    fd: i32,
    addr: Addr,
    flags: u32,
) -> Result<PathAt, Errno> {
    if flags & AT_EMPTY_PATH == 0 {
        return path_at(task, fd, addr);
    }
    if addr == Addr::ZERO {
        return resolve(task, fd, Vec::new());
    }
    path_or_empty(task, fd, addr)
}

/// Copies a path in that may be empty: it stands for the descriptor itself then.
pub(crate) fn path_or_empty(task: &CurrentTask, fd: i32, addr: Addr) -> Result<PathAt, Errno> {
    resolve(task, fd, task.copy_in_path(addr)?)
}

fn resolve(task: &CurrentTask, fd: i32, path: Vec<u8>) -> Result<PathAt, Errno> {
    // An absolute path does not look at the descriptor, valid or not.
    let base = if fd == AT_FDCWD || path.first() == Some(&b'/') {
        task.task().cwd()
    } else {
        Arc::clone(&task.task().files().lock().get(fd)?.file)
    };
    Ok(PathAt { base, path })
}

/// Returns the open file of the descriptor in an argument.
pub(crate) fn file(
    task: &CurrentTask,
    args: &Args,
    index: usize,
) -> Result<Arc<dyn FileDescription>, Errno> {
    Ok(Arc::clone(&task.task().files().lock().get(args.int(index))?.file))
}

/// Returns the open file of the descriptor in an argument, unless it was opened as a mere place.
pub(crate) fn contents(
    task: &CurrentTask,
    args: &Args,
    index: usize,
) -> Result<Arc<dyn FileDescription>, Errno> {
    let file = file(task, args, index)?;
    if file.opened_flags().contains(hostfs::StatusFlags::PATH) {
        Err(Errno::EBADF)
    } else {
        Ok(file)
    }
}
