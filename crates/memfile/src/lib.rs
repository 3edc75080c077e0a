//! All application memory: reference-counted pages of one memfd.
//!
//! A [`MemoryFile`] hands out zeroed pages and takes them back when their last reference goes.
//! Stub processes map its descriptor; we see the same pages through one mapping of our own, so
//! that the host address of a page is arithmetic. A [`SharedMemory`] is the object behind shared
//! anonymous mappings, made of such pages.

mod options;

mod charge;
mod free_runs;
mod huge;
mod memory_file;
mod page_counts;
mod page_store;
mod region;
mod shard;
mod shared_memory;
mod zeros;

pub use charge::Charge;
pub use memory_file::MemoryFile;
pub use options::{AllocOpts, Commit, Direction, MemoryFileError, MemoryFileOptions};
pub use shared_memory::SharedMemory;
