//! The task whose thread this is.

use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use mm::MemoryManager;
use platform::Context;
use usermem_io::IoOpts;

use crate::Task;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitStatus {
    /// It called `exit` or `exit_group` with this code.
    Code(u8),
    /// This signal killed it.
    Signal(i32),
}

/// Bytes that system calls moved between us and the application.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Traffic {
    /// Bytes copied from the application.
    pub bytes_in: u64,
    /// Bytes copied to the application.
    pub bytes_out: u64,
}

/// The task whose thread this is.
///
/// Neither `Send` nor `Sync`, and there is one for each [`Task`] at most: holding it proves that
/// the application's thread is stopped in the kernel and that its memory manager is in use, which
/// is what the copy wrappers need.
pub struct CurrentTask {
    task: Arc<Task>,
    context: Box<dyn Context>,
    exit: Cell<Option<ExitStatus>>,
    traffic: Cell<Traffic>,
    not_send: PhantomData<*const ()>,
}

impl CurrentTask {
    /// Makes this thread the task's.
    ///
    /// # Panics
    /// When the task has a thread already.
    #[must_use]
    pub fn enter(task: Arc<Task>, context: Box<dyn Context>) -> Self {
        assert!(task.claim_thread(), "a task has one thread");
        Self {
            task,
            context,
            exit: Cell::new(None),
            traffic: Cell::default(),
            not_send: PhantomData,
        }
    }

    /// Returns the task.
    #[must_use]
    pub fn task(&self) -> &Arc<Task> {
        &self.task
    }

    /// Returns the CPU state of the task's thread.
    pub fn context(&mut self) -> &mut dyn Context {
        &mut *self.context
    }

    /// Returns how the program ended, once it has.
    #[must_use]
    pub fn exit_status(&self) -> Option<ExitStatus> {
        self.exit.get()
    }

    /// Ends the program when the current system call returns; the first call decides.
    pub fn exit(&self, status: ExitStatus) {
        if self.exit.get().is_none() {
            self.exit.set(Some(status));
        }
    }

    /// Returns the bytes moved so far.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.traffic.get()
    }

    /// Counts bytes that a file moved from the application through a sequence.
    pub fn count_in(&self, bytes: usize) {
        let mut traffic = self.traffic.get();
        traffic.bytes_in = traffic.bytes_in.wrapping_add(bytes as u64);
        self.traffic.set(traffic);
    }

    /// Counts bytes that a file moved to the application through a sequence.
    pub fn count_out(&self, bytes: usize) {
        let mut traffic = self.traffic.get();
        traffic.bytes_out = traffic.bytes_out.wrapping_add(bytes as u64);
        self.traffic.set(traffic);
    }

    /// The memory that the wrappers work on.
    pub(crate) fn memory(&self) -> &MemoryManager {
        self.task.memory_manager()
    }

    /// What the wrappers pass on: the program's own protections apply.
    pub(crate) const OPTS: IoOpts = IoOpts::CHECKED;
}

impl fmt::Debug for CurrentTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CurrentTask").field("pid", &self.task.pid()).finish_non_exhaustive()
    }
}
