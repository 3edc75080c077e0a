//! `mlock` and its family, and making pages present ahead of use.

use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, Errno, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::mapping::Mapping;
use crate::range::{PAGE_SIZE, keys};
use crate::vma::{Vma, VmaFlags};

/// `MLOCK_ONFAULT`.
const MLOCK_ONFAULT: u32 = 1;
/// `MCL_CURRENT`.
const MCL_CURRENT: u32 = 1;
/// `MCL_FUTURE`.
const MCL_FUTURE: u32 = 2;
/// `MCL_ONFAULT`.
const MCL_ONFAULT: u32 = 4;

impl MemoryManager {
    /// Locks a range, as `mlock2(2)`; zero flags are `mlock(2)`.
    ///
    /// # Errors
    /// Linux's, in its order. What comes before the first hole is locked all the same.
    pub fn mlock(&self, addr: Addr, len: u64, flags: u32) -> Result<(), Errno> {
        if flags & !MLOCK_ONFAULT != 0 {
            return Err(Errno::EINVAL);
        }
        if !self.limits.may_lock() {
            return Err(Errno::EPERM);
        }
        let on_fault = flags & MLOCK_ONFAULT != 0;
        let (start, len) = lockable(addr, len);
        let mut mapping = self.mapping_mut();
        let wanted = mapping.locked.saturating_add(len);
        if !self.limits.may_lock_bytes(wanted) {
            let range = KeyRange::new(start, start.saturating_add(len));
            if !self.limits.may_lock_bytes(wanted - mapping.locked_in(range)) {
                return Err(Errno::ENOMEM);
            }
        }
        let lock = lock_flags(on_fault);
        let range = self.set_lock(&mut mapping, start, len, lock)?;
        drop(mapping);
        if on_fault {
            return Ok(());
        }
        self.make_all_present(range, for_population).map_err(|stop| match stop {
            Stop::Hole(_) | Stop::Refused(_) => Errno::ENOMEM,
            Stop::Fault(FaultKind::NoMemory, _) => Errno::EAGAIN,
            Stop::Fault(..) => Errno::ENOMEM,
        })
    }

    /// Unlocks a range, as `munlock(2)`.
    ///
    /// # Errors
    /// Linux's. What comes before the first hole is unlocked all the same.
    pub fn munlock(&self, addr: Addr, len: u64) -> Result<(), Errno> {
        let (start, len) = lockable(addr, len);
        self.set_lock(&mut self.mapping_mut(), start, len, VmaFlags::empty()).map(|_| ())
    }

    /// Locks everything, now or in future, as `mlockall(2)`.
    ///
    /// # Errors
    /// `EINVAL` for unknown or useless flags; `EPERM`, `ENOMEM` as the limit demands.
    pub fn mlockall(&self, flags: u32) -> Result<(), Errno> {
        let known = MCL_CURRENT | MCL_FUTURE | MCL_ONFAULT;
        if flags & !known != 0 || flags & (MCL_CURRENT | MCL_FUTURE) == 0 {
            return Err(Errno::EINVAL);
        }
        if !self.limits.may_lock() {
            return Err(Errno::EPERM);
        }
        let lock = lock_flags(flags & MCL_ONFAULT != 0);
        let mut mapping = self.mapping_mut();
        let is_current = flags & MCL_CURRENT != 0;
        if is_current && !self.limits.may_lock_bytes(mapping.vmas.span()) {
            return Err(Errno::ENOMEM);
        }
        mapping.future_lock = if flags & MCL_FUTURE != 0 { lock } else { VmaFlags::empty() };
        if !is_current {
            return Ok(());
        }
        let everything = keys(self.space.user_range());
        mapping.edit(everything, |vma| set_lock_flags(vma, lock));
        drop(mapping);
        if lock == VmaFlags::LOCKED {
            self.populate(everything);
        }
        Ok(())
    }

    /// Unlocks everything, now and in future, as `munlockall(2)`.
    pub fn munlockall(&self) {
        let mut mapping = self.mapping_mut();
        mapping.future_lock = VmaFlags::empty();
        let everything = keys(self.space.user_range());
        mapping.edit(everything, |vma| set_lock_flags(vma, VmaFlags::empty()));
    }

    /// Changes how a range is locked, and returns it in whole pages.
    fn set_lock(
        &self,
        mapping: &mut Mapping,
        start: u64,
        len: u64,
        lock: VmaFlags,
    ) -> Result<KeyRange, Errno> {
        let range = KeyRange::new(start, start.checked_add(len).ok_or(Errno::EINVAL)?);
        let mut at = range.start;
        while at < range.end {
            let (held, _) = mapping.vmas.get(at).ok_or(Errno::ENOMEM)?;
            let part = held.intersect(KeyRange::new(at, range.end));
            if !mapping.may_edit(part, |vma| set_lock_flags(vma, lock)) {
                return Err(Errno::ENOMEM);
            }
            mapping.edit(part, |vma| set_lock_flags(vma, lock));
            at = part.end;
        }
        Ok(range)
    }

