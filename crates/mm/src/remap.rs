//! `mremap`.

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::MemoryManager;
use crate::active::Detached;
use crate::flags::{MREMAP_DONTUNMAP, MREMAP_FIXED, MREMAP_MAYMOVE};
use crate::mapping::{MAX_VMAS, Mapping};
use crate::placement::Alignment;
use crate::range::{PAGE_SIZE, addrs};
use crate::vma::VmaFlags;

/// What `mremap` is asked for, checked as far as that needs no lock.
#[derive(Clone, Copy)]
struct Request {
    addr: u64,
    /// Whole pages; none at all asks for a second mapping of the same object.
    old_len: u64,
    /// Whole pages, at least one.
    new_len: u64,
    new_addr: u64,
    may_move: bool,
    fixed: bool,
    dont_unmap: bool,
}

impl Request {
    fn names_place(self) -> bool {
        self.fixed || self.dont_unmap
    }

    /// Returns whether several mappings may be moved at once.
    fn only_moves(self) -> bool {
        self.fixed && self.old_len == self.new_len
    }

    fn old(self) -> KeyRange {
        KeyRange::new(self.addr, self.addr.saturating_add(self.old_len))
    }
}

impl MemoryManager {
    /// Resizes or moves a mapping, as `mremap(2)`, and returns where it is.
    ///
    /// # Errors
    /// Linux's, in its order. `MREMAP_FIXED` unmaps the target before the limits are checked.
    pub fn mremap(
        &self,
        old: Addr,
        old_len: u64,
        new_len: u64,
        flags: u32,
        new: Addr,
    ) -> Result<Addr, Errno> {
        let request = self.check_remap(old.untagged(), old_len, new_len, flags, new)?;
        let mut mapping = self.mapping_mut();
        if request.names_place() && mapping.vmas.len() + 2 >= MAX_VMAS - 3 {
            return Err(Errno::ENOMEM);
        }
        let populate = self.remap(&mut mapping, request)?;
        let is_eager =
            mapping.vmas.get(populate.0.start).is_some_and(|(_, vma)| vma.is_locked_eagerly());
        drop(mapping);
        if is_eager && !populate.0.is_empty() {
            self.populate(populate.0);
        }
        Ok(Addr::new(populate.1))
    }

    fn check_remap(
        &self,
        old: Addr,
        old_len: u64,
        new_len: u64,
        flags: u32,
        new: Addr,
    ) -> Result<Request, Errno> {
        let known = MREMAP_MAYMOVE | MREMAP_FIXED | MREMAP_DONTUNMAP;
        let max = self.layout.max.get();
        let request = Request {
            addr: old.get(),
            // Linux lets the rounding wrap to zero.
            old_len: PAGE_SIZE.round_up(old_len).unwrap_or(0),
            new_len: PAGE_SIZE.round_up(new_len).unwrap_or(0),
            new_addr: new.get(),
            may_move: flags & MREMAP_MAYMOVE != 0,
            fixed: flags & MREMAP_FIXED != 0,
            dont_unmap: flags & MREMAP_DONTUNMAP != 0,
        };
        let Request { addr, old_len, new_len, new_addr, .. } = request;
        if flags & !known != 0 || !old.is_page_aligned(PAGE_SIZE) || new_len == 0 || new_len > max {
            return Err(Errno::EINVAL);
        }
        if request.names_place() {
            // As in Linux, an absurd old length wraps.
            let overlaps =
                addr.wrapping_add(old_len) > new_addr && new_addr.saturating_add(new_len) > addr;
            if new_addr > max - new_len
                || !new.is_page_aligned(PAGE_SIZE)
                || !request.may_move
                || request.dont_unmap && old_len != new_len
                || overlaps
            {
                return Err(Errno::EINVAL);
            }
        }
        Ok(request)
    }

