//! `mprotect`.

use rangeset::KeyRange;
use smallvec::SmallVec;
use usermem_types::{AccessType, Addr, Errno};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::flags::{PROT_GROWSDOWN, PROT_GROWSUP, PROT_SEM};
use crate::mapping::Mapping;
use crate::range::PAGE_SIZE;
use crate::vma::{Vma, VmaFlags, is_data};

impl MemoryManager {
    /// Changes the protections of a range, as `mprotect(2)`, given the raw protection bits.
    ///
    /// # Errors
    /// Linux's, in its order. What comes before the first hole or refusal is changed all the same.
    pub fn mprotect(&self, addr: Addr, len: u64, prot: u32) -> Result<(), Errno> {
        let addr = addr.untagged();
        let grows = prot & (PROT_GROWSDOWN | PROT_GROWSUP);
        let prot = prot & !grows;
        if grows == PROT_GROWSDOWN | PROT_GROWSUP || !addr.is_page_aligned(PAGE_SIZE) {
            return Err(Errno::EINVAL);
        }
        if len == 0 {
            return Ok(());
        }
        let len = PAGE_SIZE.round_up(len).ok_or(Errno::ENOMEM)?;
        let range = crate::range::keys(addr.to_range(len).ok_or(Errno::ENOMEM)?);
        if prot & !(AccessType::ALL.prot() | PROT_SEM) != 0 {
            return Err(Errno::EINVAL);
        }
        let mut detached = Detached::new(&*self.space);
        let mut mapping = self.mapping_mut();
        let start = first_to_protect(&mapping, range, grows)?;
        let access = AccessType::from_prot(prot);
        let mut active = self.active.write();
        let mut at = start;
        let mut result = Ok(());
        // As in Linux, locked memory that becomes writable is copied at once.
        let mut copied: SmallVec<[KeyRange; 1]> = SmallVec::new();
        while at < range.end {
            let rest = KeyRange::new(at, range.end);
            let is_copied = access.write() && mapping.vmas.get(at).is_some_and(is_locked_copy);
            let end = match self.protect_one(&mut mapping, &mut active, rest, access, &mut detached)
            {
                Ok(end) => end,
                Err(errno) => {
                    result = Err(errno);
                    break;
                }
            };
            if is_copied {
                copied.push(KeyRange::new(at, end));
            }
            at = end;
        }
        drop(active);
        drop(mapping);
        drop(detached);
        for range in copied {
            self.populate(range);
        }
        result
    }

    /// Changes the vma at the start of `rest` and returns where it ends.
    fn protect_one(
        &self,
        mapping: &mut Mapping,
        active: &mut Active,
        rest: KeyRange,
        access: AccessType,
        detached: &mut Detached<'_>,
    ) -> Result<u64, Errno> {
        let (held, vma) = mapping.vmas.get(rest.start).ok_or(Errno::ENOMEM)?;
        let part = held.intersect(rest);
        if !vma.max.superset_of(access) {
            return Err(Errno::EACCES);
        }
        mapping.modes.check_executable(vma.real, access)?;
        if vma.is_sealed() {
            return Err(Errno::EPERM);
        }
        let (flags, old) = (vma.flags, vma.real);
        if old == access {
            return Ok(part.end);
        }
        let mut account = flags & VmaFlags::ACCOUNT;
        if access.write() {
            let (was_data, becomes_data) = (is_data(flags, old), is_data(flags, access));
            if self.check_expansion(mapping, part.len(), becomes_data).is_err()
                && self.check_expansion(mapping, part.len(), was_data).is_ok()
            {
                return Err(Errno::ENOMEM);
            }
            let uncounted = VmaFlags::PRIVATE | VmaFlags::ACCOUNT;
            if flags & uncounted == VmaFlags::PRIVATE && !old.write() {
                mapping.charge(part.len(), 0)?;
                account = VmaFlags::ACCOUNT;
            }
        } else if vma.object.is_none() && active.pmas.iter_in(held).next().is_none() {
            // Nothing was ever there to be kept.
            account = VmaFlags::empty();
        }
        let change = |vma: &mut Vma| {
            vma.real = access;
            vma.flags = vma.flags.difference(VmaFlags::ACCOUNT) | account;
        };
        if !mapping.may_edit(part, change) {
            return Err(Errno::ENOMEM);
        }
        mapping.edit(part, change);
        let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
        let mut is_stale = false;
        active.pmas.edit(part, |_, pma| {
            let before = pma.effective;
            pma.set_accesses(vma);
            // What is shown must not allow more; and a refused jump must not be one that is
            // allowed by now, for it would be taken for a write.
            let gained = pma.effective.without(before);
            is_stale |= !pma.effective.superset_of(before) || gained.execute();
        });
        if is_stale {
            detached.stale(part);
        }
        Ok(part.end)
    }
}

/// Returns whether pages of a vma are in memory and would be copied when they are written.
fn is_locked_copy((_, vma): (KeyRange, &Vma)) -> bool {
    vma.is_private() && vma.is_locked_eagerly() && !vma.real.write()
}

/// Returns where the change begins.
fn first_to_protect(mapping: &Mapping, range: KeyRange, grows: u32) -> Result<u64, Errno> {
    let first = mapping.vmas.at_or_after(range.start).filter(|(held, _)| held.start < range.end);
    let (held, vma) = first.ok_or(Errno::ENOMEM)?;
    match grows {
        PROT_GROWSDOWN if vma.grows_down() => Ok(held.start),
        PROT_GROWSDOWN => Err(Errno::EINVAL),
        _ if held.start > range.start => Err(Errno::ENOMEM),
        PROT_GROWSUP => Err(Errno::EINVAL),
        _ => Ok(range.start),
    }
}
