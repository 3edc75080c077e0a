//! The locks of a memory manager, and the order in which they are taken.
//!
//! *Mapping* comes before *active*, and a thread holds one of each at most: those of one memory
//! manager. [`fork`](crate::MemoryManager::fork) alone holds those of a child, which nobody else
//! can reach but to invalidate, inside those of the parent, and says so by its own way to lock them.
//! Builds with debug assertions check all of this at every lock.

use std::cell::Cell;
use std::marker::PhantomData;
use std::ops::{Deref, DerefMut};

use biaslock::{BiasedRwLock, FastGuard, ReadGuard, WriteGuard};
use parking_lot::{RwLock, RwLockReadGuard, RwLockWriteGuard};

use crate::active::Active;
use crate::mapping::{Mapping, MappingWrite};

/// The lock around what the program asked for.
pub(crate) struct MappingLock(RwLock<Mapping>);

/// The lock around what is there now.
pub(crate) struct ActiveLock {
    lock: BiasedRwLock<Active>,
    /// How often it was locked for writing.
    #[cfg(test)]
    pub(crate) writes: std::sync::atomic::AtomicU64,
}

impl MappingLock {
    pub(crate) fn new(mapping: Mapping) -> Self {
        Self(RwLock::new(mapping))
    }

    pub(crate) fn read(&self) -> MappingRead<'_> {
        let held = Held::first(Rank::Mapping);
        MappingRead { guard: self.0.read(), _held: held }
    }

    pub(crate) fn write(&self) -> MappingWrite<'_> {
        let held = Held::first(Rank::Mapping);
        MappingWrite::new(MappingAlone { guard: self.0.write(), _held: held })
    }

    /// Locks the mapping of a child inside its parent's, for [`fork`](crate::MemoryManager::fork).
    pub(crate) fn write_of_child(&self) -> MappingWrite<'_> {
        let held = Held::of_child(Rank::Mapping);
        MappingWrite::new(MappingAlone { guard: self.0.write(), _held: held })
    }

    /// Locks the mapping if nobody else does; never waits.
    #[cfg(test)]
    pub(crate) fn try_write(&self) -> Option<MappingWrite<'_>> {
        let guard = self.0.try_write()?;
        Some(MappingWrite::new(MappingAlone { guard, _held: Held::without_waiting(Rank::Mapping) }))
    }
}

impl ActiveLock {
    pub(crate) fn new(active: Active) -> Self {
        Self {
            lock: BiasedRwLock::new(active),
            #[cfg(test)]
            writes: std::sync::atomic::AtomicU64::new(0),
        }
    }

    /// Locks for a copy of bounded size, an atomic access, or a look at few entries: for nothing
    /// that may block, or run code of others. `None` when it takes [`Self::read`] now.
    #[inline(always)]
    pub(crate) fn fast_read(&self) -> Option<ActiveFast<'_>> {
        let guard = self.lock.fast_read()?;
        Some(ActiveFast { guard, _held: Held::without_waiting(Rank::Active) })
    }

    pub(crate) fn read(&self) -> ActiveRead<'_> {
        let held = Held::first(Rank::Active);
        ActiveRead { guard: self.lock.read(), _held: held }
    }

    pub(crate) fn write(&self) -> ActiveWrite<'_> {
        #[cfg(test)]
        self.writes.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let held = Held::first(Rank::Active);
        ActiveWrite { guard: self.lock.write(), held }
    }

    /// Locks what a child has inside its parent's, for [`fork`](crate::MemoryManager::fork).
    pub(crate) fn write_of_child(&self) -> ActiveWrite<'_> {
        let held = Held::of_child(Rank::Active);
        ActiveWrite { guard: self.lock.write(), held }
    }

    /// Returns what nobody else can reach any more.
    pub(crate) fn get_mut(&mut self) -> &mut Active {
        self.lock.get_mut()
    }
}

