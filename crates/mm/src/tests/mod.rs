//! The memory manager over an address space that records mappings, and a processor in software
//! that sees what is recorded and nothing else.

mod advise;
mod cow;
mod faults;
mod fork;
mod io;
mod io_matrix;
mod limits;
mod lock;
mod locks;
mod map;
mod maps;
mod object;
mod protect;
mod remap;
mod rig;
mod stack;
mod sync;
