//! What names a futex that processes share.

use std::hash::{Hash, Hasher};
use std::sync::Arc;

use memmap::Mappable;
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, AlignedAddr, Fault, FaultKind};

use crate::MemoryManager;

/// What names a futex that processes may share: two words with equal keys are one.
///
/// A key holds on to the object, so that no other takes its place meanwhile.
#[derive(Clone, Debug)]
pub enum SharedFutexKey {
    /// A word of the program's own: an address in its memory.
    Private(Addr),
    /// A word of an object that is mapped.
    Object {
        /// The object.
        object: Arc<dyn Mappable>,
        /// Where the word is in it.
        offset: u64,
    },
}

impl PartialEq for SharedFutexKey {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Private(this), Self::Private(that)) => this == that,
            (
                Self::Object { object: this, offset: at },
                Self::Object { object: that, offset: there },
            ) => at == there && this.owner_of_pages() == that.owner_of_pages(),
            _ => false,
        }
    }
}

impl Eq for SharedFutexKey {}

impl Hash for SharedFutexKey {
    fn hash<H: Hasher>(&self, state: &mut H) {
        match self {
            Self::Private(addr) => addr.hash(state),
            Self::Object { object, offset } => (object.owner_of_pages(), offset).hash(state),
        }
    }
}

impl MemoryManager {
    /// Returns what names a word as a futex that processes share, as `futex(2)` without
    /// `FUTEX_PRIVATE_FLAG`: its page is made present.
    ///
    /// A word of a private mapping is the program's own once it can be written; one that cannot
    /// is still the object's.
    ///
    /// # Errors
    /// The fault of a word that cannot be read, or that is anonymous memory which nobody may
    /// write, because it never changes.
    pub fn shared_futex_key(&self, word: AlignedAddr<4>) -> Result<SharedFutexKey, Fault> {
        // Also where the object ends before the word.
        self.copy_in(word.addr(), &mut [0; 4], IoOpts::CHECKED).map_err(|partial| partial.cause)?;
        let addr = word.addr().untagged();
        let refuse = |kind| Err(Fault::new(kind, word.addr()));
        let mapping = self.mapping.read();
        let Some((held, vma)) = mapping.vmas.get(addr.get()) else {
            return refuse(FaultKind::Unmapped);
        };
        if vma.is_private() && vma.effective().write() {
            return Ok(SharedFutexKey::Private(addr));
        }
        let Some(object) = &vma.object else { return refuse(FaultKind::Protection) };
        let active = self.active.read();
        if active.pmas.get(addr.get()).is_some_and(|(_, pma)| pma.private) {
            return refuse(FaultKind::Protection);
        }
        let offset = vma.offset_at(held, addr.get());
        Ok(SharedFutexKey::Object { object: Arc::clone(&object.mappable), offset })
    }
}