    /// Returns the range to populate when it is locked, which is what is new, and the address of the mapping.
    fn remap(&self, mapping: &mut Mapping, request: Request) -> Result<(KeyRange, u64), Errno> {
        let Request { addr, old_len, new_len, .. } = request;
        let nothing = KeyRange::new(addr, addr);
        let (held, vma) = mapping.vmas.get(addr).ok_or(Errno::EFAULT)?;
        if vma.is_sealed() {
            return Err(Errno::EPERM);
        }
        if !request.names_place() && new_len <= old_len {
            self.unmap_tail(mapping, request)?;
            return Ok((nothing, addr));
        }
        if old_len == 0 && vma.is_private() {
            return Err(Errno::EINVAL);
        }
        if !request.only_moves() && old_len.min(new_len) > held.end - addr {
            return Err(Errno::EFAULT);
        }
        if new_len > old_len {
            let delta = new_len - old_len;
            if vma.offset_at(held, addr).checked_add(new_len).is_none() {
                return Err(Errno::EINVAL);
            }
            let locked = mapping.locked.saturating_add(delta);
            if vma.is_locked() && !self.limits.may_lock_bytes(locked) {
                return Err(Errno::EAGAIN);
            }
            self.check_expansion(mapping, delta, vma.is_data())?;
        }
        if request.names_place() {
            return self.move_to_place(mapping, request);
        }
        let extension = KeyRange::new(held.end, held.end.saturating_add(new_len - old_len));
        if addr + old_len == held.end && self.can_extend(mapping, extension) {
            self.extend(mapping, extension)?;
            return Ok((extension, addr));
        }
        if !request.may_move {
            return Err(Errno::ENOMEM);
        }
        let alignment = Alignment::of(new_len, vma.object.is_some());
        let target = self.search(mapping, new_len, alignment).ok_or(Errno::ENOMEM)?;
        self.move_one(mapping, request.old(), target, false)?;
        Ok((KeyRange::new(target.start + old_len, target.end), target.start))
    }

    fn can_extend(&self, mapping: &Mapping, extension: KeyRange) -> bool {
        extension.end <= self.layout.max.get() && mapping.vmas.iter_in(extension).next().is_none()
    }

    /// Grows the vma that ends where `extension`, which is free, starts.
    fn extend(&self, mapping: &mut Mapping, extension: KeyRange) -> Result<(), Errno> {
        let last = extension.start - 1;
        let (held, vma) = mapping.vmas.get(last).ok_or(Errno::EFAULT)?;
        let offset = vma.offset_at(held, extension.start);
        let (object, writable) = (vma.object.clone(), vma.may_write_object());
        if vma.flags.contains(VmaFlags::ACCOUNT) {
            mapping.charge(extension.len(), 0)?;
        }
        if let Some(object) = &object {
            object.mappable.add_mapping(&self.me, addrs(extension), offset, writable)?;
        }
        mapping.extend(held.start, extension.end);
        Ok(())
    }

    /// Unmaps what lies beyond the new length, if it is shorter.
    fn unmap_tail(&self, mapping: &mut Mapping, request: Request) -> Result<(), Errno> {
        let Request { addr, old_len, new_len, .. } = request;
        if new_len >= old_len {
            return Ok(());
        }
        let end = addr.checked_add(old_len).filter(|end| *end <= self.layout.max.get());
        let tail = KeyRange::new(addr + new_len, end.ok_or(Errno::EINVAL)?);
        self.try_unmap(mapping, tail)
    }

    fn move_to_place(
        &self,
        mapping: &mut Mapping,
        request: Request,
    ) -> Result<(KeyRange, u64), Errno> {
        let Request { addr, old_len, new_len, new_addr, dont_unmap, .. } = request;
        if request.only_moves() {
            self.move_many(mapping, request)?;
            return Ok((KeyRange::new(new_addr, new_addr), new_addr));
        }
        let target = KeyRange::new(new_addr, new_addr + new_len);
        if request.fixed {
            self.try_unmap(mapping, target)?;
        }
        // The source may have been a part of the target, when nothing of it was to be moved.
        let has_object = match mapping.vmas.get(addr) {
            Some((_, vma)) => vma.object.is_some(),
            None => return Err(Errno::EFAULT),
        };
        self.unmap_tail(mapping, request)?;
        let source = KeyRange::new(addr, addr + old_len.min(new_len));
        if dont_unmap {
            self.check_keeping(mapping, source)?;
        }
        let target = if request.fixed {
            self.fixed_range(Addr::new(new_addr), new_len)?
        } else if new_addr >= self.layout.min.get() && mapping.is_available(target) {
            target
        } else {
            let is_named = new_addr != 0;
            let alignment =
                if is_named { Alignment::Page } else { Alignment::of(new_len, has_object) };
            self.search(mapping, new_len, alignment).ok_or(Errno::ENOMEM)?
        };
        self.move_one(mapping, source, target, dont_unmap)?;
        Ok((KeyRange::new(target.start + source.len(), target.end), target.start))
    }

