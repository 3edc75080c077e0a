//! `vm-memory`: the memory of a guest, as virtual machine monitors in Rust read it.

use vm_memory::{
    Bytes as _, GuestAddress, GuestAddressSpace as _, GuestMemoryAtomic, GuestMemoryMmap,
};

/// The memory of a guest.
#[derive(Debug)]
pub(crate) struct Guest(GuestMemoryMmap);

impl Guest {
    /// Makes memory of regions, each `len` bytes from an address on; `None` when this machine has no room.
    pub(crate) fn new(starts: impl Iterator<Item = u64>, len: usize) -> Option<Self> {
        let ranges: Vec<(GuestAddress, usize)> =
            starts.map(|start| (GuestAddress(start), len)).collect();
        GuestMemoryMmap::from_ranges(&ranges).ok().map(Self)
    }

    /// Makes memory of one region that holds `contents`.
    pub(crate) fn holding(start: u64, contents: &[u8]) -> Option<Self> {
        let len = contents.len().next_multiple_of(4096);
        let guest = Self::new([start].into_iter(), len)?;
        guest.write(start, contents).then_some(guest)
    }

    /// Writes bytes; returns whether all of them arrived.
    pub(crate) fn write(&self, addr: u64, bytes: &[u8]) -> bool {
        self.0.write_slice(bytes, GuestAddress(addr)).is_ok()
    }

    /// Reads bytes; returns whether all of them arrived.
    #[inline]
    pub(crate) fn read(&self, addr: u64, to: &mut [u8]) -> bool {
        self.0.read_slice(to, GuestAddress(addr)).is_ok()
    }

    /// Reads a word.
    #[inline]
    pub(crate) fn read_u64(&self, addr: u64) -> Option<u64> {
        self.0.read_obj(GuestAddress(addr)).ok()
    }
}

/// The memory of a guest whose regions may be replaced while others read, as ours may: each access takes hold of what is
/// there now.
#[derive(Debug)]
pub(crate) struct Changing(GuestMemoryAtomic<GuestMemoryMmap>);

impl Changing {
    pub(crate) fn new(guest: &Guest) -> Self {
        Self(GuestMemoryAtomic::new(guest.0.clone()))
    }

    /// Reads bytes; returns whether all of them arrived.
    #[inline]
    pub(crate) fn read(&self, addr: u64, to: &mut [u8]) -> bool {
        self.0.memory().read_slice(to, GuestAddress(addr)).is_ok()
    }

    /// Reads a word.
    #[inline]
    pub(crate) fn read_u64(&self, addr: u64) -> Option<u64> {
        self.0.memory().read_obj(GuestAddress(addr)).ok()
    }
}
