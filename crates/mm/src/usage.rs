//! How much memory a program uses.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use memfile::MemoryFile;

use crate::MemoryManager;

/// How much memory a program uses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Bytes of all mappings.
    pub vm_bytes: u64,
    /// The most of these at one time.
    pub peak_vm_bytes: u64,
    /// Bytes whose pages are decided; memory that was never touched may be among them.
    pub rss_bytes: u64,
    /// The most of these at one time.
    pub peak_rss_bytes: u64,
    /// Bytes of private writable mappings that are no stack.
    pub data_bytes: u64,
    /// Bytes of mappings that grow down.
    pub stack_bytes: u64,
    /// Bytes of locked mappings.
    pub locked_bytes: u64,
    /// Bytes of private mappings that are counted as committed.
    pub committed_bytes: u64,
    /// How many mappings there are.
    pub mappings: usize,
    /// How many faults of the program were handled.
    pub faults: u64,
}

impl MemoryManager {
    /// Returns the file that holds the program's memory, and counts what is committed.
    #[must_use]
    pub fn memory_file(&self) -> &Arc<MemoryFile> {
        &self.memory
    }

    /// Returns how much memory the program uses.
    #[must_use]
    pub fn usage(&self) -> Usage {
        let mapping = self.mapping.read();
        let stacks = mapping.vmas.iter().filter(|(_, vma)| vma.grows_down());
        let stack_bytes = stacks.map(|(range, _)| range.len()).sum();
        let active = self.active.read();
        Usage {
            vm_bytes: mapping.vmas.span(),
            peak_vm_bytes: mapping.peak(),
            rss_bytes: active.pmas.span(),
            peak_rss_bytes: active.peak(),
            data_bytes: mapping.data,
            stack_bytes,
            locked_bytes: mapping.locked,
            committed_bytes: mapping.accounted(),
            mappings: mapping.vmas.len(),
            faults: self.faults.load(Ordering::Relaxed),
        }
    }
}
