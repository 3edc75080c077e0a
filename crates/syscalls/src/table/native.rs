//! The calls of this machine.

use super::Entry;
use super::legacy::legacy_entries;
use crate::{
    directories, files, futex, identity, ioctl, limits, memory, metadata, misc, policy, poll,
    process, read_write, remote, shm, signals, time,
};

/// Makes an [`Entry`]. A function cannot name the kinds of the arguments as briefly.
macro_rules! entry {
    ($number:ident, $name:literal, $run:path, [$($kind:ident),* $(,)?]) => {
        $crate::table::Entry {
            number: ::libc::$number as usize,
            name: $name,
            args: &[$($crate::table::ArgKind::$kind),*],
            run: $run,
        }
    };
}
pub(super) use entry;

/// Returns every call, in no particular order.
pub(super) fn entries() -> impl Iterator<Item = Entry> {
    [FILES.iter(), MEMORY.iter(), OTHERS.iter(), legacy_entries().iter()]
        .into_iter()
        .flatten()
        .copied()
}

const FILES: &[Entry] = &[
    entry!(SYS_read, "read", read_write::read, [Fd, BufOut, Size]),
    entry!(SYS_write, "write", read_write::write, [Fd, BufIn, Size]),
    entry!(SYS_pread64, "pread64", read_write::pread64, [Fd, BufOut, Size, Int]),
    entry!(SYS_pwrite64, "pwrite64", read_write::pwrite64, [Fd, BufIn, Size, Int]),
    entry!(SYS_readv, "readv", read_write::readv, [Fd, IovecOut, Size]),
    entry!(SYS_writev, "writev", read_write::writev, [Fd, IovecIn, Size]),
    entry!(SYS_preadv, "preadv", read_write::preadv, [Fd, IovecOut, Size, Int]),
    entry!(SYS_pwritev, "pwritev", read_write::pwritev, [Fd, IovecIn, Size, Int]),
    entry!(SYS_preadv2, "preadv2", read_write::preadv2, [Fd, IovecOut, Size, Int, Hex, Hex]),
    entry!(SYS_pwritev2, "pwritev2", read_write::pwritev2, [Fd, IovecIn, Size, Int, Hex, Hex]),
    entry!(SYS_sendfile, "sendfile", read_write::sendfile, [Fd, Fd, Addr, Size]),
    entry!(SYS_openat, "openat", files::openat, [DirFd, Path, OpenFlags, Mode]),
    entry!(SYS_close, "close", files::close, [Fd]),
    entry!(SYS_close_range, "close_range", files::close_range, [Fd, Fd, Hex]),
    entry!(SYS_dup, "dup", files::dup, [Fd]),
    entry!(SYS_dup3, "dup3", files::dup3, [Fd, Fd, OpenFlags]),
    entry!(SYS_pipe2, "pipe2", files::pipe2, [FdPairOut, OpenFlags]),
    entry!(SYS_eventfd2, "eventfd2", files::eventfd2, [Int, OpenFlags]),
    entry!(SYS_memfd_create, "memfd_create", files::memfd_create, [Path, Hex]),
    entry!(SYS_fcntl, "fcntl", files::fcntl, [Fd, FcntlCmd, Hex]),
    entry!(SYS_flock, "flock", files::flock, [Fd, Hex]),
    entry!(SYS_lseek, "lseek", files::lseek, [Fd, Int, Whence]),
    entry!(SYS_ftruncate, "ftruncate", files::ftruncate, [Fd, Int]),
    entry!(SYS_truncate, "truncate", files::truncate, [Path, Int]),
    entry!(SYS_fallocate, "fallocate", files::fallocate, [Fd, Hex, Int, Int]),
    entry!(SYS_fsync, "fsync", files::fsync, [Fd]),
    entry!(SYS_fdatasync, "fdatasync", files::fdatasync, [Fd]),
    entry!(SYS_fadvise64, "fadvise64", files::fadvise64, [Fd, Int, Int, Int]),
    entry!(SYS_readahead, "readahead", files::readahead, [Fd, Int, Size]),
    entry!(SYS_fstat, "fstat", metadata::fstat, [Fd, StatOut]),
    entry!(SYS_newfstatat, "newfstatat", metadata::newfstatat, [DirFd, Path, StatOut, AtFlags]),
    entry!(SYS_statx, "statx", metadata::statx, [DirFd, Path, AtFlags, Hex, Addr]),
    entry!(SYS_faccessat, "faccessat", metadata::faccessat, [DirFd, Path, Mode]),
    entry!(SYS_faccessat2, "faccessat2", metadata::faccessat2, [DirFd, Path, Mode, AtFlags]),
    entry!(SYS_readlinkat, "readlinkat", metadata::readlinkat, [DirFd, Path, BufOut, Size]),
    entry!(SYS_fchmod, "fchmod", metadata::fchmod, [Fd, Mode]),
    entry!(SYS_fchmodat, "fchmodat", metadata::fchmodat, [DirFd, Path, Mode]),
    entry!(SYS_fchown, "fchown", metadata::fchown, [Fd, Int, Int]),
    entry!(SYS_fchownat, "fchownat", metadata::fchownat, [DirFd, Path, Int, Int, AtFlags]),
    entry!(SYS_utimensat, "utimensat", metadata::utimensat, [DirFd, Path, Addr, AtFlags]),
    entry!(SYS_statfs, "statfs", metadata::statfs, [Path, Addr]),
    entry!(SYS_fstatfs, "fstatfs", metadata::fstatfs, [Fd, Addr]),
    entry!(SYS_getxattr, "getxattr", metadata::no_xattr, [Path, Path, Addr, Size]),
    entry!(SYS_setxattr, "setxattr", metadata::no_xattr, [Path, Path, Addr, Size, Hex]),
    entry!(SYS_listxattr, "listxattr", metadata::no_xattr, [Path, Addr, Size]),
    entry!(SYS_removexattr, "removexattr", metadata::no_xattr, [Path, Path]),
    entry!(SYS_lgetxattr, "lgetxattr", metadata::no_lxattr, [Path, Path, Addr, Size]),
    entry!(SYS_lsetxattr, "lsetxattr", metadata::no_lxattr, [Path, Path, Addr, Size, Hex]),
    entry!(SYS_llistxattr, "llistxattr", metadata::no_lxattr, [Path, Addr, Size]),
    entry!(SYS_lremovexattr, "lremovexattr", metadata::no_lxattr, [Path, Path]),
    entry!(SYS_fgetxattr, "fgetxattr", metadata::no_fxattr, [Fd, Path, Addr, Size]),
    entry!(SYS_fsetxattr, "fsetxattr", metadata::no_fxattr, [Fd, Path, Addr, Size, Hex]),
    entry!(SYS_flistxattr, "flistxattr", metadata::no_fxattr, [Fd, Addr, Size]),
    entry!(SYS_fremovexattr, "fremovexattr", metadata::no_fxattr, [Fd, Path]),
    entry!(SYS_getdents64, "getdents64", directories::getdents64, [Fd, Addr, Size]),
    entry!(SYS_mkdirat, "mkdirat", directories::mkdirat, [DirFd, Path, Mode]),
    entry!(SYS_mknodat, "mknodat", directories::mknodat, [DirFd, Path, Mode, Hex]),
    entry!(SYS_unlinkat, "unlinkat", directories::unlinkat, [DirFd, Path, AtFlags]),
    entry!(SYS_renameat, "renameat", directories::renameat, [DirFd, Path, DirFd, Path]),
    entry!(SYS_renameat2, "renameat2", directories::renameat2, [DirFd, Path, DirFd, Path, Hex]),
    entry!(SYS_symlinkat, "symlinkat", directories::symlinkat, [Path, DirFd, Path]),
    entry!(SYS_linkat, "linkat", directories::linkat, [DirFd, Path, DirFd, Path, AtFlags]),
    entry!(SYS_chdir, "chdir", directories::chdir, [Path]),
    entry!(SYS_fchdir, "fchdir", directories::fchdir, [Fd]),
    entry!(SYS_getcwd, "getcwd", directories::getcwd, [BufOut, Size]),
    entry!(SYS_ioctl, "ioctl", ioctl::ioctl, [Fd, Ioctl, Hex]),
];

