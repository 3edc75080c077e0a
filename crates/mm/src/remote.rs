//! What others may do to a program's memory.

use usermem_types::{AccessType, Addr};

use crate::MemoryManager;

impl MemoryManager {
    /// Returns whether the protections at an address grant an access as the program wrote them.
    ///
    /// The program's own accesses and those of its system calls go by what protections imply:
    /// what can be written can be read. Linux does not let others imply that.
    #[must_use]
    pub fn grants(&self, addr: Addr, access: AccessType) -> bool {
        let mapping = self.mapping.read();
        let found = mapping.vmas.get(addr.untagged().get());
        found.is_some_and(|(_, vma)| vma.real.superset_of(access))
    }
}
