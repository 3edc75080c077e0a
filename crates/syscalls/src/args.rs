//! The arguments of a system call.

use usermem_types::Addr;

/// The six argument registers of a system call, before anything is believed of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Args([u64; 6]);

impl Args {
    /// Wraps the argument registers.
    #[must_use]
    pub const fn new(registers: [u64; 6]) -> Self {
        Self(registers)
    }

    /// Returns an argument as it is. An index beyond the sixth gives zero.
    #[must_use]
    pub fn raw(&self, index: usize) -> u64 {
        self.0.get(index).copied().unwrap_or(0)
    }

    /// Returns an argument as an address.
    #[must_use]
    pub fn addr(&self, index: usize) -> Addr {
        Addr::new(self.raw(index))
    }

    /// Returns an argument of C type `int`: its low 32 bits.
    #[must_use]
    pub fn int(&self, index: usize) -> i32 {
        self.raw(index) as u32 as i32
    }

    /// Returns an argument of C type `unsigned int`: its low 32 bits.
    #[must_use]
    pub fn uint(&self, index: usize) -> u32 {
        self.raw(index) as u32
    }

    /// Returns an argument of C type `long`.
    #[must_use]
    pub fn long(&self, index: usize) -> i64 {
        self.raw(index) as i64
    }
}
