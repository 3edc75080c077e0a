//! Tasks, and the copy wrappers that only the current task may call.
//!
//! The three ways to reach application memory meet here:
//!
//! * **A**: a system call on the task's own thread holds a [`CurrentTask`] and calls its copy
//!   wrappers; the program's protections apply.
//! * **B**: code that acts on another task, or that must not obey the program's protections, holds
//!   a [`Task`] and calls the [`Io`](usermem_io::Io) methods of its
//!   [`memory_manager`](Task::memory_manager); [`peek`] and [`poke`] are of this kind.
//! * **C**: code below the kernel is given a sequence that [`CurrentTask::single_io_sequence`] or
//!   [`CurrentTask::iovecs_io_sequence`] made, and can reach nothing else.
//!
//! A [`CurrentTask`] is neither `Send` nor `Sync`: holding one proves that this is the task's
//! thread. A [`Task`] alone has no copy wrappers:
//!
//! ```compile_fail,E0599
//! fn wrong(task: &kernel_task::Task) {
//!     let mut buffer = [0u8; 4];
//!     task.copy_in_bytes(usermem_types::Addr::new(0x1000), &mut buffer);
//! }
//! ```
//!
//! and a [`CurrentTask`] does not leave its thread:
//!
//! ```compile_fail,E0277
//! fn wrong(task: kernel_task::CurrentTask) {
//!     std::thread::spawn(move || drop(task));
//! }
//! ```

#![forbid(unsafe_code)]

mod copy;
mod current;
mod errno;
mod fd_table;
mod futex;
mod iovec;
mod limits;
mod process_vm;
mod remote;
mod shm;
mod signals;
mod task;
mod vectors;

pub use current::{CurrentTask, ExitStatus, Traffic};
pub use errno::{errno_of_cause, errno_of_fault, errno_of_partial};
pub use fd_table::{FdTable, OpenFile};
pub use futex::{FutexError, FutexKey, futex_key};
pub use iovec::{IoVectors, RemoteRange};
pub use limits::{RLimit, Resource, ResourceLimits, UnknownResource};
pub use remote::{peek, poke};
pub use shm::{IpcCaller, ShmLimits, ShmRegistry, ShmStat, ShmStatName, ShmUsage};
pub use signals::{
    AltStack, Disposition, RealTimer, SigDetail, SigInfo, SigSet, SignalAction, Signals,
};
pub use task::{Attributes, Credentials, FsContext, Task, TaskParts};
pub use vectors::{VectorError, VectorLimits};