/// The mapping, locked for reading.
pub(crate) struct MappingRead<'a> {
    guard: RwLockReadGuard<'a, Mapping>,
    _held: Held,
}

/// The mapping, locked for writing; what [`MappingWrite`] is made of.
pub(crate) struct MappingAlone<'a> {
    guard: RwLockWriteGuard<'a, Mapping>,
    _held: Held,
}

/// What is there now, locked for reading for a moment.
pub(crate) struct ActiveFast<'a> {
    guard: FastGuard<'a, Active>,
    _held: Held,
}

/// What is there now, locked for reading.
pub(crate) struct ActiveRead<'a> {
    guard: ReadGuard<'a, Active>,
    _held: Held,
}

/// What is there now, locked for writing.
pub(crate) struct ActiveWrite<'a> {
    guard: WriteGuard<'a, Active>,
    held: Held,
}

impl<'a> ActiveWrite<'a> {
    /// Goes on reading, with no writer in between.
    pub(crate) fn downgrade(self) -> ActiveRead<'a> {
        ActiveRead { guard: WriteGuard::downgrade(self.guard), _held: self.held }
    }
}

impl Deref for MappingRead<'_> {
    type Target = Mapping;

    fn deref(&self) -> &Mapping {
        &self.guard
    }
}

impl Deref for MappingAlone<'_> {
    type Target = Mapping;

    fn deref(&self) -> &Mapping {
        &self.guard
    }
}

impl DerefMut for MappingAlone<'_> {
    fn deref_mut(&mut self) -> &mut Mapping {
        &mut self.guard
    }
}

impl Deref for ActiveFast<'_> {
    type Target = Active;

    #[inline(always)]
    fn deref(&self) -> &Active {
        &self.guard
    }
}

impl Deref for ActiveRead<'_> {
    type Target = Active;

    fn deref(&self) -> &Active {
        &self.guard
    }
}

impl Deref for ActiveWrite<'_> {
    type Target = Active;

    fn deref(&self) -> &Active {
        &self.guard
    }
}

impl DerefMut for ActiveWrite<'_> {
    fn deref_mut(&mut self) -> &mut Active {
        &mut self.guard
    }
}

/// A place in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rank {
    Mapping,
    Active,
}

thread_local! {
    /// How many locks of each rank this thread holds.
    static HELD: [Cell<u32>; 2] = const { [Cell::new(0), Cell::new(0)] };
}

/// A lock that this thread holds, or waits for; counted where debug assertions are.
struct Held {
    rank: Rank,
    not_send: PhantomData<*const ()>,
}

impl Held {
    /// Checks that a thread may wait for the lock of a memory manager.
    fn first(rank: Rank) -> Self {
        debug_assert!(
            Self::depth(Rank::Active) == 0 && (rank == Rank::Active || Self::depth(rank) == 0),
            "our own invariant: {rank:?} is taken before {:?}",
            HELD.with(Clone::clone),
        );
        Self::without_waiting(rank)
    }

    /// Checks that a thread may wait for the lock of a child.
    fn of_child(rank: Rank) -> Self {
        debug_assert!(
            Self::depth(rank) == 1 && (rank == Rank::Active || Self::depth(Rank::Active) == 0),
            "our own invariant: a child's {rank:?} is taken inside its parent's, not in {:?}",
            HELD.with(Clone::clone),
        );
        Self::without_waiting(rank)
    }

    /// Counts a lock that nobody waited for.
    #[inline(always)]
    fn without_waiting(rank: Rank) -> Self {
        if cfg!(debug_assertions) {
            HELD.with(|held| held[rank as usize].update(|depth| depth + 1));
        }
        Self { rank, not_send: PhantomData }
    }

    fn depth(rank: Rank) -> u32 {
        HELD.with(|held| held[rank as usize].get())
    }
}

impl Drop for Held {
    #[inline(always)]
    fn drop(&mut self) {
        if cfg!(debug_assertions) {
            HELD.with(|held| held[self.rank as usize].update(|depth| depth - 1));
        }
    }
}
