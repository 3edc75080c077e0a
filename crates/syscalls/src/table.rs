//! Which number is which call.

mod legacy;
mod native;

use std::fmt;

use kernel_task::CurrentTask;

use crate::{Args, SysResult};

/// How an argument is to be shown by `--trace`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ArgKind {
    /// A file descriptor.
    Fd,
    /// A descriptor that a path is relative to; `AT_FDCWD` by name.
    DirFd,
    /// A signed number.
    Int,
    /// An unsigned number, in decimal.
    Size,
    /// A number in hexadecimal.
    Hex,
    /// A number in octal: permission bits.
    Mode,
    /// An address that is not followed.
    Addr,
    /// A path name.
    Path,
    /// A buffer that the call reads, of the length in the argument after it.
    BufIn,
    /// A buffer that the call fills, of the length that it returns.
    BufOut,
    /// An iovec array whose count is in the argument after it, read by the call.
    IovecIn,
    /// An iovec array whose count is in the argument after it, filled by the call.
    IovecOut,
    /// `open` flags.
    OpenFlags,
    /// `mmap` protections.
    Prot,
    /// `mmap` flags.
    MapFlags,
    /// `mremap` flags.
    RemapFlags,
    /// `madvise` advice.
    Advice,
    /// A key of System V; `IPC_PRIVATE` by name.
    IpcKey,
    /// `shmget` flags and permission bits.
    ShmGetFlags,
    /// `shmat` flags.
    ShmAtFlags,
    /// A `shmctl` command.
    ShmCommand,
    /// `AT_*` flags.
    AtFlags,
    /// A `SEEK_*` constant.
    Whence,
    /// An `fcntl` command.
    FcntlCmd,
    /// An `ioctl` request.
    Ioctl,
    /// A clock of `clock_gettime`.
    Clock,
    /// A signal number.
    Signal,
    /// `sigprocmask`'s how.
    SigHow,
    /// A `struct timespec` that the call reads.
    TimespecIn,
    /// A `struct timespec` that the call fills.
    TimespecOut,
    /// A `struct stat` that the call fills.
    StatOut,
    /// A resource of `getrlimit`.
    Resource,
    /// A futex operation.
    FutexOp,
    /// An `arch_prctl` code.
    ArchPrctl,
    /// A `prctl` option.
    Prctl,
    /// Two descriptors that the call fills.
    FdPairOut,
    /// A `membarrier` command.
    Membarrier,
    /// Mode and flags of a memory policy.
    PolicyMode,
    /// Nodes that the call reads; how many is in the argument after it.
    NodeMaskIn,
    /// `get_mempolicy` flags.
    PolicyQuery,
    /// `MPOL_MF_*` flags.
    MovePagesFlags,
    /// A descriptor of a process; `PIDFD_SELF` by name.
    PidFd,
    /// An array of `struct pollfd` whose count is in the argument after it.
    PollFds,
}

/// One system call.
#[derive(Clone, Copy)]
pub struct Entry {
    /// The number.
    pub number: usize,
    /// The name, as in `syscalls(2)`.
    pub name: &'static str,
    /// What its arguments are.
    pub args: &'static [ArgKind],
    /// Performs it.
    pub(crate) run: fn(&mut CurrentTask, &Args) -> SysResult,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entry")
            .field("number", &self.number)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// The system calls of the machine, by number.
#[derive(Debug)]
pub struct Table {
    entries: Vec<Option<Entry>>,
}

impl Table {
    /// Makes the table of this machine.
    ///
    /// # Panics
    /// When two calls have one number.
    #[must_use]
    pub fn new() -> Self {
        let mut entries: Vec<Option<Entry>> = Vec::new();
        for entry in native::entries() {
            if entry.number >= entries.len() {
                entries.resize(entry.number + 1, None);
            }
            if let Some(slot) = entries.get_mut(entry.number) {
                assert!(slot.replace(entry).is_none(), "{} is in the table twice", entry.name);
            }
        }
        Self { entries }
    }

    /// Returns the call with a number; `None` when it is not implemented.
    #[must_use]
    pub fn get(&self, number: u64) -> Option<&Entry> {
        self.entries.get(usize::try_from(number).ok()?)?.as_ref()
    }

    /// Returns all calls, by number.
    pub fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().flatten()
    }
}

impl Default for Table {
    fn default() -> Self {
        Self::new()
    }
}
