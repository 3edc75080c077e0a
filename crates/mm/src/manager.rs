//! The memory manager itself.

use std::fmt;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Weak};

use memfile::{Charge, MemoryFile};
use memmap::{AddressSpace, InvalidateOpts, MappingSpace};
use usermem_types::AddrRange;

use crate::active::{Active, Detached};
use crate::locks::{ActiveLock, MappingLock};
use crate::mapping::{Mapping, MappingWrite};
use crate::pin::PinnedPages;
use crate::range::{addrs, keys};
use crate::{Layout, Limits};

/// The memory of one program.
///
/// Everything that the program can observe about its memory is decided here: which addresses are
/// mapped, what they hold and what may be done there. All methods take `&self` and may be called
/// from any thread; none may be called from a reader or writer that this memory manager's own
/// streaming transfer called.
pub struct MemoryManager {
    pub(crate) space: Arc<dyn AddressSpace>,
    pub(crate) memory: Arc<MemoryFile>,
    pub(crate) me: Weak<dyn MappingSpace>,
    pub(crate) layout: Layout,
    pub(crate) limits: Limits,
    pub(crate) mapping: MappingLock,
    pub(crate) active: ActiveLock,
    pub(crate) faults: AtomicU64,
    pub(crate) pinned: Arc<PinnedPages>,
}

impl MemoryManager {
    /// Creates the memory manager of a program that has nothing mapped, which runs in `space` and
    /// has its memory in `memory`.
    #[must_use]
    pub fn new(space: Arc<dyn AddressSpace>, memory: Arc<MemoryFile>) -> Arc<Self> {
        let layout = Layout::new(space.user_range(), Limits::default().stack.get());
        Self::with_layout(space, memory, layout)
    }

    pub(crate) fn with_layout(
        space: Arc<dyn AddressSpace>,
        memory: Arc<MemoryFile>,
        layout: Layout,
    ) -> Arc<Self> {
        Arc::new_cyclic(|me: &Weak<Self>| Self {
            layout,
            limits: Limits::default(),
            mapping: MappingLock::new(Mapping::new(Charge::new(Arc::clone(&memory)))),
            active: ActiveLock::new(Active::in_space(&*space)),
            faults: AtomicU64::new(0),
            pinned: Arc::default(),
            me: Weak::clone(me) as Weak<dyn MappingSpace>,
            space,
            memory,
        })
    }

    /// Returns the limits that bound mappings.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Returns where things go in the address space.
    #[must_use]
    pub fn layout(&self) -> Layout {
        self.layout
    }

    /// Returns the address space that the program runs in.
    #[must_use]
    pub fn address_space(&self) -> &Arc<dyn AddressSpace> {
        &self.space
    }

    pub(crate) fn mapping_mut(&self) -> MappingWrite<'_> {
        self.mapping.write()
    }
}

impl MappingSpace for MemoryManager {
    fn invalidate(&self, range: AddrRange, opts: InvalidateOpts) {
        let mut detached = Detached::new(&*self.space);
        let mut active = self.active.write();
        active.note_invalidation(keys(range), opts);
        active.invalidate(keys(range), opts, &mut detached);
    }
}

impl Drop for MemoryManager {
    fn drop(&mut self) {
        let everything = keys(self.space.user_range());
        let mut detached = Detached::new(&*self.space);
        self.active.get_mut().remove(everything, |_| true, &mut detached);
        drop(detached);
        let mapping = self.mapping.write();
        self.remove_vmas(mapping, everything);
    }
}

impl fmt::Debug for MemoryManager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryManager")
            .field("space", &self.space)
            .field("user_range", &addrs(keys(self.space.user_range())))
            .finish_non_exhaustive()
    }
}
