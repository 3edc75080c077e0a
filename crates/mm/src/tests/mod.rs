//! The memory manager over an address space that records mappings, and a processor in software
//! that sees what is recorded and nothing else.

mod advise;
mod cow;
mod descriptors;
mod faults;
mod fork;
mod futex;
mod io;
mod io_matrix;
mod limits;
mod lock;
mod locks;
mod map;
mod maps;
mod modes;
mod name;
mod object;
mod pin;
mod policy;
mod protect;
mod rearrange;
mod remap;
mod rig;
mod scarce;
mod stack;
mod sync;
mod zeros;
