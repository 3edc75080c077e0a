//! What does the same job, and runs here.

pub(crate) mod gvisor;
pub(crate) mod process;
pub(crate) mod vm;
