//! `mbind` and its family: policies of ranges.

use rangeset::KeyRange;
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, Errno};

use crate::mapping::Mapping;
use crate::range::PAGE_SIZE;
use crate::rare::Rare;
use crate::{MemoryManager, MemoryPolicy, NodeSet, PolicyMode, Privileges};

/// `MPOL_MF_STRICT`.
const MF_STRICT: u32 = 1;
/// `MPOL_MF_MOVE`.
const MF_MOVE: u32 = 2;
/// `MPOL_MF_MOVE_ALL`.
const MF_MOVE_ALL: u32 = 4;

/// `MPOL_F_NODE`.
const F_NODE: u64 = 1;
/// `MPOL_F_ADDR`.
const F_ADDR: u64 = 2;
/// `MPOL_F_MEMS_ALLOWED`.
const F_MEMS_ALLOWED: u64 = 4;

impl MemoryManager {
    /// Sets the policy of a range, as `mbind(2)`.
    ///
    /// # Errors
    /// Linux's, in its order. A hole is `EFAULT`, and nothing is changed then; the default policy
    /// passes over holes, unless there is nothing else.
    pub fn mbind(
        &self,
        addr: Addr,
        len: u64,
        mode: PolicyMode,
        nodes: NodeSet,
        flags: u32,
    ) -> Result<(), Errno> {
        if flags & !(MF_STRICT | MF_MOVE | MF_MOVE_ALL) != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_move_all(flags)?;
        let range = policy_range(addr, len)?;
        if range.is_empty() {
            return Ok(());
        }
        let policy = MemoryPolicy::new(mode, nodes)?;
        let mut mapping = self.mapping_mut();
        // Pages are where they can be; they are in the wrong place only if the program says so.
        let is_strict = flags & (MF_STRICT | MF_MOVE | MF_MOVE_ALL) == MF_STRICT;
        let misplaced = is_strict && !nodes.has_ours();
        if policy.is_some() {
            self.check_places(&mapping, range, misplaced)?;
        } else if mapping.vmas.span_in(range) == 0 {
            return Err(Errno::EFAULT);
        }
        for_each_vma(&mut mapping, range, |mapping, part| set_policy(mapping, part, policy))
    }

    /// Checks that a range has no holes and, where pages would be misplaced, that there is none.
    /// As Linux does, vma by vma, each for a hole at its start or end before its pages.
    fn check_places(
        &self,
        mapping: &Mapping,
        range: KeyRange,
        misplaced: bool,
    ) -> Result<(), Errno> {
        let active = self.active.read();
        let mut at = range.start;
        while at < range.end {
            let (held, _) = mapping.vmas.get(at).ok_or(Errno::EFAULT)?;
            if held.end < range.end && mapping.vmas.get(held.end).is_none() {
                return Err(Errno::EFAULT);
            }
            let part = held.intersect(range);
            if misplaced && active.pmas.iter_in(part).next().is_some() {
                return Err(Errno::EIO);
            }
            at = part.end;
        }
        Ok(())
    }

