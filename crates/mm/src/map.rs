//! `mmap`.

use memfile::SharedMemory;
use memmap::MappedObject;
use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, Errno};

use crate::descriptor::{FileContents, MmapFile, OBJECT_MAX};
use crate::mapping::{MAX_VMAS, Mapping};
use crate::range::{HUGE, PAGE_SIZE, addrs};
use crate::unmap::check_hole;
use crate::vma::{Vma, VmaFlags, is_accountable, is_data};
use crate::{MemoryManager, MmapFlags};

/// What `mmap` is asked for.
#[derive(Clone, Debug)]
pub struct MmapRequest {
    /// The address, or a hint.
    pub addr: Addr,
    /// Bytes; rounded up to whole pages.
    pub len: u64,
    /// The protections.
    pub access: AccessType,
    /// What a later `mprotect` may ask for at most, as the way in which the object was opened
    /// allows.
    pub max_access: AccessType,
    /// The flags.
    pub flags: MmapFlags,
    /// The offset into the object.
    pub offset: u64,
    /// What to map; `None` for zeroed memory.
    pub object: Option<MappedObject>,
}

impl MmapRequest {
    /// Creates the request for private zeroed memory.
    #[must_use]
    pub fn anonymous(addr: Addr, len: u64, access: AccessType, flags: MmapFlags) -> Self {
        Self {
            addr,
            len,
            access,
            max_access: AccessType::ALL,
            flags: flags | MmapFlags::PRIVATE | MmapFlags::ANONYMOUS,
            offset: 0,
            object: None,
        }
    }
}

/// What is done for a new mapping before it is touched.
#[derive(Clone, Copy, Debug)]
enum Populate {
    /// Nothing.
    Nothing,
    /// A small piece of memory that will be written soon: decide where its pages are and show them,
    /// which saves the first fault. They get memory when they are touched.
    Translations,
    /// Every page gets memory.
    Pages,
}

impl MemoryManager {
    /// Maps an object or zeroed memory, as `mmap(2)`, and returns where.
    ///
    /// # Errors
    /// Linux's, in its order, those of the descriptor excepted.
    pub fn mmap(&self, mut request: MmapRequest) -> Result<Addr, Errno> {
        let file = request.object.take().map(MmapFile::of);
        self.map(&request, file)
    }

    /// Maps what a descriptor refers to, as `mmap(2)`, and returns where. The request names no
    /// object of its own.
    ///
    /// # Errors
    /// Linux's, in its order, once there is a descriptor.
    pub fn mmap_file(&self, request: MmapRequest, file: MmapFile) -> Result<Addr, Errno> {
        self.map(&request, Some(file))
    }

    fn map(&self, request: &MmapRequest, file: Option<MmapFile>) -> Result<Addr, Errno> {
        let len = check_request(request, file.is_some())?;
        let (range, populate) = self.create(request, file, len)?;
        match populate {
            Populate::Nothing => {}
            Populate::Translations => self.show_early(range),
            Populate::Pages => self.populate(range),
        }
        Ok(Addr::new(range.start))
    }

    /// Creates the vma; returns its range and what to do for it at once.
    fn create(
        &self,
        request: &MmapRequest,
        file: Option<MmapFile>,
        len: u64,
    ) -> Result<(KeyRange, Populate), Errno> {
        let MmapRequest { addr, access, flags, .. } = *request;
        // Dropped after the lock, if it comes to that.
        let contents;
        let mut mapping = self.mapping_mut();
        if mapping.vmas.len() > MAX_VMAS {
            return Err(Errno::ENOMEM);
        }
        if flags.intersects(MmapFlags::FIXED | MmapFlags::FIXED_NOREPLACE) {
            // One search, for what is there and where it goes.
            mapping.vmas.seek(addr.get());
        }
        let range = self.place(&mapping, addr, len, flags, file.is_some())?;
        let vma_flags = self.vma_flags(&mapping, flags, len)?;
        let is_file = file.is_some() || flags.contains(MmapFlags::HUGETLB);
        let max_size = file.as_ref().map_or(OBJECT_MAX, |file| file.max_size);
        if is_file && request.offset.checked_add(len).is_none_or(|end| end > max_size) {
            return Err(Errno::EOVERFLOW);
        }
        let shared = is_shared(flags, is_file)?;
        let mut max_access = request.max_access;
        if !max_access.superset_of(access) {
            return Err(Errno::EACCES);
        }
        if let Some(file) = &file {
            max_access = max_access.intersect(file.check(shared, access, flags)?);
        }
        if flags.contains(MmapFlags::GROWSDOWN) && (is_file || shared) {
            return Err(Errno::EINVAL);
        }
        contents = file.map(|file| file.contents);
        let accounted = is_accountable(vma_flags, access);
        mapping.modes.check_executable(access, access)?;
        // Only a place that the program insists on may hold something.
        let replaces = flags.contains(MmapFlags::FIXED)
            && !flags.contains(MmapFlags::FIXED_NOREPLACE)
            && mapping.vmas.overlaps(range);
        let mut replaced = 0;
        if replaces {
            mapping.check_unsealed(range)?;
            replaced = mapping.vmas.span_in(range);
        }
        self.check_expansion(&mapping, len - replaced, is_data(vma_flags, access))?;
        if replaces {
            check_hole(&mapping, range)?;
        }
        if accounted {
            let freed = if replaces { mapping.accounted_in(range) } else { 0 };
            mapping.charge(len, freed)?;
        }
        let (object, offset) = match contents {
            Some(FileContents::Object(object)) => (Some(object), request.offset),
            _ if flags.contains(MmapFlags::HUGETLB) => (None, 0),
            // Zeros of a file are anonymous memory from here on.
            _ if shared => (Some(SharedMemory::new(&self.memory, len)?.into_object()), 0),
            _ => (None, 0),
        };
        let account = if accounted { VmaFlags::ACCOUNT } else { VmaFlags::empty() };
        let vma = Vma::new(object, offset, vma_flags | account, access, max_access);
        let populate = if flags.contains(MmapFlags::POPULATE)
            && !flags.contains(MmapFlags::NONBLOCK)
            || vma.is_locked_eagerly()
        {
            Populate::Pages
        } else if vma.object.is_none() && access.write() && len <= HUGE {
            Populate::Translations
        } else {
            Populate::Nothing
        };
        if replaces {
            self.unmap_range(&mut mapping, range);
        }
        if vma.object.is_none() && flags.contains(MmapFlags::HUGETLB) {
            // No huge pages are set aside; that comes out late.
            let is_aligned = request.offset.is_multiple_of(HUGE);
            return Err(if is_aligned { Errno::ENOMEM } else { Errno::EINVAL });
        }
        if let Some(object) = &vma.object {
            // As in Linux, a refusal leaves the range unmapped.
            let writable = vma.may_write_object();
            object.mappable.add_mapping(&self.me, addrs(range), offset, writable)?;
        }
        mapping.insert(range, vma);
        Ok((range, populate))
    }

