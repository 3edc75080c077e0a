//! `madvise`.

use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, Errno, FaultKind};

use crate::MemoryManager;
use crate::lock::Stop;
use crate::mapping::Mapping;
use crate::range::{PAGE_SIZE, keys};
use crate::vma::{Vma, VmaFlags};

/// What is done to each vma of the range.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Action {
    /// Set and clear flags.
    Flags { set: VmaFlags, clear: VmaFlags, needs: Needs },
    /// Drop the pages.
    Drop { needs: Needs },
    /// Make the pages present for this access.
    Populate(AccessType),
    /// Check, and do nothing.
    Nothing { needs: Needs },
    /// Punch a hole into the object.
    Remove,
    /// Make huge pages of the pages.
    Collapse,
    /// Make the pages inaccessible.
    InstallGuards,
    /// Make them accessible again.
    RemoveGuards,
    /// Let equal pages be shared.
    Merge { may: bool },
}

/// Which vmas an advice refuses with `EINVAL`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Needs {
    /// None.
    Anything,
    /// Locked ones.
    Unlocked,
    /// Locked ones and those that are not private anonymous.
    UnlockedAnonymous,
    /// Those that are not private anonymous.
    Anonymous,
}

impl Needs {
    fn accepts(self, vma: &Vma) -> bool {
        let is_anonymous = vma.object.is_none();
        match self {
            Self::Anything => true,
            Self::Unlocked => !vma.is_locked(),
            Self::UnlockedAnonymous => !vma.is_locked() && is_anonymous,
            Self::Anonymous => is_anonymous,
        }
    }
}

impl Action {
    /// Returns what an advice means; `None` when there is no such advice.
    fn of(advice: i32) -> Option<Self> {
        use Needs::{Anonymous, Anything, Unlocked, UnlockedAnonymous};
        let none = VmaFlags::empty();
        let flags = |set, clear| Self::Flags { set, clear, needs: Anything };
        Some(match advice {
            // MADV_NORMAL, MADV_RANDOM, MADV_SEQUENTIAL, MADV_WILLNEED, MADV_DONTNEED
            0 => flags(none, VmaFlags::RANDOM | VmaFlags::SEQUENTIAL),
            1 => flags(VmaFlags::RANDOM, VmaFlags::SEQUENTIAL),
            2 => flags(VmaFlags::SEQUENTIAL, VmaFlags::RANDOM),
            3 => Self::Nothing { needs: Anything },
            4 => Self::Drop { needs: Unlocked },
            // MADV_FREE, MADV_REMOVE, MADV_DONTFORK, MADV_DOFORK
            8 => Self::Drop { needs: UnlockedAnonymous },
            9 => Self::Remove,
            10 => flags(VmaFlags::DONTFORK, none),
            11 => flags(none, VmaFlags::DONTFORK),
            // MADV_MERGEABLE, MADV_UNMERGEABLE, MADV_HUGEPAGE, MADV_NOHUGEPAGE
            12 => Self::Merge { may: true },
            13 => Self::Merge { may: false },
            14 => flags(VmaFlags::HUGEPAGE, VmaFlags::NOHUGEPAGE),
            15 => flags(VmaFlags::NOHUGEPAGE, VmaFlags::HUGEPAGE),
            // MADV_DONTDUMP, MADV_DODUMP, MADV_WIPEONFORK, MADV_KEEPONFORK
            16 => flags(VmaFlags::DONTDUMP, none),
            17 => flags(none, VmaFlags::DONTDUMP),
            18 => Self::Flags { set: VmaFlags::WIPEONFORK, clear: none, needs: Anonymous },
            19 => flags(none, VmaFlags::WIPEONFORK),
            // MADV_COLD, MADV_PAGEOUT, MADV_POPULATE_READ, MADV_POPULATE_WRITE
            20 | 21 => Self::Nothing { needs: Unlocked },
            22 => Self::Populate(AccessType::READ),
            23 => Self::Populate(AccessType::WRITE),
            // MADV_DONTNEED_LOCKED, MADV_COLLAPSE
            24 => Self::Drop { needs: Anything },
            25 => Self::Collapse,
            // MADV_GUARD_INSTALL, MADV_GUARD_REMOVE
            102 => Self::InstallGuards,
            103 => Self::RemoveGuards,
            _ => return None,
        })
    }
}

impl Action {
    /// Returns whether contents are lost.
    fn discards(self) -> bool {
        match self {
            Self::Flags { set, .. } => set.intersects(VmaFlags::DONTFORK | VmaFlags::WIPEONFORK),
            Self::Drop { .. } | Self::Remove | Self::InstallGuards => true,
            Self::Populate(_)
            | Self::Nothing { .. }
            | Self::Collapse
            | Self::RemoveGuards
            | Self::Merge { .. } => false,
        }
    }
}

