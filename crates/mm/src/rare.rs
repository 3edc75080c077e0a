//! What few vmas have.

use crate::MemoryPolicy;
use crate::name::AnonName;

/// What few vmas have: kept apart, so that the others need no room for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rare {
    /// The name that the program gave its memory.
    pub(crate) name: Option<AnonName>,
    /// On which nodes pages are to be.
    pub(crate) policy: Option<MemoryPolicy>,
}

impl Rare {
    /// What most vmas have.
    pub(crate) const NONE: Self = Self { name: None, policy: None };
}
