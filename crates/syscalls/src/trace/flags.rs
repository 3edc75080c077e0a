//! Constants by name.

/// Names of values or of bits.
pub(super) type Names = [(u64, &'static str)];

/// Makes a table from constants of `libc`, so that value and name cannot differ.
macro_rules! names {
    ($($name:ident),* $(,)?) => {
        &[$((libc::$name as u64, stringify!($name))),*]
    };
}

/// Returns the bits of `value` by name, joined with `|`; bits without a name in hexadecimal, and
/// `none` for zero. A name of several bits has to come before those of its parts.
pub(super) fn flags(value: u64, names: &Names, none: &str) -> String {
    let mut rest = value;
    let mut words: Vec<String> = Vec::new();
    for (bits, name) in names {
        if *bits != 0 && rest & bits == *bits {
            words.push((*name).to_owned());
            rest &= !bits;
        }
    }
    if rest != 0 {
        words.push(format!("{rest:#x}"));
    }
    if words.is_empty() { none.to_owned() } else { words.join("|") }
}

/// Returns the name of `value`, or the value in hexadecimal.
pub(super) fn constant(value: u64, names: &Names) -> String {
    let found = names.iter().find(|(constant, _)| *constant == value);
    found.map_or_else(|| format!("{value:#x}"), |(_, name)| (*name).to_owned())
}

/// The kernel's `O_LARGEFILE`; a 64-bit libc says zero.
#[cfg(target_arch = "x86_64")]
const O_LARGEFILE: u64 = 0o100_000;
#[cfg(not(target_arch = "x86_64"))]
const O_LARGEFILE: u64 = 0o400_000;

const OPEN: &Names = names![
    O_CREAT,
    O_EXCL,
    O_NOCTTY,
    O_TRUNC,
    O_APPEND,
    O_NONBLOCK,
    O_SYNC,
    O_DSYNC,
    O_ASYNC,
    O_DIRECT,
    O_TMPFILE,
    O_DIRECTORY,
    O_NOFOLLOW,
    O_NOATIME,
    O_CLOEXEC,
    O_PATH,
];

/// Returns the flags of `open`: the access mode first.
pub(super) fn open_flags(value: u64) -> String {
    let mode = match value as i32 & libc::O_ACCMODE {
        libc::O_RDONLY => "O_RDONLY",
        libc::O_WRONLY => "O_WRONLY",
        libc::O_RDWR => "O_RDWR",
        _ => "O_ACCMODE",
    };
    let large = if value & O_LARGEFILE != 0 { "|O_LARGEFILE" } else { "" };
    match value & !(libc::O_ACCMODE as u64 | O_LARGEFILE) & u64::from(u32::MAX) {
        0 => format!("{mode}{large}"),
        rest => format!("{mode}{large}|{}", flags(rest, OPEN, "")),
    }
}

const MAP: &Names = names![
    MAP_SHARED_VALIDATE,
    MAP_SHARED,
    MAP_PRIVATE,
    MAP_FIXED,
    MAP_ANONYMOUS,
    MAP_GROWSDOWN,
    MAP_DENYWRITE,
    MAP_EXECUTABLE,
    MAP_LOCKED,
    MAP_NORESERVE,
    MAP_POPULATE,
    MAP_NONBLOCK,
    MAP_STACK,
    MAP_HUGETLB,
    MAP_FIXED_NOREPLACE,
];

#[cfg(target_arch = "x86_64")]
const MAP_MACHINE: &Names = names![MAP_32BIT];
#[cfg(not(target_arch = "x86_64"))]
const MAP_MACHINE: &Names = &[];

/// Returns the flags of `mmap`.
pub(super) fn map_flags(value: u64) -> String {
    flags(value & u64::from(u32::MAX), &[MAP, MAP_MACHINE].concat(), "0")
}

pub(super) const PROT: &Names =
    names![PROT_READ, PROT_WRITE, PROT_EXEC, PROT_GROWSDOWN, PROT_GROWSUP];

pub(super) const REMAP: &Names = names![MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP];

pub(super) const ADVICE: &Names = names![
    MADV_NORMAL,
    MADV_RANDOM,
    MADV_SEQUENTIAL,
    MADV_WILLNEED,
    MADV_DONTNEED,
    MADV_FREE,
    MADV_REMOVE,
    MADV_DONTFORK,
    MADV_DOFORK,
    MADV_MERGEABLE,
    MADV_UNMERGEABLE,
    MADV_HUGEPAGE,
    MADV_NOHUGEPAGE,
    MADV_DONTDUMP,
    MADV_DODUMP,
    MADV_WIPEONFORK,
    MADV_KEEPONFORK,
    MADV_COLD,
    MADV_PAGEOUT,
    MADV_POPULATE_READ,
    MADV_POPULATE_WRITE,
    MADV_DONTNEED_LOCKED,
    MADV_COLLAPSE,
    MADV_HWPOISON,
    MADV_SOFT_OFFLINE,
];

pub(super) const MEMBARRIER: &Names = &[
    (0x0, "MEMBARRIER_CMD_QUERY"),
    (0x1, "MEMBARRIER_CMD_GLOBAL"),
    (0x2, "MEMBARRIER_CMD_GLOBAL_EXPEDITED"),
    (0x4, "MEMBARRIER_CMD_REGISTER_GLOBAL_EXPEDITED"),
    (0x8, "MEMBARRIER_CMD_PRIVATE_EXPEDITED"),
    (0x10, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED"),
    (0x20, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE"),
    (0x40, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE"),
    (0x80, "MEMBARRIER_CMD_PRIVATE_EXPEDITED_RSEQ"),
    (0x100, "MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_RSEQ"),
    (0x200, "MEMBARRIER_CMD_GET_REGISTRATIONS"),
];

const POLICY_MODE: &Names = &[
    (0, "MPOL_DEFAULT"),
    (1, "MPOL_PREFERRED"),
    (2, "MPOL_BIND"),
    (3, "MPOL_INTERLEAVE"),
    (4, "MPOL_LOCAL"),
    (5, "MPOL_PREFERRED_MANY"),
    (6, "MPOL_WEIGHTED_INTERLEAVE"),
];

const POLICY_FLAGS: &Names = &[
    (1 << 13, "MPOL_F_NUMA_BALANCING"),
    (1 << 14, "MPOL_F_RELATIVE_NODES"),
    (1 << 15, "MPOL_F_STATIC_NODES"),
];

/// Returns mode and flags of a memory policy.
pub(super) fn policy_mode(value: u64) -> String {
    let set = value & 0xe000;
    let mode = constant(value & !set, POLICY_MODE);
    if set == 0 { mode } else { format!("{mode}|{}", flags(set, POLICY_FLAGS, "")) }
}

pub(super) const POLICY_QUERY: &Names =
    &[(1, "MPOL_F_NODE"), (2, "MPOL_F_ADDR"), (4, "MPOL_F_MEMS_ALLOWED")];

pub(super) const MOVE_PAGES: &Names =
    &[(1, "MPOL_MF_STRICT"), (2, "MPOL_MF_MOVE"), (4, "MPOL_MF_MOVE_ALL")];

/// The names of `shmget`; those of `SHM_*` are not in `libc` for every machine.
const SHM_GET: &Names = &[
    (libc::IPC_CREAT as u64, "IPC_CREAT"),
    (libc::IPC_EXCL as u64, "IPC_EXCL"),
    (0o4000, "SHM_HUGETLB"),
    (0o10000, "SHM_NORESERVE"),
];

/// Returns the flags of `shmget`: the permission bits last, always.
pub(super) fn shm_get_flags(value: u64) -> String {
    let mode = value & 0o777;
    match value & !0o777 {
        0 => format!("0{mode:03o}"),
        rest => format!("{}|0{mode:03o}", flags(rest, SHM_GET, "")),
    }
}

pub(super) const SHM_AT: &Names = names![SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC];

pub(super) const SHM_COMMAND: &Names = &[
    (libc::IPC_RMID as u64, "IPC_RMID"),
    (libc::IPC_SET as u64, "IPC_SET"),
    (libc::IPC_STAT as u64, "IPC_STAT"),
    (libc::IPC_INFO as u64, "IPC_INFO"),
    (libc::SHM_LOCK as u64, "SHM_LOCK"),
    (libc::SHM_UNLOCK as u64, "SHM_UNLOCK"),
    (crate::shm::SHM_STAT as u64, "SHM_STAT"),
    (crate::shm::SHM_INFO as u64, "SHM_INFO"),
    (crate::shm::SHM_STAT_ANY as u64, "SHM_STAT_ANY"),
];

pub(super) const AT: &Names = names![
    AT_SYMLINK_NOFOLLOW,
    AT_REMOVEDIR,
    AT_SYMLINK_FOLLOW,
    AT_NO_AUTOMOUNT,
    AT_EMPTY_PATH,
    AT_STATX_FORCE_SYNC,
    AT_STATX_DONT_SYNC,
];

pub(super) const WHENCE: &Names = names![SEEK_SET, SEEK_CUR, SEEK_END, SEEK_DATA, SEEK_HOLE];

pub(super) const FCNTL: &Names = names![
    F_DUPFD,
    F_GETFD,
    F_SETFD,
    F_GETFL,
    F_SETFL,
    F_GETLK,
    F_SETLK,
    F_SETLKW,
    F_SETOWN,
    F_GETOWN,
    F_DUPFD_CLOEXEC,
    F_SETPIPE_SZ,
    F_GETPIPE_SZ,
    F_ADD_SEALS,
    F_GET_SEALS,
    F_OFD_GETLK,
    F_OFD_SETLK,
    F_OFD_SETLKW,
    F_SETLEASE,
    F_GETLEASE,
];

pub(super) const IOCTL: &Names = names![
    TCGETS, TCSETS, TCSETSW, TCSETSF, TCGETA, TCSBRK, TCXONC, TCFLSH, TIOCGWINSZ, TIOCSWINSZ,
    TIOCGPGRP, TIOCSPGRP, TIOCSCTTY, TIOCNOTTY, TIOCGSID, TIOCOUTQ, FIONREAD, FIONBIO, FIOCLEX,
    FIONCLEX, FIOASYNC,
];

pub(super) const CLOCK: &Names = names![
    CLOCK_REALTIME,
    CLOCK_MONOTONIC,
    CLOCK_PROCESS_CPUTIME_ID,
    CLOCK_THREAD_CPUTIME_ID,
    CLOCK_MONOTONIC_RAW,
    CLOCK_REALTIME_COARSE,
    CLOCK_MONOTONIC_COARSE,
    CLOCK_BOOTTIME,
    CLOCK_REALTIME_ALARM,
    CLOCK_BOOTTIME_ALARM,
    CLOCK_TAI,
];

pub(super) const RESOURCE: &Names = names![
    RLIMIT_CPU,
    RLIMIT_FSIZE,
    RLIMIT_DATA,
    RLIMIT_STACK,
    RLIMIT_CORE,
    RLIMIT_RSS,
    RLIMIT_NPROC,
    RLIMIT_NOFILE,
    RLIMIT_MEMLOCK,
    RLIMIT_AS,
    RLIMIT_LOCKS,
    RLIMIT_SIGPENDING,
    RLIMIT_MSGQUEUE,
    RLIMIT_NICE,
    RLIMIT_RTPRIO,
    RLIMIT_RTTIME,
];

const FUTEX: &Names = names![
    FUTEX_WAIT,
    FUTEX_WAKE,
    FUTEX_FD,
    FUTEX_REQUEUE,
    FUTEX_CMP_REQUEUE,
    FUTEX_WAKE_OP,
    FUTEX_LOCK_PI,
    FUTEX_UNLOCK_PI,
    FUTEX_TRYLOCK_PI,
    FUTEX_WAIT_BITSET,
    FUTEX_WAKE_BITSET,
    FUTEX_WAIT_REQUEUE_PI,
    FUTEX_CMP_REQUEUE_PI,
];

/// Returns a futex operation with its options: `FUTEX_WAKE|FUTEX_PRIVATE_FLAG`.
pub(super) fn futex_op(value: u64) -> String {
    let options = (libc::FUTEX_PRIVATE_FLAG | libc::FUTEX_CLOCK_REALTIME) as u64;
    let names = names![FUTEX_PRIVATE_FLAG, FUTEX_CLOCK_REALTIME];
    let operation = constant(value & !options & u64::from(u32::MAX), FUTEX);
    match value & options {
        0 => operation,
        set => format!("{operation}|{}", flags(set, names, "")),
    }
}

pub(super) const ARCH_PRCTL: &Names = &[
    (0x1001, "ARCH_SET_GS"),
    (0x1002, "ARCH_SET_FS"),
    (0x1003, "ARCH_GET_FS"),
    (0x1004, "ARCH_GET_GS"),
    (0x1011, "ARCH_GET_CPUID"),
    (0x1012, "ARCH_SET_CPUID"),
    (0x1022, "ARCH_GET_XCOMP_PERM"),
    (0x3001, "ARCH_CET_STATUS"),
    (0x5001, "ARCH_SHSTK_ENABLE"),
];

pub(super) const PRCTL: &Names = names![
    PR_SET_PDEATHSIG,
    PR_GET_PDEATHSIG,
    PR_GET_DUMPABLE,
    PR_SET_DUMPABLE,
    PR_GET_KEEPCAPS,
    PR_SET_KEEPCAPS,
    PR_SET_NAME,
    PR_GET_NAME,
    PR_GET_SECCOMP,
    PR_SET_SECCOMP,
    PR_CAPBSET_READ,
    PR_CAPBSET_DROP,
    PR_GET_SECUREBITS,
    PR_SET_SECUREBITS,
    PR_SET_TIMERSLACK,
    PR_GET_TIMERSLACK,
    PR_SET_MM,
    PR_SET_CHILD_SUBREAPER,
    PR_GET_CHILD_SUBREAPER,
    PR_SET_NO_NEW_PRIVS,
    PR_GET_NO_NEW_PRIVS,
    PR_GET_TID_ADDRESS,
    PR_SET_THP_DISABLE,
    PR_GET_THP_DISABLE,
    PR_CAP_AMBIENT,
    PR_SET_MDWE,
    PR_GET_MDWE,
    PR_SET_VMA,
    PR_SET_PTRACER,
];

pub(super) const SIG_HOW: &Names = names![SIG_BLOCK, SIG_UNBLOCK, SIG_SETMASK];

pub(super) const POLL: &Names = names![
    POLLIN, POLLPRI, POLLOUT, POLLERR, POLLHUP, POLLNVAL, POLLRDNORM, POLLRDBAND, POLLWRNORM,
    POLLWRBAND, POLLRDHUP,
];

const FILE_TYPE: &Names = names![S_IFSOCK, S_IFLNK, S_IFREG, S_IFBLK, S_IFDIR, S_IFCHR, S_IFIFO];

/// Returns the mode of a file: `S_IFREG|0644`.
pub(super) fn file_mode(mode: u32) -> String {
    let kind = mode & libc::S_IFMT;
    let permissions = mode & !libc::S_IFMT;
    match kind {
        0 => format!("0{permissions:03o}"),
        _ => format!("{}|0{permissions:03o}", constant(kind.into(), FILE_TYPE)),
    }
}

const SIGNAL: &Names = names![
    SIGHUP, SIGINT, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGKILL, SIGUSR1, SIGSEGV,
    SIGUSR2, SIGPIPE, SIGALRM, SIGTERM, SIGSTKFLT, SIGCHLD, SIGCONT, SIGSTOP, SIGTSTP, SIGTTIN,
    SIGTTOU, SIGURG, SIGXCPU, SIGXFSZ, SIGVTALRM, SIGPROF, SIGWINCH, SIGIO, SIGPWR, SIGSYS,
];

/// Returns the name of a signal; real-time signals are counted from the first.
pub(super) fn signal_name(signal: i32) -> String {
    match signal {
        32 => "SIGRTMIN".to_owned(),
        33..=64 => format!("SIGRT_{}", signal - 32),
        _ => match SIGNAL.iter().find(|(number, _)| i64::from(signal) == *number as i64) {
            Some((_, name)) => (*name).to_owned(),
            None => signal.to_string(),
        },
    }
}

/// Returns the name of the `si_code` of a signal.
pub(super) fn code_name(signal: i32, code: i32) -> String {
    let name = match (signal, code) {
        (_, 0) => "SI_USER",
        (_, -6) => "SI_TKILL",
        (_, 0x80) => "SI_KERNEL",
        (libc::SIGSEGV, 1) => "SEGV_MAPERR",
        (libc::SIGSEGV, 2) => "SEGV_ACCERR",
        (libc::SIGBUS, 1) => "BUS_ADRALN",
        (libc::SIGBUS, 2) => "BUS_ADRERR",
        (libc::SIGBUS, 3) => "BUS_OBJERR",
        (libc::SIGFPE, 1) => "FPE_INTDIV",
        (libc::SIGFPE, 2) => "FPE_INTOVF",
        (libc::SIGFPE, 3) => "FPE_FLTDIV",
        (libc::SIGFPE, 7) => "FPE_FLTINV",
        (libc::SIGILL, 1) => "ILL_ILLOPC",
        (libc::SIGILL, 2) => "ILL_ILLOPN",
        (libc::SIGILL, 5) => "ILL_PRVOPC",
        (libc::SIGTRAP, 1) => "TRAP_BRKPT",
        (libc::SIGTRAP, 2) => "TRAP_TRACE",
        _ => return code.to_string(),
    };
    name.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open() {
        let check = |value: i32, text: &str| assert_eq!(open_flags(value as u64), text);
        check(libc::O_RDONLY | libc::O_CLOEXEC, "O_RDONLY|O_CLOEXEC");
        check(libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC, "O_WRONLY|O_CREAT|O_TRUNC");
        check(libc::O_RDWR, "O_RDWR");
        // Names that are made of several bits do not show their parts as well.
        check(libc::O_TMPFILE | libc::O_SYNC, "O_RDONLY|O_SYNC|O_TMPFILE");
        check(libc::O_DIRECTORY, "O_RDONLY|O_DIRECTORY");
        check(0x4000_0000, "O_RDONLY|0x40000000");
    }

    #[test]
    fn maps() {
        let private = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS;
        assert_eq!(map_flags(private as u64), "MAP_PRIVATE|MAP_ANONYMOUS");
        assert_eq!(map_flags(3), "MAP_SHARED_VALIDATE");
        assert_eq!(map_flags(1), "MAP_SHARED");
        assert_eq!(flags(0, PROT, "PROT_NONE"), "PROT_NONE");
        assert_eq!(flags(0x17, PROT, "PROT_NONE"), "PROT_READ|PROT_WRITE|PROT_EXEC|0x10");
    }

    #[test]
    fn shared_memory() {
        assert_eq!(shm_get_flags(0), "0000");
        assert_eq!(shm_get_flags(0o600), "0600");
        assert_eq!(shm_get_flags(0o3640), "IPC_CREAT|IPC_EXCL|0640");
        assert_eq!(shm_get_flags(0o5000 | 21 << 26), "IPC_CREAT|SHM_HUGETLB|0x54000000|0000");
        assert_eq!(flags(0o30000, SHM_AT, "0"), "SHM_RDONLY|SHM_RND");
        assert_eq!(constant(0, SHM_COMMAND), "IPC_RMID");
        assert_eq!(constant(15, SHM_COMMAND), "SHM_STAT_ANY");
    }

    #[test]
    fn values() {
        assert_eq!(constant(2, WHENCE), "SEEK_END");
        assert_eq!(constant(99, WHENCE), "0x63");
        assert_eq!(futex_op(129), "FUTEX_WAKE|FUTEX_PRIVATE_FLAG");
        assert_eq!(file_mode(0o100_644), "S_IFREG|0644");
        assert_eq!(file_mode(0o4755), "04755");
        assert_eq!(file_mode(0o020_620), "S_IFCHR|0620");
        assert_eq!(signal_name(11), "SIGSEGV");
        assert_eq!(signal_name(34), "SIGRT_2");
        assert_eq!(signal_name(-1), "-1");
    }
}
