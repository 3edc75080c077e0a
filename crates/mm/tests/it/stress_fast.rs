//! Threads that read and write through the memory manager alone, while others map, protect,
//! discard, truncate and fork: what each thread remembers of translations must never outlive them.
//!
//! The address space only records, so every access takes the memory manager's own way. Tags are
//! those of [`stress`](crate::stress).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use memfile::{MemoryFile, MemoryFileOptions};
use mm::{MemoryManager, MmapFlags};
use usermem_io::{Io, IoOpts};
use usermem_types::FaultKind;

use crate::machine::{Machine, Null};
use crate::objects::Object;
use crate::rig::{NONE, PAGE, R, RW, Rig, page};
use crate::stress::{
    MADV_DONTNEED, OBJECT, PAGES, Random, SLOTS, TAG, WORD, at, first_page, place,
};

const GENERATIONS: u64 = if cfg!(target_arch = "x86_64") { 60 } else { 10 };

struct World {
    mm: Arc<MemoryManager>,
    /// For each slot, the last generation that is certainly gone.
    retired: [AtomicU64; SLOTS as usize + 1],
    is_over: AtomicBool,
}

/// Reads a word, in one of the ways that there are.
fn read(mm: &MemoryManager, slot: u64, index: u64, offset: u64, way: u64) -> Option<u64> {
    let addr = at(slot, index, offset);
    match way {
        0 => mm.load_u64(addr.aligned()?, IoOpts::CHECKED).ok(),
        1 => {
            // Crosses pages, as far as there are any.
            let mut bytes = [0; 3 * PAGE as usize];
            let len = (PAGES - index).min(3) * PAGE - offset;
            let read = mm.copy_in(addr, &mut bytes[..len as usize], IoOpts::CHECKED);
            let moved = read.unwrap_or_else(|partial| partial.done);
            let word = bytes[..moved].first_chunk()?;
            Some(u64::from_le_bytes(*word))
        }
        _ => {
            let mut word = [0; 8];
            mm.copy_in(addr, &mut word, IoOpts::CHECKED).ok()?;
            Some(u64::from_le_bytes(word))
        }
    }
}

fn write(mm: &MemoryManager, slot: u64, index: u64, offset: u64, word: u64) -> bool {
    mm.copy_out(at(slot, index, offset), &word.to_le_bytes(), IoOpts::CHECKED).is_ok()
}

fn refusal(mm: &MemoryManager, slot: u64, index: u64) -> Option<FaultKind> {
    let read = mm.copy_in(at(slot, index, TAG), &mut [0], IoOpts::CHECKED);
    read.err().map(|partial| partial.cause.kind)
}

impl World {
    /// Maps and unmaps a slot over and over, and does to it what a program can.
    fn own(&self, rig: &Rig<Null>, slot: u64, random: &mut Random) {
        let first = first_page(slot);
        for generation in 1..=GENERATIONS {
            rig.map(first, PAGES, RW);
            self.retire(slot, generation - 1);
            for index in 0..PAGES {
                assert!(write(&self.mm, slot, index, TAG, generation << 16 | place(slot, index)));
            }
            for _ in 0..4 {
                let (index, count) = (random.below(PAGES), 1 + random.below(4));
                let count = count.min(PAGES - index);
                match random.below(4) {
                    0 => {
                        rig.protect(first + index, count, R);
                        self.check_frozen(slot, index);
                    }
                    1 => {
                        rig.protect(first + index, count, NONE);
                        assert_eq!(refusal(&self.mm, slot, index), Some(FaultKind::Protection));
                    }
                    2 => self.check_child(rig, slot, index, random),
                    _ => {
                        rig.mm.madvise(page(first + index), count * PAGE, MADV_DONTNEED).unwrap();
                        let tag = read(&self.mm, slot, index, TAG, random.below(3));
                        assert_eq!(tag, Some(0), "discarded, and still there");
                    }
                }
                rig.protect(first, PAGES, RW);
            }
            if random.below(4) > 0 {
                rig.unmap(first, PAGES);
                self.retire(slot, generation);
                let index = random.below(PAGES);
                assert_eq!(refusal(&self.mm, slot, index), Some(FaultKind::Unmapped));
            }
        }
    }

    fn retire(&self, slot: u64, generation: u64) {
        self.retired[slot as usize].store(generation, Ordering::Release);
    }

    /// Nobody writes to what was protected.
    fn check_frozen(&self, slot: u64, index: u64) {
        let before = read(&self.mm, slot, index, WORD, 2);
        for way in 0..3 {
            thread::yield_now();
            let after = read(&self.mm, slot, index, WORD, way);
            assert_eq!(before, after, "slot {slot}, page {index} was written");
        }
    }

