//! Every order of events around a lock and what is found by reading it, tried by loom:
//! `RUSTFLAGS="--cfg loom" cargo test -p biaslock --lib --release --target-dir target/loom loom`.
//!
//! Loom has no `membarrier`; both fences of the pair are full ones here, see `barrier`. Pages are
//! loom's cells: an access that is not ordered after whatever another thread did to the page before
//! is found, whether or not it would have read a wrong value.
#![expect(unsafe_code, reason = "reads and writes loom's cells")]

use std::sync::atomic::{AtomicUsize, Ordering};

use loom::cell::UnsafeCell;
use loom::sync::Arc;
use loom::thread;

use crate::{BiasedRwLock, WriteGuard, record};

/// Runs a model in every order of events, and says in how many.
fn check(name: &str, model: impl Fn() + Send + Sync + 'static) {
    static EXECUTIONS: AtomicUsize = AtomicUsize::new(0);
    static ONE_AT_A_TIME: std::sync::Mutex<()> = std::sync::Mutex::new(());
    let _turn = ONE_AT_A_TIME.lock();
    EXECUTIONS.store(0, Ordering::Relaxed);
    let mut builder = loom::model::Builder::new();
    // Beyond three switches that no thread asks for, loom's authors have found no more bugs.
    builder.preemption_bound = Some(3);
    builder.check(move || {
        EXECUTIONS.fetch_add(1, Ordering::Relaxed);
        model();
    });
    let executions = EXECUTIONS.load(Ordering::Relaxed);
    println!("{name}: {executions} executions");
    assert!(executions > 1, "nothing happened at the same time");
}

/// A page of memory: what it holds says whose it is.
struct Page(UnsafeCell<u32>);

// SAFETY: loom checks each access.
unsafe impl Sync for Page {}
// SAFETY: as above.
unsafe impl Send for Page {}

impl Page {
    fn new(holds: u32) -> Self {
        let cell = UnsafeCell::new(0);
        // An explicit store: loom does not count the one that makes a cell.
        // SAFETY: nobody else knows of the cell yet.
        cell.with_mut(|place| unsafe { *place = holds });
        Self(cell)
    }

    fn get(&self) -> u32 {
        // SAFETY: loom would tell.
        self.0.with(|place| unsafe { *place })
    }

    fn set(&self, holds: u32) {
        // SAFETY: loom would tell.
        self.0.with_mut(|place| unsafe { *place = holds });
    }
}

/// What a memory manager knows of one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Translation {
    page: usize,
    writable: bool,
}

/// A memory manager of one address, and the pages of a file.
struct World {
    active: BiasedRwLock<Option<Translation>>,
    pages: [Page; 2],
}

impl World {
    fn new() -> Arc<Self> {
        let there = Translation { page: 0, writable: true };
        Arc::new(Self {
            active: BiasedRwLock::new(Some(there)),
            pages: [Page::new(10), Page::new(20)],
        })
    }

    /// Runs an access as the memory manager does: in a section, or with the inner lock when the
    /// other is closed.
    fn access(&self, write: Option<u32>) -> Option<u32> {
        match self.active.fast_read() {
            Some(active) => self.run((*active)?, write),
            None => self.run((*self.active.read())?, write),
        }
    }

    fn run(&self, translation: Translation, write: Option<u32>) -> Option<u32> {
        let page = &self.pages[translation.page];
        match write {
            None => Some(page.get()),
            Some(new) if translation.writable => {
                page.set(new);
                Some(new)
            }
            Some(_) => None,
        }
    }

    /// Forgets the translation; the page belongs to nobody then.
    fn unmap(&self) -> usize {
        let gone = self.active.write().take();
        gone.map_or(0, |gone| gone.page)
    }
}

/// Runs two accesses of one thread, so that the second has a record from the start, while `others`
/// happens; returns what they found.
fn against(
    world: &Arc<World>,
    write: Option<u32>,
    others: impl FnOnce(&World),
) -> [Option<u32>; 2] {
    let reader = {
        let world = Arc::clone(world);
        thread::spawn(move || [world.access(write), world.access(write)])
    };
    others(world);
    reader.join().unwrap()
}