const MEMORY: &[Entry] = &[
    entry!(SYS_mmap, "mmap", memory::mmap, [Addr, Size, Prot, MapFlags, Fd, Hex]),
    entry!(SYS_munmap, "munmap", memory::munmap, [Addr, Size]),
    entry!(SYS_mprotect, "mprotect", memory::mprotect, [Addr, Size, Prot]),
    entry!(SYS_mremap, "mremap", memory::mremap, [Addr, Size, Size, RemapFlags, Addr]),
    entry!(SYS_brk, "brk", memory::brk, [Addr]),
    entry!(SYS_madvise, "madvise", memory::madvise, [Addr, Size, Advice]),
    entry!(SYS_mlock, "mlock", memory::mlock, [Addr, Size]),
    entry!(SYS_mlock2, "mlock2", memory::mlock2, [Addr, Size, Hex]),
    entry!(SYS_munlock, "munlock", memory::munlock, [Addr, Size]),
    entry!(SYS_mlockall, "mlockall", memory::mlockall, [Hex]),
    entry!(SYS_munlockall, "munlockall", memory::munlockall, []),
    entry!(SYS_msync, "msync", memory::msync, [Addr, Size, Hex]),
    entry!(SYS_mincore, "mincore", memory::mincore, [Addr, Size, Addr]),
    entry!(SYS_mseal, "mseal", memory::mseal, [Addr, Size, Hex]),
    entry!(
        SYS_remap_file_pages,
        "remap_file_pages",
        memory::remap_file_pages,
        [Addr, Size, Prot, Size, MapFlags]
    ),
    entry!(SYS_pkey_alloc, "pkey_alloc", memory::pkey_alloc, [Hex, Hex]),
    entry!(SYS_pkey_free, "pkey_free", memory::pkey_free, [Int]),
    entry!(SYS_pkey_mprotect, "pkey_mprotect", memory::pkey_mprotect, [Addr, Size, Prot, Int]),
    entry!(
        SYS_mbind,
        "mbind",
        policy::mbind,
        [Addr, Size, PolicyMode, NodeMaskIn, Size, MovePagesFlags]
    ),
    entry!(
        SYS_set_mempolicy,
        "set_mempolicy",
        policy::set_mempolicy,
        [PolicyMode, NodeMaskIn, Size]
    ),
    entry!(
        SYS_get_mempolicy,
        "get_mempolicy",
        policy::get_mempolicy,
        [Addr, Addr, Size, Addr, PolicyQuery]
    ),
    entry!(
        SYS_set_mempolicy_home_node,
        "set_mempolicy_home_node",
        policy::set_mempolicy_home_node,
        [Addr, Size, Size, Hex]
    ),
    entry!(SYS_migrate_pages, "migrate_pages", policy::migrate_pages, [Int, Size, Addr, Addr]),
    entry!(
        SYS_move_pages,
        "move_pages",
        policy::move_pages,
        [Int, Size, Addr, Addr, Addr, MovePagesFlags]
    ),
    entry!(
        SYS_process_madvise,
        "process_madvise",
        remote::process_madvise,
        [PidFd, Addr, Size, Advice, Hex]
    ),
    entry!(SYS_process_mrelease, "process_mrelease", remote::process_mrelease, [PidFd, Hex]),
    entry!(
        SYS_process_vm_readv,
        "process_vm_readv",
        remote::process_vm_readv,
        [Int, IovecOut, Size, Addr, Size, Hex]
    ),
    entry!(
        SYS_process_vm_writev,
        "process_vm_writev",
        remote::process_vm_writev,
        [Int, IovecIn, Size, Addr, Size, Hex]
    ),
    entry!(SYS_shmget, "shmget", shm::shmget, [IpcKey, Size, ShmGetFlags]),
    entry!(SYS_shmat, "shmat", shm::shmat, [Int, Addr, ShmAtFlags]),
    entry!(SYS_shmdt, "shmdt", shm::shmdt, [Addr]),
    entry!(SYS_shmctl, "shmctl", shm::shmctl, [Int, ShmCommand, Addr]),
];

