//! Where things go in an address space.

use usermem_types::{Addr, AddrRange};

use crate::range::{PAGE, PAGE_SIZE};

/// Bytes kept free below a mapping that grows down.
pub(crate) const GUARD_GAP: u64 = 256 * PAGE;

/// Linux's `TASK_SIZE_MAX` with four levels of page tables.
const TASK_SIZE_MAX: u64 = if cfg!(target_arch = "x86_64") { (1 << 47) - PAGE } else { 1 << 48 };

/// The least and the most that is kept free for the stack, below the top.
const STACK_ROOM_MIN: u64 = 128 << 20;

/// Where things go in an address space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The lowest usable address.
    pub min: Addr,
    /// The address after the highest usable one.
    pub max: Addr,
    /// The end of what a program may name at all: Linux's `TASK_SIZE_MAX`. Buffers are checked
    /// against it; from `max` on nothing is ever mapped.
    pub limit: Addr,
    /// Mappings that may go anywhere go to the highest place below this.
    pub mmap_top: Addr,
    /// When there is no such place, they go to the lowest above this.
    pub mmap_bottom: Addr,
    /// Where a position-independent executable goes.
    pub pie_base: Addr,
    /// The end of the stack.
    pub stack_top: Addr,
}

impl Layout {
    /// Lays out an address space as Linux does without randomisation.
    pub(crate) fn new(user: AddrRange, stack_limit: u64) -> Self {
        let (min, max) = (user.start().get(), user.end().get());
        let page = |addr: u64| Addr::new(PAGE_SIZE.round_down(addr).clamp(min, max));
        let most = max / 6 * 5;
        let room = stack_limit.saturating_add(GUARD_GAP).clamp(STACK_ROOM_MIN.min(most), most);
        Self {
            min: Addr::new(min),
            max: Addr::new(max),
            limit: Addr::new(max.max(TASK_SIZE_MAX)),
            mmap_top: page(max.saturating_sub(room)),
            mmap_bottom: page(max / 3),
            pie_base: page(max / 3 * 2),
            stack_top: page(max),
        }
    }
}
