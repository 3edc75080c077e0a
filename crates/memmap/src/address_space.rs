//! Where application code runs.

use std::any::Any;
use std::fmt;

use usermem_types::{AccessType, Addr, AddrRange, Errno, Fault, Transfer};

use crate::{File, FileRange};

/// A mirror of a memory manager's translations in which code can execute: a stub process, a
/// reservation of our own process, or nothing at all.
///
/// A cache: what is not mapped here faults and is mapped then. A platform finds its own address
/// spaces again through [`Any`].
pub trait AddressSpace: Any + Send + Sync + fmt::Debug {
    /// Maps a range of a file, shared, at `addr`, replacing what is there.
    ///
    /// `populate` asks for page tables to be filled at once.
    ///
    /// Where [`File::is_always_mapped`] allows it, the mapping may be put off until code runs. One that then
    /// fails is missed by that code, and the next attempt to make it returns why.
    ///
    /// # Errors
    /// `ENOMEM` when the host has no room for another mapping. Then nothing is mapped in the range.
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno>;

    /// Removes every mapping of a range. When it returns, no code can reach the pages any more.
    fn unmap(&self, range: AddrRange);

    /// Returns the half-open range of addresses that applications may use.
    fn user_range(&self) -> AddrRange;

    /// Returns the way to copy through the address space itself, where there is one.
    fn io(&self) -> Option<&dyn AddressSpaceIo> {
        None
    }
}

/// Access to application memory through the address space that mirrors it.
///
/// A [`Fault`] of kind unmapped or protection may only mean that the mirror is behind: the memory
/// manager maps the page and resumes.
pub trait AddressSpaceIo {
    /// Copies `src` to the application.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    fn copy_out(&self, addr: Addr, src: &[u8]) -> Transfer;

    /// Copies from the application into `dst`.
    ///
    /// # Errors
    /// The fault, and how many bytes had arrived.
    fn copy_in(&self, addr: Addr, dst: &mut [u8]) -> Transfer;

    /// Writes zero bytes to the application.
    ///
    /// # Errors
    /// The fault, and how many bytes had been zeroed.
    fn zero_out(&self, addr: Addr, len: usize) -> Transfer;

    /// Exchanges a word atomically.
    ///
    /// # Errors
    /// The fault of the access.
    fn swap_u32(&self, addr: Addr, new: u32) -> Result<u32, Fault>;

    /// Compares and exchanges a word atomically, returning what was there.
    ///
    /// # Errors
    /// The fault of the access.
    fn compare_exchange_u32(&self, addr: Addr, old: u32, new: u32) -> Result<u32, Fault>;

    /// Loads a word atomically.
    ///
    /// # Errors
    /// The fault of the access.
    fn load_u32(&self, addr: Addr) -> Result<u32, Fault>;
}
