//! Keeping the tracer and its stub on one processor.

use std::cell::Cell;
use std::marker::PhantomData;

use rustix::thread::{CpuSet, Pid as ThreadId, sched_getaffinity, sched_getcpu, sched_setaffinity};

use super::sys::Pid;

thread_local! {
    /// Where this thread may run when no stub holds it, and how many do.
    static BEFORE: Cell<Option<(CpuSet, usize)>> = const { Cell::new(None) };
}

/// The calling thread and a stub share one processor for as long as this lives.
///
/// Handing over to another processor costs more than the whole rest of a system call. Only the
/// calling thread moves; threads that it starts meanwhile inherit its place.
#[derive(Debug)]
pub(super) struct Affinity {
    /// Bound to the thread.
    not_send: PhantomData<*const ()>,
}

impl Affinity {
    /// Puts both on the processor where the calling thread runs; `None` where the host refuses,
    /// which costs speed and nothing else.
    pub(super) fn join(stub: Pid) -> Option<Self> {
        let (before, stubs) = match BEFORE.get() {
            Some(held) => held,
            None => (sched_getaffinity(None).ok()?, 0),
        };
        let mut here = CpuSet::new();
        here.set(sched_getcpu());
        sched_setaffinity(None, &here).ok()?;
        BEFORE.set(Some((before, stubs + 1)));
        let joined = Self { not_send: PhantomData };
        sched_setaffinity(ThreadId::from_raw(stub.0), &here).ok()?;
        Some(joined)
    }
}

impl Drop for Affinity {
    fn drop(&mut self) {
        match BEFORE.take() {
            Some((before, stubs)) if stubs > 1 => BEFORE.set(Some((before, stubs - 1))),
            Some((before, _)) => {
                // A processor that went away meanwhile leaves the thread where it is.
                let _ = sched_setaffinity(None, &before);
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_stub_gives_the_thread_its_processors_back() {
        let before = sched_getaffinity(None).unwrap();
        let this = Pid(rustix::thread::gettid().as_raw_nonzero().get());
        let first = Affinity::join(this).unwrap();
        let second = Affinity::join(this).unwrap();
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        drop(first);
        assert_eq!(sched_getaffinity(None).unwrap().count(), 1);
        drop(second);
        assert_eq!(sched_getaffinity(None).unwrap(), before);
    }
}
