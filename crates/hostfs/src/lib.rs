//! Files below the kernel: host files and directories, pipes and terminals.
//!
//! What is here is given an [`IoSequence`](usermem_io::IoSequence) as an argument and can reach
//! nothing else of the application: it can name neither a task nor a memory manager.
//!
//! A [`Namespace`] is the tree of files that a program sees; what it opens is a
//! [`FileDescription`].

mod description;
mod host;
mod ioctl;
mod node;
mod place;
mod sys;
mod transfer;

mod lookup;
mod tree;
mod walk;

mod held;
mod mapped_file;
mod mapping;
mod mapping_table;
mod seals;
mod windows;

mod anonymous;
mod directory;
mod open_file;
mod path_only;
mod synthetic;

mod attributes;
mod entries;
mod namespace;
mod open;

pub use anonymous::{PipeEnds, eventfd, memfd, pipe};
pub use attributes::SetTime;
pub use description::{
    DirEntry, FileDescription, FileKind, PollSet, Stat, StatFs, StatusFlags, Timestamp, Whence,
};
pub use host::hide_processes;
pub use ioctl::{IoctlDirection, ioctl_size};
pub use namespace::{Namespace, NamespaceError};
pub use node::{Contents, DescriptorTable};
pub use place::Place;
pub use sys::ignore_size_signal;