    /// Checks that the limits allow `source`, inside one vma, to be there twice.
    fn check_keeping(&self, mapping: &Mapping, source: KeyRange) -> Result<(), Errno> {
        let (_, vma) = mapping.vmas.get(source.start).ok_or(Errno::EFAULT)?;
        self.check_expansion(mapping, source.len(), vma.is_data())
    }

    /// Moves every vma of a range, and the holes between them.
    fn move_many(&self, mapping: &mut Mapping, request: Request) -> Result<(), Errno> {
        let mut at = request.addr;
        let end = request.old().end;
        while let Some((held, vma)) = mapping.vmas.at_or_after(at) {
            let part = held.intersect(KeyRange::new(at, end));
            if part.is_empty() {
                break;
            }
            if vma.is_sealed() {
                return Err(Errno::EPERM);
            }
            let start = request.new_addr + (part.start - request.addr);
            self.try_unmap(mapping, KeyRange::new(start, start + part.len()))?;
            if request.dont_unmap {
                self.check_keeping(mapping, part)?;
            }
            let target = self.fixed_range(Addr::new(start), part.len())?;
            self.move_one(mapping, part, target, request.dont_unmap)?;
            at = part.end;
        }
        Ok(())
    }

    /// Moves `source`, inside one vma, to `target`, which is free and at least as long: the vma
    /// first, then the pages, and only then does the object lose the old mapping, so that no
    /// invalidation is missed. An empty source gives a second mapping of the object.
    fn move_one(
        &self,
        mapping: &mut Mapping,
        source: KeyRange,
        target: KeyRange,
        keep_source: bool,
    ) -> Result<(), Errno> {
        let (held, vma) = mapping.vmas.get(source.start).ok_or(Errno::EFAULT)?;
        let moved = vma.copy_at(vma.offset_at(held, source.start));
        if !mapping.may_cut(source) {
            return Err(Errno::ENOMEM);
        }
        if moved.flags.contains(VmaFlags::ACCOUNT) {
            let freed = if keep_source { 0 } else { source.len() };
            mapping.charge(target.len(), freed)?;
        }
        if let Some(object) = &moved.object {
            let writable = moved.may_write_object();
            let (from, to) = (addrs(source), addrs(target));
            object.mappable.copy_mapping(&self.me, from, to, moved.offset, writable)?;
        }
        let peak = mapping.peak();
        mapping.insert(target, moved);
        mapping.guards.move_to(source, target.start);
        self.move_pages(source, target.start);
        if keep_source {
            // As in Linux, all of the mapping loses its lock, what was not moved as well.
            mapping.edit(held, |vma| vma.flags.remove(VmaFlags::LOCK_MASK));
        } else if !source.is_empty() {
            self.remove_vmas(&mut *mapping, source);
            mapping.forget_peak_above(peak);
        }
        Ok(())
    }

    /// Moves the pmas of `source` so that they start at `target`, where there are none.
    fn move_pages(&self, source: KeyRange, target: u64) {
        let mut detached = Detached::new(&*self.space);
        let mut active = self.active.write();
        let mut moved = Vec::new();
        active.pmas.remove_range(source, |held, pma| {
            detached.stale(held);
            moved.push((held, pma));
        });
        for (held, pma) in moved {
            let start = target + (held.start - source.start);
            active.insert(KeyRange::new(start, start + held.len()), pma);
        }
    }
}
