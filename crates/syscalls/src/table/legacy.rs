//! Calls that only x86-64 still has.

use super::Entry;
#[cfg(target_arch = "x86_64")]
pub(super) use x86_64::legacy_entries;

/// Other machines have none.
#[cfg(not(target_arch = "x86_64"))]
pub(super) fn legacy_entries() -> &'static [Entry] {
    &[]
}

#[cfg(target_arch = "x86_64")]
mod x86_64 {
    use super::Entry;
    use crate::table::native::entry;
    use crate::{directories, files, identity, metadata, poll, process, signals, time};

    /// Returns the calls that newer machines have replaced.
    pub(in crate::table) fn legacy_entries() -> &'static [Entry] {
        LEGACY
    }

    const LEGACY: &[Entry] = &[
        entry!(SYS_open, "open", files::open, [Path, OpenFlags, Mode]),
        entry!(SYS_creat, "creat", files::creat, [Path, Mode]),
        entry!(SYS_dup2, "dup2", files::dup2, [Fd, Fd]),
        entry!(SYS_pipe, "pipe", files::pipe, [FdPairOut]),
        entry!(SYS_stat, "stat", metadata::stat, [Path, StatOut]),
        entry!(SYS_lstat, "lstat", metadata::lstat, [Path, StatOut]),
        entry!(SYS_access, "access", metadata::access, [Path, Mode]),
        entry!(SYS_readlink, "readlink", metadata::readlink, [Path, BufOut, Size]),
        entry!(SYS_chmod, "chmod", metadata::chmod, [Path, Mode]),
        entry!(SYS_chown, "chown", metadata::chown, [Path, Int, Int]),
        entry!(SYS_lchown, "lchown", metadata::lchown, [Path, Int, Int]),
        entry!(SYS_mkdir, "mkdir", directories::mkdir, [Path, Mode]),
        entry!(SYS_rmdir, "rmdir", directories::rmdir, [Path]),
        entry!(SYS_mknod, "mknod", directories::mknod, [Path, Mode, Hex]),
        entry!(SYS_unlink, "unlink", directories::unlink, [Path]),
        entry!(SYS_rename, "rename", directories::rename, [Path, Path]),
        entry!(SYS_symlink, "symlink", directories::symlink, [Path, Path]),
        entry!(SYS_link, "link", directories::link, [Path, Path]),
        entry!(SYS_fork, "fork", process::not_offered, []),
        entry!(SYS_vfork, "vfork", process::not_offered, []),
        entry!(SYS_arch_prctl, "arch_prctl", process::arch_prctl, [ArchPrctl, Hex]),
        entry!(SYS_time, "time", time::time, [Addr]),
        entry!(SYS_alarm, "alarm", time::alarm, [Int]),
        entry!(SYS_getpgrp, "getpgrp", identity::getpgrp, []),
        entry!(SYS_pause, "pause", signals::pause, []),
        entry!(SYS_poll, "poll", poll::poll, [PollFds, Size, Int]),
        entry!(SYS_select, "select", poll::select, [Int, Addr, Addr, Addr, Addr]),
    ];
}