#[test]
fn loom_copy_in_and_munmap_with_the_page_recycled() {
    check("copy in, munmap", || {
        let world = World::new();
        let found = against(&world, None, |world| {
            let page = world.unmap();
            // It is given to somebody else.
            world.pages[page].set(99);
        });
        assert!(matches!(found, [Some(10), Some(10) | None] | [None, None]), "{found:?}");
    });
}

#[test]
fn loom_copy_out_and_munmap_with_the_page_recycled() {
    check("copy out, munmap", || {
        let world = World::new();
        against(&world, Some(11), |world| {
            let page = world.unmap();
            world.pages[page].set(99);
            assert_eq!(world.pages[page].get(), 99);
        });
        assert_eq!(world.pages[0].get(), 99, "written after it was given back");
    });
}

#[test]
fn loom_copy_out_and_mprotect() {
    check("copy out, mprotect", || {
        let world = World::new();
        against(&world, Some(11), |world| {
            let mut active = world.active.write();
            active.as_mut().unwrap().writable = false;
            let active = WriteGuard::downgrade(active);
            let frozen = world.pages[0].get();
            drop(active);
            assert_eq!(world.pages[0].get(), frozen, "written after it was protected");
        });
    });
}

#[test]
fn loom_copy_out_and_fork() {
    check("copy out, fork", || {
        let world = World::new();
        let found = against(&world, Some(11), |world| {
            world.active.write().as_mut().unwrap().writable = false;
            // The child reads the page that is shared now; the parent gets one of its own.
            let shared = world.pages[0].get();
            let mut active = world.active.write();
            world.pages[1].set(shared);
            *active = Some(Translation { page: 1, writable: true });
            drop(active);
            assert_eq!(world.pages[0].get(), shared, "the child sees what its parent writes");
        });
        let last = world.access(None);
        // A write that was made is the parent's, wherever it was made.
        let expected = if found == [None; 2] { Some(10) } else { Some(11) };
        assert_eq!(last, expected, "{found:?}");
    });
}

#[test]
fn loom_copy_in_and_invalidation() {
    check("copy in, invalidate, translate anew", || {
        let world = World::new();
        let found = against(&world, None, |world| {
            let page = world.unmap();
            world.pages[page].set(99);
            *world.active.write() = Some(Translation { page: 1, writable: false });
        });
        let order = |found| match found {
            Some(10) => 0,
            None => 1,
            Some(20) => 2,
            _ => panic!("{found:?}"),
        };
        assert!(order(found[0]) <= order(found[1]), "{found:?}");
    });
}

/// Two readers, of which one begins to read, and one ends, while there is a writer.
#[test]
fn loom_readers_that_come_and_go() {
    check("two readers, munmap", || {
        let world = World::new();
        let other = {
            let world = Arc::clone(&world);
            thread::spawn(move || {
                let found = world.access(None);
                // As a thread does that ends; the next may get its record.
                record::own().map(record::give_back);
                found
            })
        };
        let found = against(&world, None, |world| {
            let page = world.unmap();
            world.pages[page].set(99);
        });
        for found in [found[0], found[1], other.join().unwrap()] {
            assert!(matches!(found, Some(10) | None));
        }
    });
}

#[test]
fn loom_two_writers() {
    check("two writers, a reader", || {
        let lock = Arc::new(BiasedRwLock::new(()));
        let page = Arc::new(Page::new(0));
        let write = |lock: &BiasedRwLock<()>, page: &Page| {
            let guard = lock.write();
            page.set(page.get() + 1);
            let guard = WriteGuard::downgrade(guard);
            assert!(page.get() > 0);
            drop(guard);
        };
        let other = {
            let (lock, page) = (Arc::clone(&lock), Arc::clone(&page));
            thread::spawn(move || write(&lock, &page))
        };
        let reader = {
            let (lock, page) = (Arc::clone(&lock), Arc::clone(&page));
            thread::spawn(move || match lock.fast_read() {
                Some(_guard) => page.get(),
                None => {
                    let _guard = lock.read();
                    page.get()
                }
            })
        };
        write(&lock, &page);
        other.join().unwrap();
        assert!(reader.join().unwrap() <= 2);
        assert_eq!(page.get(), 2);
    });
}
