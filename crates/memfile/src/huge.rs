//! Whether the host gives huge pages.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use usermem_types::Errno;

/// Where the host's administrator says whether programs may have huge pages.
const POLICY: &str = "/sys/kernel/mm/transparent_hugepage/enabled";

/// The most requests that are left out after a refusal.
const MOST_SKIPPED: u32 = 1 << 10;

/// What is known of the host's readiness to give huge pages: whoever asks in vain pays for it.
///
/// After each refusal in a row twice as many requests are left out as after the one before, up to
/// a thousand. Where the host does not give any, all are.
#[derive(Debug, Default)]
pub(crate) struct HugePages {
    allowed: OnceLock<bool>,
    /// How many requests to leave out now.
    to_skip: AtomicU32,
    /// How many to leave out after the next refusal; zero for one.
    next: AtomicU32,
}

impl HugePages {
    /// Returns whether to ask the host.
    pub(crate) fn may_ask(&self) -> bool {
        let relaxed = Ordering::Relaxed;
        let skip = || self.to_skip.fetch_update(relaxed, relaxed, |left| left.checked_sub(1));
        *self.allowed.get_or_init(is_allowed) && skip().is_err()
    }

    /// Notes the host's answer.
    pub(crate) fn note<T>(&self, answer: &Result<T, Errno>) {
        if answer.is_ok() {
            self.next.store(0, Ordering::Relaxed);
            return;
        }
        let skipped = self.next.load(Ordering::Relaxed).max(1);
        self.to_skip.store(skipped, Ordering::Relaxed);
        self.next.store((2 * skipped).min(MOST_SKIPPED), Ordering::Relaxed);
    }
}

/// Returns whether the host may give huge pages to programs that ask for them.
fn is_allowed() -> bool {
    std::fs::read_to_string(POLICY).is_ok_and(|policy| !policy.contains("[never]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_remembered() {
        let huge = HugePages { allowed: OnceLock::from(true), ..HugePages::default() };
        let skipped = |huge: &HugePages| (0..).take_while(|_| !huge.may_ask()).count();
        let refused: Result<(), Errno> = Err(Errno::ENOMEM);
        assert_eq!(skipped(&huge), 0);
        for expected in [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024] {
            huge.note(&refused);
            assert_eq!(skipped(&huge), expected);
        }
        huge.note(&Ok(()));
        assert_eq!(skipped(&huge), 0);
        huge.note(&refused);
        assert_eq!(skipped(&huge), 1);
    }

    #[test]
    fn where_none_may_be_had_nobody_asks() {
        let huge = HugePages { allowed: OnceLock::from(false), ..HugePages::default() };
        assert!((0..5000).all(|_| !huge.may_ask()));
    }
}
