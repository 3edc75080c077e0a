//! `fork`.
use std::sync::Arc;
use memmap::AddressSpace;
use usermem_types::{Addr, Errno};
use crate::MemoryManager;
impl MemoryManager {
    /// Forks.
    pub fn fork(&self, _space: Arc<dyn AddressSpace>) -> Result<Arc<Self>, Errno> { Err(Errno::ENOSYS) }
    /// Seals.
    pub fn mseal(&self, _addr: Addr, _len: u64, _flags: u64) -> Result<(), Errno> { Err(Errno::ENOSYS) }
}
