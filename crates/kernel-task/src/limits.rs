//! Resource limits.

use usermem_types::Errno;

/// A soft and a hard limit; `u64::MAX` is no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RLimit {
    /// The limit in force.
    pub soft: u64,
    /// The ceiling of the soft limit.
    pub hard: u64,
}

impl RLimit {
    /// No limit.
    pub const INFINITY: Self = Self { soft: u64::MAX, hard: u64::MAX };
}

/// A resource of `getrlimit(2)`, with Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
#[expect(missing_docs, reason = "the names are those of getrlimit(2)")]
pub enum Resource {
    Cpu = 0,
    FileSize = 1,
    Data = 2,
    Stack = 3,
    Core = 4,
    ResidentSet = 5,
    Processes = 6,
    OpenFiles = 7,
    LockedMemory = 8,
    AddressSpace = 9,
    FileLocks = 10,
    PendingSignals = 11,
    MessageQueues = 12,
    Nice = 13,
    RealTimePriority = 14,
    RealTimeCpu = 15,
}

/// No resource has this number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownResource(pub u32);

const ALL: [Resource; 16] = [
    Resource::Cpu,
    Resource::FileSize,
    Resource::Data,
    Resource::Stack,
    Resource::Core,
    Resource::ResidentSet,
    Resource::Processes,
    Resource::OpenFiles,
    Resource::LockedMemory,
    Resource::AddressSpace,
    Resource::FileLocks,
    Resource::PendingSignals,
    Resource::MessageQueues,
    Resource::Nice,
    Resource::RealTimePriority,
    Resource::RealTimeCpu,
];

impl TryFrom<u32> for Resource {
    type Error = UnknownResource;

    fn try_from(number: u32) -> Result<Self, UnknownResource> {
        ALL.get(number as usize).copied().ok_or(UnknownResource(number))
    }
}

/// The limits of a program.
#[derive(Clone, Debug)]
pub struct ResourceLimits {
    limits: [RLimit; 16],
    /// May raise hard limits.
    privileged: bool,
}

impl ResourceLimits {
    /// Creates limits from what the caller of `usermem` has.
    #[must_use]
    pub fn new(limits: [RLimit; 16], privileged: bool) -> Self {
        Self { limits, privileged }
    }

    /// Returns a limit.
    #[must_use]
    #[expect(clippy::indexing_slicing, reason = "a resource is below 16")]
    pub fn get(&self, resource: Resource) -> RLimit {
        self.limits[resource as usize]
    }

    /// Sets a limit.
    ///
    /// # Errors
    /// `EINVAL` when the soft limit exceeds the hard one; `EPERM` when the hard limit is raised
    /// without privilege.
    #[expect(clippy::indexing_slicing, reason = "a resource is below 16")]
    pub fn set(&mut self, resource: Resource, limit: RLimit) -> Result<(), Errno> {
        if limit.soft > limit.hard {
            return Err(Errno::EINVAL);
        }
        let current = &mut self.limits[resource as usize];
        if limit.hard > current.hard && !self.privileged {
            return Err(Errno::EPERM);
        }
        *current = limit;
        Ok(())
    }
}
