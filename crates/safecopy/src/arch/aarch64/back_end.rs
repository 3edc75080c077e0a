//! Which of this architecture's moves are used.
//!
//! | back end | copies | atomics |
//! |---|---|---|
//! | `ldp/stp, lse` | pairs of vector registers | single instructions of ARMv8.1 (`HWCAP_ATOMICS`) |
//! | `ldp/stp, ll-sc` | pairs of vector registers | loops of exclusive loads and stores |
//! | `automatic` | pairs of vector registers | LSE where the CPU has it |
//!
//! One relaxed variable holds what the accesses look at.

use std::sync::atomic::{AtomicBool, Ordering};

/// A back end of this architecture.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Choice {
    /// What is fastest.
    Automatic,
    /// Vector copies, atomics as single instructions.
    Lse,
    /// Vector copies, atomics as loops.
    LlSc,
}

/// Whether atomics are single instructions. Until [`Choice::apply`] has looked, they are what
/// every CPU of this architecture has.
static LSE: AtomicBool = AtomicBool::new(false);

impl Choice {
    /// Every back end of this architecture; the default first.
    pub(crate) const ALL: &[Self] = &[Self::Automatic, Self::Lse, Self::LlSc];

    /// Returns the name by which users know it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Automatic => "automatic",
            Self::Lse => "ldp/stp, lse",
            Self::LlSc => "ldp/stp, ll-sc",
        }
    }

    /// Returns whether this CPU has its instructions.
    pub(crate) fn is_supported(self) -> bool {
        match self {
            Self::Automatic | Self::LlSc => true,
            Self::Lse => std::arch::is_aarch64_feature_detected!("lse"),
        }
    }

    /// Makes the accesses of all threads use it, from some time soon.
    ///
    /// # Panics
    /// When the CPU does not support it.
    pub(crate) fn apply(self) {
        assert!(self.is_supported(), "our own invariant: a back end that the CPU has");
        LSE.store(self != Self::LlSc && Self::Lse.is_supported(), Ordering::Relaxed);
    }
}

/// Returns whether atomics are to be single instructions, which the CPU then has.
#[inline(always)]
pub(super) fn has_lse() -> bool {
    LSE.load(Ordering::Relaxed)
}

/// The length from which an access is a long one: bytes that one vector loop moves before the next
/// begins.
pub(crate) const CHUNK: usize = 64 << 10;

/// Returns whether the counting copy is to do a long copy: it is never faster here.
pub(crate) fn prefers_exact(_dst: *mut u8, _src: *const u8) -> bool {
    false
}

/// Returns whether the counting form is to do a long zeroing: it is never faster here.
pub(crate) fn prefers_exact_zero() -> bool {
    false
}
