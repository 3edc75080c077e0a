//! A fault at a host address.

use std::fmt;

use usermem_types::FaultKind;

/// A fault at an address of our own process.
///
/// Not to be confused with [`usermem_types::Fault`], whose address is the application's: whoever
/// knows where a block stands in the application makes one of the other.
///
/// ```
/// use safecopy::HostFault;
/// use usermem_types::FaultKind;
///
/// let fault = HostFault { kind: FaultKind::Bus, addr: 0x7000 };
/// assert!(fault.to_string().ends_with("at host address 0x7000"));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HostFault {
    /// What was wrong.
    pub kind: FaultKind,
    /// The host address that was accessed.
    pub addr: usize,
}

impl fmt::Display for HostFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at host address {:#x}", self.kind, self.addr)
    }
}

impl std::error::Error for HostFault {}

/// Signal number and code, as the handler hands them to the interrupted assembly in one register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cause {
    signal: i32,
    code: i32,
}

impl Cause {
    /// Creates a cause from a synchronous signal, whose number is never zero.
    pub(crate) fn new(signal: i32, code: i32) -> Self {
        Self { signal, code }
    }

    /// Returns the cause as one word, never zero.
    pub(crate) fn to_info(self) -> u64 {
        u64::from(self.code.cast_unsigned()) << 32 | u64::from(self.signal.cast_unsigned())
    }

    /// Returns the cause of a word that is not zero.
    pub(crate) fn from_info(info: u64) -> Self {
        Self { signal: info as i32, code: (info >> 32) as i32 }
    }

    /// Returns whether the signal reported an address. A general-protection fault, which is what
    /// x86-64 raises for an address that it cannot name, reports none.
    pub(crate) fn has_addr(self) -> bool {
        self.code != SI_KERNEL
    }

    /// Returns what was wrong.
    pub(crate) fn kind(self) -> FaultKind {
        match (self.signal, self.code) {
            (libc::SIGBUS, _) => FaultKind::Bus,
            (_, SEGV_MAPERR | SI_KERNEL) => FaultKind::Unmapped,
            _ => FaultKind::Protection,
        }
    }
}

const SEGV_MAPERR: i32 = 1;
/// A fault that the kernel knows no more about.
pub(crate) const SI_KERNEL: i32 = 0x80;
