//! System V shared memory: what several programs can map under a number, until somebody removes
//! it.
//!
//! A [`ShmRegistry`] is the namespace of segments. A segment is an object that memory managers map;
//! it lives as long as the registry or a mapping has it, so that one that was removed stays until
//! its last mapping goes, however that comes about.

mod permission;
mod segment;
mod slots;

mod registry;

mod control;
mod list;

pub use control::ShmUsage;
pub use permission::IpcCaller;
pub use registry::{ShmLimits, ShmRegistry};
pub use segment::{ShmStat, ShmStatName};