    /// Chooses the node where a range that has a policy starts, as `set_mempolicy_home_node(2)`.
    ///
    /// # Errors
    /// `EINVAL` for flags, a node that there is not, and a range that is not aligned or wraps;
    /// `ENOENT` when nothing in the range has a policy, `EOPNOTSUPP` at one that cannot start
    /// anywhere.
    pub fn set_policy_home(
        &self,
        addr: Addr,
        len: u64,
        node: u64,
        flags: u64,
    ) -> Result<(), Errno> {
        if flags != 0 || node != 0 {
            return Err(Errno::EINVAL);
        }
        let range = policy_range(addr, len)?;
        if range.is_empty() {
            return Ok(());
        }
        let mut mapping = self.mapping_mut();
        let mut result = Err(Errno::ENOENT);
        for_each_vma(&mut mapping, range, |mapping, part| {
            let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::ENOENT)?;
            let Some(policy) = vma.rare().policy else { return Ok(()) };
            result = Ok(());
            set_policy(mapping, part, Some(policy.with_home()?))
        })?;
        result
    }

    /// Tells the policy of the task or of an address, as `get_mempolicy(2)`: the number that goes
    /// to the first argument, and the nodes.
    ///
    /// # Errors
    /// `EINVAL` for flags or arguments that do not go together, `EFAULT` when the address is not
    /// mapped or, asked for the node of its page, cannot be read.
    pub fn get_mempolicy(
        &self,
        of_task: Option<MemoryPolicy>,
        addr: Addr,
        flags: u64,
    ) -> Result<(u32, NodeSet), Errno> {
        if flags & !(F_NODE | F_ADDR | F_MEMS_ALLOWED) != 0 {
            return Err(Errno::EINVAL);
        }
        if flags & F_MEMS_ALLOWED != 0 {
            let alone = flags & (F_NODE | F_ADDR) == 0;
            return if alone { Ok((0, NodeSet::ONLY)) } else { Err(Errno::EINVAL) };
        }
        let policy = if flags & F_ADDR != 0 {
            let mapping = self.mapping.read();
            let (_, vma) = mapping.vmas.get(addr.untagged().get()).ok_or(Errno::EFAULT)?;
            vma.rare().policy
        } else if addr == Addr::ZERO {
            of_task
        } else {
            return Err(Errno::EINVAL);
        };
        let number = match flags & (F_NODE | F_ADDR) {
            // The node of the page, which is made present for that.
            flags if flags == F_NODE | F_ADDR => {
                self.copy_in(addr, &mut [0], IoOpts::CHECKED).map_err(|_| Errno::EFAULT)?;
                0
            }
            // The node whose turn it is.
            F_NODE if policy.is_some_and(MemoryPolicy::interleaves) => 0,
            F_NODE => return Err(Errno::EINVAL),
            _ => MemoryPolicy::raw_mode(policy),
        };
        Ok((number, MemoryPolicy::nodes(policy)))
    }

    fn check_move_all(&self, flags: u32) -> Result<(), Errno> {
        let may = self.limits.privileges().contains(Privileges::PLACE);
        if flags & MF_MOVE_ALL != 0 && !may { Err(Errno::EPERM) } else { Ok(()) }
    }

    /// Checks the flags of `move_pages(2)`, which are those of `mbind(2)` with one less.
    ///
    /// # Errors
    /// `EINVAL` for unknown flags, `EPERM` for a privilege that is not there.
    pub fn check_move_pages(&self, flags: u32) -> Result<(), Errno> {
        if flags & !(MF_MOVE | MF_MOVE_ALL) != 0 {
            return Err(Errno::EINVAL);
        }
        self.check_move_all(flags)
    }
}

/// Returns the pages of a range. As in Linux, rounding up may wrap to nothing.
fn policy_range(addr: Addr, len: u64) -> Result<KeyRange, Errno> {
    let start = addr.untagged();
    if !start.is_page_aligned(PAGE_SIZE) {
        return Err(Errno::EINVAL);
    }
    let len = PAGE_SIZE.round_up(len).unwrap_or(0);
    let end = start.get().checked_add(len).ok_or(Errno::EINVAL)?;
    Ok(KeyRange::new(start.get(), end))
}

/// Calls `change` for the part of each vma that lies in the range.
fn for_each_vma(
    mapping: &mut Mapping,
    range: KeyRange,
    mut change: impl FnMut(&mut Mapping, KeyRange) -> Result<(), Errno>,
) -> Result<(), Errno> {
    let mut at = range.start;
    while at < range.end
        && let Some((held, _)) = mapping.vmas.at_or_after(at)
        && held.start < range.end
    {
        let part = held.intersect(KeyRange::new(at, range.end));
        change(mapping, part)?;
        at = part.end;
    }
    Ok(())
}

fn set_policy(
    mapping: &mut Mapping,
    part: KeyRange,
    policy: Option<MemoryPolicy>,
) -> Result<(), Errno> {
    let (_, vma) = mapping.vmas.get(part.start).ok_or(Errno::EFAULT)?;
    if vma.rare().policy == policy {
        return Ok(());
    }
    if !mapping.may_cut(part) {
        return Err(Errno::ENOMEM);
    }
    mapping.edit(part, |vma| vma.set_rare(Rare { policy, ..vma.rare().clone() }));
    Ok(())
}
