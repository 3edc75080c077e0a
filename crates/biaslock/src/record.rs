//! What each thread says about its reading.
//!
//! Records live for ever and are handed from threads that end to threads that begin, so there are as
//! many as there ever were threads that read at the same time.

use std::cell::Cell;
use std::sync::atomic::Ordering;

use crate::barrier;
use crate::primitive::{AtomicUsize, Records, fence};

/// What one thread is reading. Alone on its cache lines: its thread writes it with every read.
#[repr(align(128))]
pub(crate) struct Record {
    /// The address of the lock; zero when there is none.
    section: AtomicUsize,
}

impl Record {
    /// Returns whether the thread reads a lock.
    #[inline(always)]
    pub(crate) fn is_in_use(&self) -> bool {
        // The thread itself wrote it last.
        self.section.load(Ordering::Relaxed) != 0
    }

    /// Returns whether the thread reads this lock. What it read before is over, if not.
    #[inline(always)]
    pub(crate) fn names(&self, lock: usize) -> bool {
        self.section.load(Ordering::Acquire) == lock
    }

    /// Says that the thread reads a lock. Counts once a barrier was passed.
    #[inline(always)]
    pub(crate) fn enter(&self, lock: usize) {
        self.section.store(lock, Ordering::Relaxed);
    }

    /// Says that what the thread read is over.
    #[inline(always)]
    pub(crate) fn leave(&self) {
        self.section.store(0, Ordering::Release);
    }
}

/// The records of all threads.
struct Registry {
    /// Those that have a thread come first.
    all: Records<&'static Record>,
    /// How many have a thread; changes under the lock of `all`.
    taken: AtomicUsize,
}

#[cfg(not(loom))]
static REGISTRY: Registry = Registry { all: Records::new(Vec::new()), taken: AtomicUsize::new(0) };

#[cfg(loom)]
loom::lazy_static! {
    static ref REGISTRY: Registry =
        Registry { all: Records::new(Vec::new()), taken: AtomicUsize::new(0) };
}

/// What names no lock and is not zero.
const NO_LOCK: usize = 1;

/// The record of all threads that have none: always in use, and never written, so that whoever looks at
/// its record finds out both with one look.
#[cfg(not(loom))]
static NOBODYS: Record = Record { section: AtomicUsize::new(NO_LOCK) };

#[cfg(loom)]
loom::lazy_static! {
    static ref NOBODYS: Record = Record { section: AtomicUsize::new(NO_LOCK) };
}

#[cfg(not(loom))]
thread_local! {
    /// Needs no destructor, so reaching it is one load, at any time of a thread's life.
    static CURRENT: Cell<&'static Record> = const { Cell::new(&NOBODYS) };
    static TAKEN: Taken = Taken::take();
}

#[cfg(loom)]
loom::thread_local! {
    static CURRENT: Cell<&'static Record> = Cell::new(&NOBODYS);
    static TAKEN: Taken = Taken::take();
}

fn nobodys() -> &'static Record {
    &NOBODYS
}

/// Returns this thread's record, or one that is in use.
#[inline(always)]
pub(crate) fn current() -> &'static Record {
    CURRENT.with(Cell::get)
}

/// Returns this thread's record, if it has one.
pub(crate) fn own() -> Option<&'static Record> {
    let current = current();
    (!std::ptr::eq(current, nobodys())).then_some(current)
}

/// Gives this thread a record if it has none. `None` where it has one, which is in use, and where readers
/// cannot do without the inner lock: the host has no barrier, or the thread is about to end.
#[cold]
#[inline(never)]
pub(crate) fn take() -> Option<&'static Record> {
    if own().is_some() || !barrier::is_available() {
        return None;
    }
    let record = TAKEN.try_with(|taken| taken.0).ok()?;
    CURRENT.with(|current| current.set(record));
    Some(record)
}

/// Returns whether threads other than this one have records.
///
/// Called after a lock was closed by a sequentially consistent swap. Either this sees that a record
/// was taken, or whoever took it passes its fence after the swap, and finds the lock closed.
/// Whoever gave a record back has ended what it read.
pub(crate) fn are_others() -> bool {
    let own = usize::from(own().is_some());
    REGISTRY.taken.load(Ordering::SeqCst) > own
}

/// Waits until no record names a lock. Called after the lock was closed and a heavy barrier passed.
pub(crate) fn wait_for_readers(lock: usize) {
    // Who enters from now on finds the lock closed, so those seen here are all. They are waited for
    // with the list unlocked: threads begin and end meanwhile.
    let is_reader = |record: &&Record| record.names(lock);
    let readers: Vec<_> = REGISTRY.all.read().iter().copied().filter(is_reader).collect();
    for record in readers {
        let mut tries = 0;
        while record.names(lock) {
            tries += 1;
            if tries < SPINS {
                std::hint::spin_loop();
            } else {
                // The reader may be waiting for this CPU.
                crate::primitive::yield_now();
            }
        }
    }
}

/// Looks at a record before the CPU is given away; a section is usually over in nanoseconds.
const SPINS: u32 = if cfg!(loom) { 0 } else { 256 };

/// A thread's hold of a record, until it ends.
struct Taken(&'static Record);

impl Taken {
    fn take() -> Self {
        let mut all = REGISTRY.all.write();
        let taken = REGISTRY.taken.load(Ordering::Relaxed);
        let record = match all.get(taken) {
            Some(record) => *record,
            None => {
                let record = &*Box::leak(Box::new(Record { section: AtomicUsize::new(0) }));
                all.push(record);
                record
            }
        };
        REGISTRY.taken.fetch_add(1, Ordering::SeqCst);
        // See `are_others`.
        fence(Ordering::SeqCst);
        Self(record)
    }
}

#[cfg(not(loom))]
impl Drop for Taken {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(nobodys()));
        give_back(self.0);
    }
}

/// Gives a record back, whose thread reads no more. Loom destroys what is a thread's too late: its
/// models call this themselves.
pub(crate) fn give_back(record: &'static Record) {
    // A guard that was forgotten, or that another thread-local variable holds.
    if record.is_in_use() {
        return;
    }
    let mut all = REGISTRY.all.write();
    let last = REGISTRY.taken.load(Ordering::Relaxed) - 1;
    let own = all.iter().position(|other| std::ptr::eq(*other, record));
    all.swap(own.expect("our own invariant: records stay"), last);
    REGISTRY.taken.fetch_sub(1, Ordering::Release);
}

/// Returns how many records there are.
#[cfg(all(test, not(loom)))]
pub(crate) fn count() -> usize {
    REGISTRY.all.read().len()
}
