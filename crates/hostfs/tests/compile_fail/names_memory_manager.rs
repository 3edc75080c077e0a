//! A crate at the rank of this one cannot name the memory manager.

use ::mm::MemoryManager;

fn main() {
    let _: Option<MemoryManager> = None;
}
