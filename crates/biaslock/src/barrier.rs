//! A pair of fences, of which one costs nothing.
//!
//! When one thread passes the light one and another passes the heavy one, either what the first did
//! before it is seen by the second after its own, or the other way round.

#[cfg(not(loom))]
pub(crate) use host::{after_swap, heavy, is_available, light, reads_worth};
#[cfg(loom)]
pub(crate) use model::{after_swap, heavy, is_available, light, reads_worth};

#[cfg(not(loom))]
mod host {
    use std::sync::LazyLock;
    use std::sync::atomic::{Ordering, compiler_fence};
    use std::time::Duration;

    use rustix::thread::{MembarrierCommand, membarrier};

    /// What a read through the inner lock costs more than a fast one, roughly.
    const SLOW_READ: Duration = Duration::from_nanos(16);
    /// The most reads that a lock stays closed for.
    const MOST_READS: usize = 4096;

    /// Returns whether the host has the heavy one. Asked before a thread's first fast read; this
    /// is also where the process says that it will use it.
    pub(crate) fn is_available() -> bool {
        static AVAILABLE: LazyLock<bool> =
            LazyLock::new(|| membarrier(MembarrierCommand::RegisterPrivateExpedited).is_ok());
        *AVAILABLE
    }

    /// Keeps the compiler from moving accesses; the processor still may.
    #[inline(always)]
    pub(crate) fn light() {
        compiler_fence(Ordering::SeqCst);
    }

    /// Makes a sequentially consistent swap a full fence for the loads after it that are sequentially
    /// consistent as well, which it is.
    #[inline(always)]
    pub(crate) fn after_swap() {}

    /// Has every thread of this process pass a full fence, at the place where it is.
    ///
    /// # Panics
    /// When the host, which had it at first, refuses it now: nothing else could stop the readers.
    pub(crate) fn heavy() {
        if membarrier(MembarrierCommand::PrivateExpedited).is_ok() {
            return;
        }
        // A child of `fork` is another process, which has said nothing yet.
        let again = membarrier(MembarrierCommand::RegisterPrivateExpedited)
            .and_then(|()| membarrier(MembarrierCommand::PrivateExpedited));
        assert!(again.is_ok(), "the host took membarrier(2) away from a process that uses it");
    }

    /// Returns how many slow reads cost as much as closing a lock took.
    pub(crate) fn reads_worth(elapsed: Duration) -> usize {
        let reads = elapsed.as_nanos() / SLOW_READ.as_nanos();
        usize::try_from(reads).map_or(MOST_READS, |reads| reads.min(MOST_READS))
    }
}

/// Loom has no `membarrier`: both sides are full fences, which is what the pair amounts to.
#[cfg(loom)]
mod model {
    use std::sync::atomic::Ordering;
    use std::time::Duration;

    use loom::sync::atomic::fence;

    pub(crate) fn is_available() -> bool {
        true
    }

    pub(crate) fn light() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn heavy() {
        fence(Ordering::SeqCst);
    }

    /// To loom such a swap acquires and releases only.
    pub(crate) fn after_swap() {
        fence(Ordering::SeqCst);
    }

    pub(crate) fn reads_worth(_: Duration) -> usize {
        1
    }
}
