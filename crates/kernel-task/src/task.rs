//! A task: an application's process with its one thread.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hostfs::{FileDescription, Namespace};
use mm::{MemoryManager, MemoryPolicy};
use parking_lot::Mutex;
use usermem_types::Addr;

use crate::{FdTable, ResourceLimits, ShmRegistry, Signals};

/// User and group ids.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the fields are those of credentials(7)")]
pub struct Credentials {
    pub uid: u32,
    pub euid: u32,
    pub suid: u32,
    pub gid: u32,
    pub egid: u32,
    pub sgid: u32,
    pub groups: Vec<u32>,
}

/// Where relative paths start, and which permission bits new files lose.
#[derive(Clone, Debug)]
pub struct FsContext {
    /// The current working directory.
    pub cwd: Arc<dyn FileDescription>,
    /// The file mode creation mask.
    pub umask: u32,
}

/// What a task is made of.
#[derive(Debug)]
pub struct TaskParts {
    /// The process id that the program sees.
    pub pid: i32,
    /// The process id of its parent.
    pub ppid: i32,
    /// Its memory.
    pub memory: Arc<MemoryManager>,
    /// The tree of files that it sees.
    pub namespace: Arc<Namespace>,
    /// Its current working directory.
    pub cwd: Arc<dyn FileDescription>,
    /// Its open files.
    pub files: FdTable,
    /// The shared memory of System V that it sees.
    pub shm: Arc<ShmRegistry>,
    /// Who it runs as.
    pub credentials: Credentials,
    /// Its resource limits.
    pub limits: ResourceLimits,
}

/// What `prctl(2)` and its like store and report.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// `PR_SET_DUMPABLE`.
    pub dumpable: bool,
    /// `PR_SET_NO_NEW_PRIVS`.
    pub no_new_privs: bool,
    /// `PR_SET_KEEPCAPS`.
    pub keep_capabilities: bool,
    /// `PR_SET_CHILD_SUBREAPER`.
    pub child_subreaper: bool,
    /// `PR_SET_TIMERSLACK`, in nanoseconds.
    pub timer_slack: u64,
    /// `set_mempolicy(2)`; `None` is the default policy.
    pub mempolicy: Option<MemoryPolicy>,
    /// `personality(2)`.
    pub personality: u32,
}

impl Attributes {
    /// `ADDR_NO_RANDOMIZE`: the personality that a program starts with. Where its memory lies is
    /// not left to chance here, and one that wants it so need not start anew.
    pub const ADDR_NO_RANDOMIZE: u32 = 0x0004_0000;
}

impl Default for Attributes {
    fn default() -> Self {
        Self {
            dumpable: true,
            no_new_privs: false,
            keep_capabilities: false,
            child_subreaper: false,
            timer_slack: 50_000,
            mempolicy: None,
            personality: Self::ADDR_NO_RANDOMIZE,
        }
    }
}

/// Addresses that the kernel keeps for a thread.
#[derive(Clone, Copy, Debug, Default)]
struct ThreadWords {
    clear_child_tid: Addr,
    robust_list: (Addr, u64),
}

/// A task: an application's process with its one thread.
///
/// Anyone may hold one. It has no copy wrappers: those need a [`CurrentTask`](crate::CurrentTask).
#[derive(Debug)]
pub struct Task {
    pid: i32,
    ppid: i32,
    memory: Arc<MemoryManager>,
    namespace: Arc<Namespace>,
    fs: Mutex<FsContext>,
    files: Mutex<FdTable>,
    shm: Arc<ShmRegistry>,
    signals: Mutex<Signals>,
    credentials: Credentials,
    limits: Mutex<ResourceLimits>,
    name: Mutex<[u8; 16]>,
    attributes: Mutex<Attributes>,
    words: Mutex<ThreadWords>,
    has_thread: AtomicBool,
}