/// Sets and clears flags of what lies inside one vma.
fn set_flags(
    mapping: &mut Mapping,
    part: KeyRange,
    set: VmaFlags,
    clear: VmaFlags,
) -> Result<(), Errno> {
    let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
    let flags = vma.flags.difference(clear) | set;
    if flags == vma.flags {
        return Ok(());
    }
    if !mapping.may_edit(part, |vma| vma.flags = flags) {
        // As in Linux, which has it for everything that it has no memory for here.
        return Err(Errno::EAGAIN);
    }
    mapping.edit(part, |vma| vma.flags = flags);
    Ok(())
}

impl MemoryManager {
    /// Takes advice about a range, as `madvise(2)`.
    ///
    /// # Errors
    /// Linux's, in its order. Holes are passed over and give `ENOMEM` at the end.
    pub fn madvise(&self, addr: Addr, len: u64, advice: i32) -> Result<(), Errno> {
        let action = Action::of(advice).ok_or(Errno::EINVAL)?;
        let range = advised_range(addr, len)?;
        if let Action::Populate(access) = action {
            return self.populate_for(range, access);
        }
        for_each_part(&mut self.mapping_mut(), range, |mapping, part| {
            self.advise_one(mapping, part, action)
        })
    }

    /// Applies an advice inside one vma.
    fn advise_one(
        &self,
        mapping: &mut Mapping,
        part: KeyRange,
        action: Action,
    ) -> Result<(), Errno> {
        let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
        if vma.is_sealed_against(action.discards()) {
            return Err(Errno::EPERM);
        }
        match action {
            Action::Flags { needs, .. } | Action::Drop { needs } | Action::Nothing { needs }
                if !needs.accepts(vma) =>
            {
                Err(Errno::EINVAL)
            }
            Action::Flags { set, clear, .. } => {
                set_flags(mapping, part, set, clear)?;
                if set.contains(VmaFlags::HUGEPAGE) {
                    self.forget_untouched(mapping, part);
                }
                Ok(())
            }
            // Linux does not look at pages that are shared already.
            Action::Merge { .. } if !vma.is_private() => Ok(()),
            Action::Merge { may: true } => {
                set_flags(mapping, part, VmaFlags::MERGEABLE, VmaFlags::empty())
            }
            Action::Merge { may: false } => {
                set_flags(mapping, part, VmaFlags::empty(), VmaFlags::MERGEABLE)
            }
            Action::Collapse => self.collapse(mapping, part),
            Action::InstallGuards if vma.is_locked() => Err(Errno::EINVAL),
            Action::InstallGuards => {
                self.drop_pages(part);
                mapping.guards.install(part);
                Ok(())
            }
            Action::RemoveGuards => {
                mapping.guards.remove(part);
                Ok(())
            }
            Action::Drop { .. } => {
                self.drop_pages(part);
                Ok(())
            }
            Action::Remove if vma.is_locked() || vma.object.is_none() => Err(Errno::EINVAL),
            Action::Remove if !vma.may_write_object() => Err(Errno::EACCES),
            Action::Remove => {
                let (held, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOMEM)?;
                let object = vma.object.as_ref().ok_or(Errno::EINVAL)?;
                object.mappable.punch_hole(vma.offsets(held, part))
            }
            Action::Populate(_) | Action::Nothing { .. } => Ok(()),
        }
    }

    fn populate_for(&self, range: KeyRange, access: AccessType) -> Result<(), Errno> {
        // What the protections say counts here, not what they imply.
        let access_of: fn(&Vma) -> Option<AccessType> = if access.write() {
            |vma| vma.real.write().then_some(AccessType::WRITE)
        } else {
            |vma| vma.real.read().then_some(AccessType::READ)
        };
        self.make_all_present(range, access_of).map_err(|stop| match stop {
            Stop::Refused(_) => Errno::EINVAL,
            Stop::Hole(_) | Stop::Fault(FaultKind::NoMemory, _) => Errno::ENOMEM,
            Stop::Fault(..) => Errno::EFAULT,
        })
    }
}

/// Returns the pages of a range that advice is about.
///
/// # Errors
/// `EINVAL` when it is not aligned or wraps.
pub(crate) fn advised_range(addr: Addr, len: u64) -> Result<KeyRange, Errno> {
    let addr = addr.untagged();
    if !addr.is_page_aligned(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let range = PAGE_SIZE.round_up(len).and_then(|len| addr.to_range(len));
    range.map(keys).ok_or(Errno::EINVAL)
}

/// Calls `change` for what lies inside each vma of a range, until it fails.
///
/// # Errors
/// That of `change`; `ENOMEM` for holes, at the end.
pub(crate) fn for_each_part(
    mapping: &mut Mapping,
    range: KeyRange,
    mut change: impl FnMut(&mut Mapping, KeyRange) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut result = Ok(());
    let mut at = range.start;
    while at < range.end {
        let next = mapping.vmas.at_or_after(at).filter(|(held, _)| held.start < range.end);
        let Some((held, _)) = next else { return Err(Errno::ENOMEM) };
        if held.start > at {
            result = Err(Errno::ENOMEM);
        }
        let part = held.intersect(KeyRange::new(at, range.end));
        change(mapping, part)?;
        at = part.end;
    }
    result
}
