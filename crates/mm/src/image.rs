//! What a program was started with.

use usermem_types::{Addr, AddrRange};

use crate::MemoryManager;

/// What a program was started with, as `/proc/PID/{cmdline,environ,auxv,stat}` show it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImageInfo {
    /// The argument strings.
    pub argv: AddrRange,
    /// The environment strings.
    pub env: AddrRange,
    /// The auxiliary vector, as it was put on the stack.
    pub auxv: Vec<u8>,
    /// The program's code.
    pub code: AddrRange,
    /// The program's initialised data.
    pub data: AddrRange,
    /// The stack pointer at the start.
    pub stack_pointer: Addr,
}

impl MemoryManager {
    /// Records what the program was started with.
    pub fn set_image(&self, image: ImageInfo) {
        if image.stack_pointer > Addr::ZERO {
            self.mapping_mut().stack = image.stack_pointer.get();
        }
        *self.image.lock() = image;
    }

    /// Returns what the program was started with.
    #[must_use]
    pub fn image(&self) -> ImageInfo {
        self.image.lock().clone()
    }
}
