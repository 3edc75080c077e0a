//! Attachments of System V shared memory: `shmat` and `shmdt` as far as they look at mappings.

use std::sync::Arc;

use memmap::MappedObject;
use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, Errno};

use crate::range::PAGE_SIZE;
use crate::vma::Vma;
use crate::{MemoryManager, MmapFlags, MmapRequest};

/// Where a segment is attached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachPlace {
    /// Anywhere.
    Anywhere,
    /// At an address where nothing is.
    Free(Addr),
    /// At an address, instead of what is there.
    Replacing(Addr),
}

impl MemoryManager {
    /// Attaches `len` bytes of an object whose identity says that it is an attachment, with these
    /// protections and those that may be asked for at most, and returns where.
    ///
    /// # Errors
    /// `EINVAL` when something is in the way, or the range wraps; otherwise those of
    /// [`MemoryManager::mmap`].
    pub fn attach(
        &self,
        object: MappedObject,
        len: u64,
        (access, max_access): (AccessType, AccessType),
        place: AttachPlace,
    ) -> Result<Addr, Errno> {
        let (addr, flags) = match place {
            AttachPlace::Anywhere => (Addr::ZERO, MmapFlags::SHARED),
            AttachPlace::Replacing(addr) => (addr, MmapFlags::SHARED | MmapFlags::FIXED),
            AttachPlace::Free(addr) => {
                addr.checked_add(len).ok_or(Errno::EINVAL)?;
                (addr, MmapFlags::SHARED | MmapFlags::FIXED_NOREPLACE)
            }
        };
        let object = Some(object);
        let mapped =
            self.mmap(MmapRequest { addr, len, access, max_access, flags, offset: 0, object });
        mapped.map_err(|errno| if errno == Errno::EEXIST { Errno::EINVAL } else { errno })
    }

    /// Detaches what was attached at `addr`, as `shmdt(2)`, and returns the inode number of what
    /// was: of the first mapping at or above that would be there had the attachment been left
    /// whole, and of all later ones of the same attachment that lie where they were put.
    ///
    /// # Errors
    /// `EINVAL` when nothing was attached there. As in Linux, what is sealed stays, without one.
    pub fn detach(&self, addr: Addr) -> Result<u64, Errno> {
        if !addr.is_page_aligned(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        let base = addr.get();
        let mut mapping = self.mapping_mut();
        let mut pieces = mapping
            .vmas
            .iter_from(base)
            .filter(|(held, vma)| is_piece(*held, vma, base))
            .filter_map(|(held, vma)| vma.object.as_ref().map(|object| (held, object)));
        let (first, object) = pieces.next().ok_or(Errno::EINVAL)?;
        let identity = Arc::clone(&object.identity);
        let len = identity.attachment_len().and_then(|len| PAGE_SIZE.round_up(len)).unwrap_or(0);
        let mut doomed = vec![first];
        doomed.extend(
            pieces
                .take_while(|(held, _)| held.end - base <= len)
                .filter(|(_, object)| Arc::ptr_eq(&object.identity, &identity))
                .map(|(held, _)| held),
        );
        for piece in doomed {
            let _ = self.try_unmap(&mut mapping, piece);
        }
        Ok(identity.inode())
    }
}

/// Returns whether a vma is a piece of an attachment that begins at `base`.
fn is_piece(held: KeyRange, vma: &Vma, base: u64) -> bool {
    held.start >= base
        && vma.offset == held.start - base
        && vma.object.as_ref().is_some_and(|object| object.identity.attachment_len().is_some())
}
