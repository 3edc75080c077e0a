//! Futex words that processes share.

use usermem_types::{AlignedAddr, Fault, FaultKind};

use crate::MemoryManager;

impl MemoryManager {
    /// Checks that a word can be a futex that processes share: its mapping is readable, and
    /// writable unless it is an object's, because anonymous memory that nobody may write never
    /// changes. As `futex(2)` without `FUTEX_PRIVATE_FLAG`.
    ///
    /// # Errors
    /// Why it cannot.
    pub fn check_shared_futex(&self, word: AlignedAddr<4>) -> Result<(), Fault> {
        let addr = word.addr().untagged();
        let refuse = |kind| Err(Fault::new(kind, word.addr()));
        let mapping = self.mapping.read();
        let Some((_, vma)) = mapping.vmas.get(addr.get()) else {
            return refuse(FaultKind::Unmapped);
        };
        let access = vma.effective();
        if !access.read() || (vma.object.is_none() && !access.write()) {
            return refuse(FaultKind::Protection);
        }
        Ok(())
    }
}