    /// Makes the pages of a range present as far as that is possible, and shows them.
    pub(crate) fn populate(&self, range: KeyRange) {
        let mut at = range.start;
        while at < range.end {
            match self.make_all_present(KeyRange::new(at, range.end), for_population) {
                // The rest of a mapping that failed is not tried again.
                Err(Stop::Hole(end) | Stop::Refused(end) | Stop::Fault(_, end)) => at = end,
                Ok(()) => return,
            }
        }
    }

    /// Shows anonymous memory that was mapped just now before it is touched.
    pub(crate) fn show_early(&self, range: KeyRange) {
        // What cannot be shown yet is shown when it is touched.
        let _ = self.make_and_show(range, for_population, false);
    }

    /// Makes all pages of a range present for the access that `access_of` wants of each vma; it
    /// is one that the vma allows.
    pub(crate) fn make_all_present(
        &self,
        range: KeyRange,
        access_of: fn(&Vma) -> Option<AccessType>,
    ) -> Result<(), Stop> {
        self.make_and_show(range, access_of, true)
    }

    fn make_and_show(
        &self,
        range: KeyRange,
        access_of: fn(&Vma) -> Option<AccessType>,
        populate: bool,
    ) -> Result<(), Stop> {
        let mut at = range.start;
        while at < range.end {
            let mapping = self.mapping.read();
            let Some((held, vma)) = mapping.vmas.get(at) else {
                let next = mapping.vmas.at_or_after(at).map_or(range.end, |(next, _)| next.start);
                return Err(Stop::Hole(next));
            };
            let part = held.intersect(KeyRange::new(at, range.end));
            let Some(access) = access_of(vma) else { return Err(Stop::Refused(part.end)) };
            let mut detached = Detached::new(&*self.space);
            let mut active = self.active.write();
            let present = self.make_present(&mapping, &mut active, part, access, &mut detached);
            let done = KeyRange::new(part.start, present.end);
            if self.show(&active, done, populate).is_ok() {
                detached.replaced(done);
            }
            if populate {
                // What the address space was asked for is a hint to it.
                give_memory(&active.downgrade(), done)
                    .map_err(|_| Stop::Fault(FaultKind::NoMemory, part.end))?;
            }
            if present.end < part.end {
                let kind = present.fault.unwrap_or(FaultKind::Bus);
                return Err(Stop::Fault(kind, part.end));
            }
            at = part.end;
        }
        Ok(())
    }
}

/// Puts memory behind the pages of the pmas inside `range`.
fn give_memory(active: &Active, range: KeyRange) -> Result<(), Errno> {
    active.pmas.iter_in(range).try_for_each(|(held, pma)| {
        let pages = pma.pages(held, held.intersect(range));
        pma.file.file().populate(pages)
    })
}

/// Why not all pages could be made present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stop {
    /// Nothing is mapped, up to this address.
    Hole(u64),
    /// The vma, which ends here, does not allow the access.
    Refused(u64),
    /// A page of the vma that ends here could not be had.
    Fault(FaultKind, u64),
}

/// Returns the access for which a vma is populated: what is written sooner or later is copied now. What is
/// locked as it is touched is left to that, whatever was asked for.
fn for_population(vma: &Vma) -> Option<AccessType> {
    if vma.flags.contains(VmaFlags::LOCK_ON_FAULT) {
        return None;
    }
    let writes = vma.is_private() && vma.real.write();
    let access = if writes { AccessType::WRITE } else { AccessType::READ };
    vma.effective().superset_of(access).then_some(access)
}

fn lock_flags(on_fault: bool) -> VmaFlags {
    if on_fault { VmaFlags::LOCK_MASK } else { VmaFlags::LOCKED }
}

fn set_lock_flags(vma: &mut Vma, lock: VmaFlags) {
    vma.flags = vma.flags.difference(VmaFlags::LOCK_MASK) | lock;
}

/// Returns start and length in whole pages. As in Linux, a length that overflows wraps.
fn lockable(addr: Addr, len: u64) -> (u64, u64) {
    let addr = addr.untagged().get();
    let len = len.wrapping_add(PAGE_SIZE.offset(addr));
    (PAGE_SIZE.round_down(addr), PAGE_SIZE.round_up(len).unwrap_or(0))
}
