//! Starts programs: finds the image behind a path, maps it, and builds the initial stack.
//!
//! Works above the memory manager and beside the tasks: it maps files through
//! [`MemoryManager::mmap`](mm::MemoryManager::mmap) and writes through its
//! [`Io`](usermem_io::Io), like anyone who acts on another's memory. Headers of a file are fetched
//! once into private memory and are checked before anything is mapped.

#![forbid(unsafe_code)]

mod auxv;
mod contents;
mod elf;
mod error;
mod image;
mod load;
mod script;
mod stack;

pub use error::LoadError;
pub use load::{LoadRequest, LoadedProgram, load};
