//! `move_pages` and `migrate_pages`: where pages are.

use rangeset::KeyRange;
use usermem_types::{Addr, Errno};

use crate::range::{PAGE, PAGE_SIZE};
use crate::{MemoryManager, NodeSet, Privileges};

impl MemoryManager {
    /// Moves all pages that are on some nodes to others, as `migrate_pages(2)`, and returns how
    /// many could not be moved: there is one node, and what is there stays.
    ///
    /// # Errors
    /// `EPERM` when there are no such nodes, unless pages may be placed at will; `EINVAL` when none
    /// of them is the one that there is.
    pub fn migrate_pages(&self, to: NodeSet) -> Result<u64, Errno> {
        if to.has_others() && !self.limits.privileges().contains(Privileges::PLACE) {
            return Err(Errno::EPERM);
        }
        if to.has_ours() { Ok(0) } else { Err(Errno::EINVAL) }
    }

    /// Checks the node to which `move_pages(2)` is to move a page.
    ///
    /// # Errors
    /// `ENODEV` for a node that there is not.
    pub fn check_node(&self, node: i32) -> Result<(), Errno> {
        if node == 0 { Ok(()) } else { Err(Errno::ENODEV) }
    }

    /// Tells on which node the page at an address is, as `move_pages(2)` does.
    ///
    /// # Errors
    /// `EFAULT` when nothing is mapped, or the zeros that all share are; `ENOENT` when there is no
    /// page yet.
    pub fn node_of_page(&self, addr: Addr) -> Result<i32, Errno> {
        let addr = addr.untagged().get();
        let mapping = self.mapping.read();
        mapping.vmas.get(addr).ok_or(Errno::EFAULT)?;
        let page = PAGE_SIZE.round_down(addr);
        let active = self.active.read();
        let (held, pma) = active.pmas.get(page).ok_or(Errno::ENOENT)?;
        if pma.is_zeros(&self.memory) {
            return Err(Errno::EFAULT);
        }
        let mut present = [0];
        let page = pma.pages(held, KeyRange::new(page, page + PAGE));
        pma.file.file().residency(page, &mut present);
        if present == [0] { Err(Errno::ENOENT) } else { Ok(0) }
    }
}