const OTHERS: &[Entry] = &[
    entry!(SYS_exit, "exit", process::exit, [Int]),
    entry!(SYS_exit_group, "exit_group", process::exit, [Int]),
    entry!(SYS_clone, "clone", process::not_offered, [Hex, Addr, Addr, Addr, Addr]),
    entry!(SYS_clone3, "clone3", process::not_offered, [Addr, Size]),
    entry!(SYS_execve, "execve", process::not_offered, [Path, Addr, Addr]),
    entry!(SYS_execveat, "execveat", process::not_offered, [DirFd, Path, Addr, Addr, AtFlags]),
    entry!(SYS_wait4, "wait4", process::wait4, [Int, Addr, Hex, Addr]),
    entry!(SYS_waitid, "waitid", process::waitid, [Int, Int, Addr, Hex, Addr]),
    entry!(SYS_futex, "futex", futex::futex, [Addr, FutexOp, Int, TimespecIn, Addr, Hex]),
    entry!(SYS_clock_gettime, "clock_gettime", time::clock_gettime, [Clock, TimespecOut]),
    entry!(SYS_clock_getres, "clock_getres", time::clock_getres, [Clock, TimespecOut]),
    entry!(SYS_clock_settime, "clock_settime", time::clock_settime, [Clock, TimespecIn]),
    entry!(
        SYS_clock_nanosleep,
        "clock_nanosleep",
        time::clock_nanosleep,
        [Clock, Hex, TimespecIn, TimespecOut]
    ),
    entry!(SYS_nanosleep, "nanosleep", time::nanosleep, [TimespecIn, TimespecOut]),
    entry!(SYS_gettimeofday, "gettimeofday", time::gettimeofday, [Addr, Addr]),
    entry!(SYS_settimeofday, "settimeofday", time::settimeofday, [Addr, Addr]),
    entry!(SYS_times, "times", time::times, [Addr]),
    entry!(SYS_getrusage, "getrusage", time::getrusage, [Int, Addr]),
    entry!(SYS_getitimer, "getitimer", time::getitimer, [Int, Addr]),
    entry!(SYS_setitimer, "setitimer", time::setitimer, [Int, Addr, Addr]),
    entry!(SYS_getpid, "getpid", identity::getpid, []),
    entry!(SYS_getppid, "getppid", identity::getppid, []),
    entry!(SYS_gettid, "gettid", identity::gettid, []),
    entry!(SYS_getuid, "getuid", identity::getuid, []),
    entry!(SYS_geteuid, "geteuid", identity::geteuid, []),
    entry!(SYS_getgid, "getgid", identity::getgid, []),
    entry!(SYS_getegid, "getegid", identity::getegid, []),
    entry!(SYS_getresuid, "getresuid", identity::getresuid, [Addr, Addr, Addr]),
    entry!(SYS_getresgid, "getresgid", identity::getresgid, [Addr, Addr, Addr]),
    entry!(SYS_getgroups, "getgroups", identity::getgroups, [Int, Addr]),
    entry!(SYS_setgroups, "setgroups", identity::setgroups, [Int, Addr]),
    entry!(SYS_setuid, "setuid", identity::setuid, [Int]),
    entry!(SYS_setgid, "setgid", identity::setgid, [Int]),
    entry!(SYS_setreuid, "setreuid", identity::setreuid, [Int, Int]),
    entry!(SYS_setregid, "setregid", identity::setregid, [Int, Int]),
    entry!(SYS_setresuid, "setresuid", identity::setresuid, [Int, Int, Int]),
    entry!(SYS_setresgid, "setresgid", identity::setresgid, [Int, Int, Int]),
    entry!(SYS_setfsuid, "setfsuid", identity::setfsuid, [Int]),
    entry!(SYS_setfsgid, "setfsgid", identity::setfsgid, [Int]),
    entry!(SYS_getpgid, "getpgid", identity::getpgid, [Int]),
    entry!(SYS_setpgid, "setpgid", identity::setpgid, [Int, Int]),
    entry!(SYS_getsid, "getsid", identity::getsid, [Int]),
    entry!(SYS_setsid, "setsid", identity::setsid, []),
    entry!(SYS_capget, "capget", identity::capget, [Addr, Addr]),
    entry!(SYS_capset, "capset", identity::capset, [Addr, Addr]),
    entry!(SYS_umask, "umask", identity::umask, [Mode]),
    entry!(SYS_personality, "personality", identity::personality, [Hex]),
    entry!(SYS_getrlimit, "getrlimit", limits::getrlimit, [Resource, Addr]),
    entry!(SYS_setrlimit, "setrlimit", limits::setrlimit, [Resource, Addr]),
    entry!(SYS_prlimit64, "prlimit64", limits::prlimit64, [Int, Resource, Addr, Addr]),
    entry!(SYS_getpriority, "getpriority", limits::getpriority, [Int, Int]),
    entry!(SYS_setpriority, "setpriority", limits::setpriority, [Int, Int, Int]),
    entry!(SYS_sched_yield, "sched_yield", limits::sched_yield, []),
    entry!(
        SYS_sched_getaffinity,
        "sched_getaffinity",
        limits::sched_getaffinity,
        [Int, Size, Addr]
    ),
    entry!(
        SYS_sched_setaffinity,
        "sched_setaffinity",
        limits::sched_setaffinity,
        [Int, Size, Addr]
    ),
    entry!(SYS_sched_getscheduler, "sched_getscheduler", limits::sched_getscheduler, [Int]),
    entry!(
        SYS_sched_setscheduler,
        "sched_setscheduler",
        limits::sched_setscheduler,
        [Int, Int, Addr]
    ),
    entry!(SYS_sched_getparam, "sched_getparam", limits::sched_getparam, [Int, Addr]),
    entry!(SYS_sched_setparam, "sched_setparam", limits::sched_setparam, [Int, Addr]),
    entry!(
        SYS_sched_get_priority_max,
        "sched_get_priority_max",
        limits::sched_get_priority_max,
        [Int]
    ),
    entry!(
        SYS_sched_get_priority_min,
        "sched_get_priority_min",
        limits::sched_get_priority_min,
        [Int]
    ),
    entry!(SYS_getcpu, "getcpu", limits::getcpu, [Addr, Addr, Addr]),
    entry!(SYS_rt_sigaction, "rt_sigaction", signals::rt_sigaction, [Signal, Addr, Addr, Size]),
    entry!(
        SYS_rt_sigprocmask,
        "rt_sigprocmask",
        signals::rt_sigprocmask,
        [SigHow, Addr, Addr, Size]
    ),
    entry!(SYS_rt_sigpending, "rt_sigpending", signals::rt_sigpending, [Addr, Size]),
    entry!(SYS_rt_sigsuspend, "rt_sigsuspend", signals::rt_sigsuspend, [Addr, Size]),
    entry!(
        SYS_rt_sigtimedwait,
        "rt_sigtimedwait",
        signals::rt_sigtimedwait,
        [Addr, Addr, TimespecIn, Size]
    ),
    entry!(SYS_rt_sigreturn, "rt_sigreturn", signals::rt_sigreturn, []),
    entry!(SYS_sigaltstack, "sigaltstack", signals::sigaltstack, [Addr, Addr]),
    entry!(SYS_kill, "kill", signals::kill, [Int, Signal]),
    entry!(SYS_tkill, "tkill", signals::tkill, [Int, Signal]),
    entry!(SYS_tgkill, "tgkill", signals::tgkill, [Int, Int, Signal]),
    entry!(SYS_ppoll, "ppoll", poll::ppoll, [PollFds, Size, TimespecIn, Addr, Size]),
    entry!(SYS_pselect6, "pselect6", poll::pselect6, [Int, Addr, Addr, Addr, TimespecIn, Addr]),
    entry!(SYS_uname, "uname", misc::uname, [Addr]),
    entry!(SYS_sysinfo, "sysinfo", misc::sysinfo, [Addr]),
    entry!(SYS_syslog, "syslog", misc::syslog, [Int, Addr, Int]),
    entry!(SYS_sethostname, "sethostname", misc::sethostname, [Addr, Size]),
    entry!(SYS_setdomainname, "setdomainname", misc::setdomainname, [Addr, Size]),
    entry!(SYS_getrandom, "getrandom", misc::getrandom, [BufOut, Size, Hex]),
    entry!(SYS_prctl, "prctl", misc::prctl, [Prctl, Hex, Hex, Hex, Hex]),
    entry!(SYS_membarrier, "membarrier", misc::membarrier, [Membarrier, Hex, Int]),
    entry!(SYS_rseq, "rseq", misc::rseq, [Addr, Size, Hex, Hex]),
    entry!(SYS_set_robust_list, "set_robust_list", misc::set_robust_list, [Addr, Size]),
    entry!(SYS_get_robust_list, "get_robust_list", misc::get_robust_list, [Int, Addr, Addr]),
    entry!(SYS_set_tid_address, "set_tid_address", misc::set_tid_address, [Addr]),
    entry!(SYS_ioprio_get, "ioprio_get", misc::ioprio_get, [Int, Int]),
    entry!(SYS_ioprio_set, "ioprio_set", misc::ioprio_set, [Int, Int, Hex]),
    entry!(SYS_sync, "sync", misc::sync, []),
    entry!(SYS_syncfs, "syncfs", misc::syncfs, [Fd]),
];
