//! What a program set for all of its memory: `prctl` and `membarrier`.

use bitflags::bitflags;
use usermem_types::{AccessType, Errno};

use crate::MemoryManager;
use crate::range::keys;
use crate::vma::VmaFlags;

bitflags! {
    /// Commands of `membarrier(2)`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Barriers: u32 {
        const GLOBAL = 1 << 0;
        const GLOBAL_EXPEDITED = 1 << 1;
        const REGISTER_GLOBAL_EXPEDITED = 1 << 2;
        const PRIVATE_EXPEDITED = 1 << 3;
        const REGISTER_PRIVATE_EXPEDITED = 1 << 4;
        const PRIVATE_EXPEDITED_SYNC_CORE = 1 << 5;
        const REGISTER_PRIVATE_EXPEDITED_SYNC_CORE = 1 << 6;
        const GET_REGISTRATIONS = 1 << 9;
    }
}

bitflags! {
    /// `PR_SET_MDWE`.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    struct Deny: u64 {
        /// What is not executable, or was writable, does not become executable.
        const EXEC_GAIN = 1 << 0;
        /// Children are free of that.
        const NO_INHERIT = 1 << 1;
    }
}

/// `PR_THP_DISABLE_EXCEPT_ADVISED`.
const EXCEPT_ADVISED: u64 = 1 << 1;

/// What a program set for all of its memory.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Modes {
    /// What `membarrier(2)` was asked to register.
    registered: Barriers,
    /// The barriers that may be used for it.
    ready: Barriers,
    deny: Deny,
    merges: bool,
    /// What `PR_GET_THP_DISABLE` tells.
    no_huge_pages: u64,
}

impl Modes {
    /// Returns whether memory may have huge pages that the program asks for.
    pub(crate) fn allow_huge_pages(self) -> bool {
        self.no_huge_pages == 0 || self.no_huge_pages & EXCEPT_ADVISED != 0
    }

    /// Returns what a child of a fork has.
    pub(crate) fn of_child(self) -> Self {
        let inherits = !self.deny.contains(Deny::NO_INHERIT);
        Self { deny: if inherits { self.deny } else { Deny::empty() }, ..self }
    }

    /// Checks that memory which allows `old`, or that is new and would allow `new` anyway, may
    /// allow `new`.
    ///
    /// # Errors
    /// `EACCES` when it would become executable, or is writable as well, and the program asked
    /// that this be refused.
    pub(crate) fn check_executable(self, old: AccessType, new: AccessType) -> Result<(), Errno> {
        let gains = new.execute() && (new.write() || !old.execute());
        if gains && self.deny.contains(Deny::EXEC_GAIN) { Err(Errno::EACCES) } else { Ok(()) }
    }

    /// Returns the flags that new private memory gets.
    pub(crate) fn merging(self) -> VmaFlags {
        if self.merges { VmaFlags::MERGEABLE } else { VmaFlags::empty() }
    }

    /// Registers for a barrier; the word that is registered may be wider than the barrier.
    fn register(&mut self, registered: Barriers, ready: Barriers) {
        self.registered |= registered;
        self.ready |= ready;
    }
}

impl MemoryManager {
    /// Orders the memory accesses of threads, as `membarrier(2)`: the commands of a kernel without
    /// restartable sequences. A barrier among the threads of a program that has one is nothing to
    /// do.
    ///
    /// # Errors
    /// `EINVAL` for flags and unknown commands, `EPERM` for a barrier that needs to be registered
    /// and is not.
    pub fn membarrier(&self, command: u32, flags: u32) -> Result<u32, Errno> {
        if flags != 0 {
            return Err(Errno::EINVAL);
        }
        if command == 0 {
            return Ok(Barriers::all().bits());
        }
        let command = Barriers::from_bits(command).ok_or(Errno::EINVAL)?;
        match command {
            Barriers::GLOBAL | Barriers::GLOBAL_EXPEDITED => {}
            Barriers::PRIVATE_EXPEDITED | Barriers::PRIVATE_EXPEDITED_SYNC_CORE => {
                if !self.mapping.read().modes.ready.contains(command) {
                    return Err(Errno::EPERM);
                }
            }
            Barriers::REGISTER_GLOBAL_EXPEDITED => {
                self.mapping_mut().modes.register(command, Barriers::empty());
            }
            Barriers::REGISTER_PRIVATE_EXPEDITED => {
                self.mapping_mut().modes.register(command, Barriers::PRIVATE_EXPEDITED);
            }
            Barriers::REGISTER_PRIVATE_EXPEDITED_SYNC_CORE => {
                // As in Linux, this counts as both registrations and allows one barrier.
                let both = command | Barriers::REGISTER_PRIVATE_EXPEDITED;
                self.mapping_mut().modes.register(both, Barriers::PRIVATE_EXPEDITED_SYNC_CORE);
            }
            Barriers::GET_REGISTRATIONS => {
                return Ok(self.mapping.read().modes.registered.bits());
            }
            _ => return Err(Errno::EINVAL),
        }
        Ok(0)
    }

    /// Refuses memory to become executable from now on, as `prctl(2)` with `PR_SET_MDWE`.
    ///
    /// # Errors
    /// `EINVAL` for unknown bits, `EPERM` when other bits are set already.
    pub fn set_mdwe(&self, bits: u64) -> Result<(), Errno> {
        let deny = Deny::from_bits(bits).ok_or(Errno::EINVAL)?;
        if deny == Deny::NO_INHERIT {
            return Err(Errno::EINVAL);
        }
        let mut mapping = self.mapping_mut();
        if !mapping.modes.deny.is_empty() && mapping.modes.deny != deny {
            return Err(Errno::EPERM);
        }
        mapping.modes.deny = deny;
        Ok(())
    }

    /// Returns the bits of `PR_GET_MDWE`.
    #[must_use]
    pub fn mdwe(&self) -> u64 {
        self.mapping.read().modes.deny.bits()
    }

    /// Lets equal pages of all private memory be shared, or of none, as `prctl(2)` with
    /// `PR_SET_MEMORY_MERGE`: a mark that later mappings get as well.
    pub fn set_memory_merge(&self, value: u64) {
        let mut mapping = self.mapping_mut();
        mapping.modes.merges = value != 0;
        let mark = mapping.modes.merging();
        let everything = keys(self.space.user_range());
        mapping.edit(everything, |vma| {
            if vma.is_private() {
                vma.flags = vma.flags.difference(VmaFlags::MERGEABLE) | mark;
            }
        });
    }

    /// Returns the value of `PR_GET_MEMORY_MERGE`.
    #[must_use]
    pub fn memory_merge(&self) -> u64 {
        self.mapping.read().modes.merges.into()
    }

    /// Does without huge pages, as `prctl(2)` with `PR_SET_THP_DISABLE`.
    ///
    /// # Errors
    /// `EINVAL` for flags that there are not, or any when huge pages are allowed again.
    pub fn set_thp_disable(&self, value: u64, flags: u64) -> Result<(), Errno> {
        if value == 0 && flags != 0 || flags & !EXCEPT_ADVISED != 0 {
            return Err(Errno::EINVAL);
        }
        self.mapping_mut().modes.no_huge_pages = u64::from(value != 0) | flags;
        Ok(())
    }

    /// Returns the value of `PR_GET_THP_DISABLE`.
    #[must_use]
    pub fn thp_disable(&self) -> u64 {
        self.mapping.read().modes.no_huge_pages
    }
}
