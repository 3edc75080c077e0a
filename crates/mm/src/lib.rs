//! The memory manager: what a program asked for, what is there now, and everything that reads,
//! writes or changes it.
//!
//! *Vmas* say what the program asked for and live in the mapping; *pmas* say which page of which
//! file is there now and live in the active set. Everything but private pmas is a cache, and the
//! address space where code runs is a cache of pmas. Locks are taken in this order: mapping,
//! active, then those that files and mappables take when they translate; `locks` has them. A
//! function that needs a lock takes what the lock protects by reference. Copies usually take none:
//! see `fast`.

#![forbid(unsafe_code)]

mod flags;
mod layout;
mod limits;
mod range;

mod guards;
mod name;
mod pma;
mod policy;
mod rare;
mod vma;

mod active;
mod mapping;
mod modes;

mod locks;

mod manager;

mod descriptor;
mod map;
mod placement;
mod unmap;

mod attach;

mod protect;
mod remap;

mod fork;

mod brk;
mod stack;

mod advise;
mod huge;
mod lock;
mod mbind;
mod nodes;
mod rearrange;
mod seal;
mod sections;
mod sync;

mod cow;
mod fault;
mod translate;

mod blocks;
mod direct;
mod fast;
mod futex;
mod io;
mod remote;

mod pin;

mod maps;
mod smaps;
mod usage;

#[cfg(test)]
mod tests;

pub use attach::AttachPlace;
pub use descriptor::{FileContents, FileRights, MmapFile};
pub use fault::UserFault;
pub use flags::MmapFlags;
pub use futex::SharedFutexKey;
pub use layout::Layout;
pub use limits::{Limit, Limits, Privileges};
pub use manager::MemoryManager;
pub use map::MmapRequest;
pub use pin::{Pin, PinnedPiece};
pub use policy::{MemoryPolicy, NodeSet, PolicyMode};
pub use usage::Usage;