    /// Derives the flags of a new vma, and checks the limit on locked memory.
    fn vma_flags(&self, mapping: &Mapping, flags: MmapFlags, len: u64) -> Result<VmaFlags, Errno> {
        let mut vma = mapping.future_lock;
        for (flag, meaning) in [
            (MmapFlags::GROWSDOWN, VmaFlags::GROWSDOWN),
            (MmapFlags::NORESERVE, VmaFlags::NORESERVE),
            (MmapFlags::LOCKED, VmaFlags::LOCKED),
            (MmapFlags::STACK, VmaFlags::NOHUGEPAGE),
        ] {
            if flags.contains(flag) {
                vma |= meaning;
            }
        }
        if flags.bits() & MmapFlags::TYPE == MmapFlags::PRIVATE.bits() {
            vma |= VmaFlags::PRIVATE | mapping.modes.merging();
        }
        if flags.contains(MmapFlags::LOCKED) && !self.limits.may_lock() {
            return Err(Errno::EPERM);
        }
        if vma.contains(VmaFlags::LOCKED)
            && !self.limits.may_lock_bytes(mapping.locked.saturating_add(len))
        {
            return Err(Errno::EAGAIN);
        }
        Ok(vma)
    }

    /// Checks that the limits allow `len` bytes more, of data or not.
    ///
    /// # Errors
    /// `ENOMEM` when they do not.
    pub(crate) fn check_expansion(
        &self,
        mapping: &Mapping,
        len: u64,
        data: bool,
    ) -> Result<(), Errno> {
        let all = mapping.vmas.span().saturating_add(len);
        let all_data = mapping.data.saturating_add(len);
        if !self.limits.address_space.allows(all) || data && !self.limits.data.allows(all_data) {
            return Err(Errno::ENOMEM);
        }
        Ok(())
    }
}

/// Checks what needs no lock, and returns the length in whole pages.
fn check_request(request: &MmapRequest, is_file: bool) -> Result<u64, Errno> {
    if request.len == 0 || is_file && !PAGE_SIZE.is_aligned(request.offset) {
        return Err(Errno::EINVAL);
    }
    if is_file && request.flags.contains(MmapFlags::HUGETLB) {
        // No object here is made of huge pages.
        return Err(Errno::EINVAL);
    }
    if request.flags.contains(MmapFlags::HUGETLB) {
        // As in Linux, rounding up may wrap to nothing.
        return request.len.checked_next_multiple_of(HUGE).ok_or(Errno::EINVAL);
    }
    PAGE_SIZE.round_up(request.len).ok_or(Errno::ENOMEM)
}

/// Returns whether a mapping is shared, when the flags go with its kind.
fn is_shared(flags: MmapFlags, has_object: bool) -> Result<bool, Errno> {
    let kind = MmapFlags::from_bits_retain(flags.bits() & MmapFlags::TYPE);
    match kind {
        MmapFlags::PRIVATE => Ok(false),
        MmapFlags::SHARED => Ok(true),
        MmapFlags::SHARED_VALIDATE if has_object => {
            if flags.bits() & !MmapFlags::VALIDATED != 0 {
                return Err(Errno::EOPNOTSUPP);
            }
            Ok(true)
        }
        _ => Err(Errno::EINVAL),
    }
}