impl Task {
    /// Creates a task without a thread.
    #[must_use]
    pub fn new(parts: TaskParts) -> Arc<Self> {
        Arc::new(Self {
            pid: parts.pid,
            ppid: parts.ppid,
            memory: parts.memory,
            namespace: parts.namespace,
            fs: Mutex::new(FsContext { cwd: parts.cwd, umask: 0o022 }),
            files: Mutex::new(parts.files),
            shm: parts.shm,
            signals: Mutex::new(Signals::default()),
            credentials: parts.credentials,
            limits: Mutex::new(parts.limits),
            name: Mutex::new([0; 16]),
            attributes: Mutex::default(),
            words: Mutex::default(),
            has_thread: AtomicBool::new(false),
        })
    }

    /// Returns whether the caller is the first to claim the task's thread.
    pub(crate) fn claim_thread(&self) -> bool {
        !self.has_thread.swap(true, Ordering::AcqRel)
    }

    /// Returns the process id that the program sees.
    #[must_use]
    pub fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns the process id of the parent.
    #[must_use]
    pub fn ppid(&self) -> i32 {
        self.ppid
    }

    /// Returns the task's memory: pattern B. Its [`Io`](usermem_io::Io) methods take
    /// [`IoOpts`](usermem_io::IoOpts).
    #[must_use]
    pub fn memory_manager(&self) -> &Arc<MemoryManager> {
        &self.memory
    }

    /// Returns the tree of files that the program sees.
    #[must_use]
    pub fn namespace(&self) -> &Namespace {
        &self.namespace
    }

    /// Returns where relative paths start.
    #[must_use]
    pub fn fs(&self) -> &Mutex<FsContext> {
        &self.fs
    }

    /// Returns the current working directory.
    #[must_use]
    pub fn cwd(&self) -> Arc<dyn FileDescription> {
        Arc::clone(&self.fs.lock().cwd)
    }

    /// Returns the open files.
    #[must_use]
    pub fn files(&self) -> &Mutex<FdTable> {
        &self.files
    }

    /// Returns the shared memory of System V.
    #[must_use]
    pub fn shm(&self) -> &Arc<ShmRegistry> {
        &self.shm
    }

    /// Returns signal dispositions and masks.
    #[must_use]
    pub fn signals(&self) -> &Mutex<Signals> {
        &self.signals
    }

    /// Returns who the program runs as.
    #[must_use]
    pub fn credentials(&self) -> &Credentials {
        &self.credentials
    }

    /// Returns the resource limits.
    #[must_use]
    pub fn limits(&self) -> &Mutex<ResourceLimits> {
        &self.limits
    }

    /// Returns the thread's name, padded with NUL (`PR_GET_NAME`).
    #[must_use]
    pub fn name(&self) -> [u8; 16] {
        *self.name.lock()
    }

    /// Sets the thread's name, cut to 15 bytes at the first NUL (`PR_SET_NAME`).
    pub fn set_name(&self, name: &[u8]) {
        let mut padded = [0; 16];
        for (to, from) in padded.iter_mut().zip(name.iter().take_while(|byte| **byte != 0)).take(15)
        {
            *to = *from;
        }
        *self.name.lock() = padded;
    }

    /// Returns what `prctl(2)` and its like store.
    #[must_use]
    pub fn attributes(&self) -> &Mutex<Attributes> {
        &self.attributes
    }

    /// Returns the address of `set_tid_address`.
    #[must_use]
    pub fn clear_child_tid(&self) -> Addr {
        self.words.lock().clear_child_tid
    }

    /// Sets the address of `set_tid_address`.
    pub fn set_clear_child_tid(&self, addr: Addr) {
        self.words.lock().clear_child_tid = addr;
    }

    /// Returns head and length of `set_robust_list`.
    #[must_use]
    pub fn robust_list(&self) -> (Addr, u64) {
        self.words.lock().robust_list
    }

    /// Sets head and length of `set_robust_list`.
    pub fn set_robust_list(&self, head: Addr, len: u64) {
        self.words.lock().robust_list = (head, len);
    }
}
