//! Which instructions copy.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use crate::arch::Choice;

/// One of the ways in which this CPU can make the accesses of this crate.
///
/// All give the same results and differ in speed alone. Without a choice the default is used: after
/// [`init`](crate::init) [`AUTOMATIC`](Self::AUTOMATIC), before it what every CPU has. Choosing
/// one is for tests, benchmarks, and embedders who know better.
///
/// Holding a value proves that this CPU can run it: there is none for anything else.
///
/// | architecture | names |
/// |---|---|
/// | x86-64 | `automatic`, `avx512`, `avx512vl`, `avx`, `sse2`, `rep movsb` |
/// | aarch64 | `automatic`, `ldp/stp, lse`, `ldp/stp, ll-sc` |
///
/// `rep movsb` is used for every length that is not copied inline; `automatic` combines it, from a
/// length on and where the CPU has it fast, with the widest vector moves below.
///
/// ```
/// use safecopy::{BackEnd, DstBlock, SrcBlock};
///
/// let before = BackEnd::current();
/// for back_end in BackEnd::available() {
///     back_end.select();
///     let mut own = [0; 300];
///     let copied = safecopy::copy(DstBlock::from_slice(&mut own), SrcBlock::from_slice(&[7; 300]));
///     assert_eq!((copied, own), (Ok(300), [7; 300]), "{back_end}");
/// }
/// before.select();
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct BackEnd(Choice);

/// What was selected. Accesses look at what [`Choice::apply`] derived from it.
static CURRENT: Mutex<Choice> = Mutex::new(Choice::Automatic);

impl BackEnd {
    /// The default: what is fastest on this CPU for each length.
    pub const AUTOMATIC: Self = Self(Choice::Automatic);

    /// Returns what this CPU can run, the default first, then from fast to slow.
    ///
    /// ```
    /// let slow = safecopy::BackEnd::available().find(|back_end| back_end.name() == "sse2");
    /// assert_eq!(slow.is_some(), cfg!(target_arch = "x86_64"));
    /// ```
    pub fn available() -> impl Iterator<Item = Self> {
        Choice::ALL.iter().copied().filter(|choice| choice.is_supported()).map(Self)
    }

    /// Returns what was selected last, [`AUTOMATIC`](Self::AUTOMATIC) if nothing was.
    #[must_use]
    pub fn current() -> Self {
        Self(*CURRENT.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Makes all threads use it from now on; what is under way ends as it began.
    ///
    /// May be called at any time, also before [`init`](crate::init).
    pub fn select(self) {
        let mut current = CURRENT.lock().unwrap_or_else(PoisonError::into_inner);
        *current = self.0;
        self.0.apply();
    }

    /// Returns its name, as in the table above.
    #[must_use]
    pub fn name(self) -> &'static str {
        self.0.name()
    }
}

/// Finds out what the CPU has, and makes what was selected take effect.
pub(crate) fn detect() {
    CURRENT.lock().unwrap_or_else(PoisonError::into_inner).apply();
}

impl fmt::Display for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl fmt::Debug for BackEnd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BackEnd").field(&self.name()).finish()
    }
}

#[cfg(test)]
mod tests;
