//! Why an access to application memory stopped, and how far it had come.

use core::fmt;

use crate::Addr;

/// What was wrong with a faulting access.
///
/// ```
/// use usermem_types::FaultKind;
/// assert_eq!(FaultKind::Protection.to_string(), "protection");
/// assert_ne!(FaultKind::Unmapped, FaultKind::Bus);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FaultKind {
    /// Nothing is mapped there.
    Unmapped,
    /// A mapping is there and does not allow the access.
    Protection,
    /// The mapping has no memory behind it: beyond the end of a file, or poisoned.
    Bus,
    /// An atomic access was not aligned to its size.
    Misaligned,
    /// The address, or its sum with the length, lies outside the address space.
    OutOfRange,
    /// No memory was left to put behind the mapping.
    NoMemory,
}

impl fmt::Display for FaultKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unmapped => "unmapped",
            Self::Protection => "protection",
            Self::Bus => "bus error",
            Self::Misaligned => "misaligned",
            Self::OutOfRange => "out of range",
            Self::NoMemory => "out of memory",
        })
    }
}

/// A fault at an application address.
///
/// ```
/// use usermem_types::{Addr, Fault, FaultKind};
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(0x1000));
/// assert_eq!(fault.to_string(), "unmapped at 0x1000");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Fault {
    /// What was wrong.
    pub kind: FaultKind,
    /// The first byte that could not be accessed.
    pub addr: Addr,
}

impl Fault {
    /// Creates a fault.
    #[must_use]
    pub const fn new(kind: FaultKind, addr: Addr) -> Self {
        Self { kind, addr }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.kind, self.addr)
    }
}

impl core::error::Error for Fault {}

/// A transfer that stopped early: how many bytes had moved, and why it stopped.
///
/// The bytes are always a contiguous prefix of what was asked for. There is no conversion to
/// another error type, so that `?` cannot lose the count on the way.
///
/// ```
/// use usermem_types::{Addr, Fault, FaultKind, Partial};
/// let second = Partial::new(3, Fault::new(FaultKind::Bus, Addr::new(0x2003)));
/// // A first part of 16 bytes had been copied before.
/// let whole = second.after(16).map_cause(|fault| fault.kind);
/// assert_eq!(whole, Partial { done: 19, cause: FaultKind::Bus });
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partial<C> {
    /// Bytes transferred before the stop.
    pub done: usize,
    /// Why the transfer stopped.
    pub cause: C,
}

impl<C> Partial<C> {
    /// Creates a partial result.
    #[must_use]
    pub const fn new(done: usize, cause: C) -> Self {
        Self { done, cause }
    }

    /// Returns the same count with a cause made from this one.
    #[must_use]
    pub fn map_cause<D>(self, f: impl FnOnce(C) -> D) -> Partial<D> {
        Partial { done: self.done, cause: f(self.cause) }
    }

    /// Returns the same cause with `before` bytes added to the count.
    #[must_use]
    pub fn after(self, before: usize) -> Self {
        Self { done: before + self.done, cause: self.cause }
    }
}

impl<C: fmt::Display> fmt::Display for Partial<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} after {} bytes", self.cause, self.done)
    }
}

impl<C: fmt::Debug + fmt::Display> core::error::Error for Partial<C> {}

/// The result of a bulk transfer: the number of bytes, or a count and the cause of stopping.
///
/// ```
/// use usermem_types::{Addr, Fault, FaultKind, Partial, Transfer};
/// fn arrived(result: Transfer) -> usize {
///     result.unwrap_or_else(|partial| partial.done)
/// }
/// assert_eq!(arrived(Ok(5)), 5);
/// assert_eq!(arrived(Err(Partial::new(2, Fault::new(FaultKind::Bus, Addr::ZERO)))), 2);
/// ```
pub type Transfer<C = Fault> = Result<usize, Partial<C>>;