    /// A child keeps what its parent's other threads go on to overwrite; and what this thread wrote
    /// before, and writes after, is the parent's.
    fn check_child(&self, rig: &Rig<Null>, slot: u64, index: u64, random: &mut Random) {
        const OWN: u64 = 1024;
        let word = random.below(u64::MAX);
        assert!(write(&self.mm, slot, index, OWN, word));
        let child = rig.fork();
        let before = read(&child.mm, slot, index, WORD, 2);
        assert!(write(&self.mm, slot, index, OWN, !word));
        for way in 0..3 {
            thread::yield_now();
            let after = read(&child.mm, slot, index, WORD, way);
            assert_eq!(before, after, "a child sees what its parent writes");
            assert_eq!(read(&child.mm, slot, index, OWN, way), Some(word));
            assert_eq!(read(&self.mm, slot, index, OWN, way), Some(!word), "a write was lost");
        }
    }

    /// Cuts and extends the object that is mapped in a slot of its own.
    fn cut(&self, object: &Object, random: &mut Random) {
        for _ in 0..GENERATIONS {
            let left = random.below(PAGES);
            object.truncate(left);
            let index = left + random.below(PAGES - left);
            assert_eq!(refusal(&self.mm, OBJECT, index), Some(FaultKind::Bus));
            object.truncate(PAGES);
            object.forget_translations();
        }
    }

    /// Reads tags and words; returns how many it found.
    fn look(&self, random: &mut Random) -> u64 {
        let mut found = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let (slot, index) = (random.below(SLOTS + 1), random.below(PAGES));
            let retired = self.retired[slot as usize].load(Ordering::Acquire);
            // Often enough that most reads find what the one before remembered.
            for way in [0, 2, 1, 0] {
                let tag = read(&self.mm, slot, index, TAG, way).filter(|tag| *tag != 0);
                if let Some(tag) = tag {
                    assert_eq!(tag & 0xffff, place(slot, index), "another page is read");
                    assert!(tag >> 16 > retired, "generation {} of {retired}", tag >> 16);
                    found += 1;
                }
                let word = read(&self.mm, slot, index, WORD, way).unwrap_or(0);
                let is_own = word == 0 || word & 0xffff == place(slot, index);
                assert!(is_own, "somebody wrote to another page");
            }
        }
        found
    }

    /// Writes words; returns how many arrived.
    fn scribble(&self, random: &mut Random) -> u64 {
        let mut written = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let (slot, index) = (random.below(SLOTS + 1), random.below(PAGES));
            for _ in 0..4 {
                let word = (written + 1) << 16 | place(slot, index);
                written += u64::from(write(&self.mm, slot, index, WORD, word));
            }
        }
        written
    }
}

#[test]
fn no_translation_outlives_what_it_stands_for() {
    // Pages that are given back are given to the next who wants one.
    let options = MemoryFileOptions {
        recycle_budget: 0,
        reservation: 1 << 26,
        ..MemoryFileOptions::default()
    };
    let memory = MemoryFile::new(options).unwrap();
    let object = Object::numbered(&memory, PAGES);
    let rig = Rig::<Null>::with_memory(&memory);
    rig.map_object(&object, (first_page(OBJECT), PAGES), RW, MmapFlags::SHARED);
    let retired = std::array::from_fn(|_| AtomicU64::new(0));
    let world = World { mm: Arc::clone(&rig.mm), retired, is_over: AtomicBool::new(false) };
    for index in 0..PAGES {
        assert!(write(&world.mm, OBJECT, index, TAG, 1 << 16 | place(OBJECT, index)));
        assert!(write(&world.mm, OBJECT, index, WORD, 0));
    }
    thread::scope(|scope| {
        let (world, rig, object) = (&world, &rig, &*object);
        let others = [
            scope.spawn(move || world.look(&mut Random::new(10))),
            scope.spawn(move || world.scribble(&mut Random::new(20))),
        ];
        let mut owners: Vec<_> = (0..SLOTS)
            .map(|slot| scope.spawn(move || world.own(rig, slot, &mut Random::new(slot))))
            .collect();
        owners.push(scope.spawn(move || world.cut(object, &mut Random::new(30))));
        let owners: Vec<_> = owners.into_iter().map(thread::ScopedJoinHandle::join).collect();
        world.is_over.store(true, Ordering::Relaxed);
        for other in others {
            assert!(other.join().unwrap() > 0, "nothing was there to be seen");
        }
        owners.into_iter().for_each(|owner| owner.unwrap());
    });
    assert_eq!(
        rig.machine.mapped_bytes().map(|bytes| bytes <= (SLOTS + 1) * PAGES * PAGE),
        Some(true)
    );
    drop((world, rig, object));
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes()), (0, 0));
}
