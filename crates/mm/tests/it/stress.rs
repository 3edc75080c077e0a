//! Threads that read and write while others map, protect, discard and truncate.
//!
//! Each page carries a tag, the generation of its mapping and its place, so that whoever reaches a
//! page that is not there any more, or not there any longer for writing, finds something that was
//! impossible at that moment, or leaves it for others to find.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use memfile::{MemoryFile, MemoryFileOptions};
use memmap::AddressSpaceIo;
use mm::{MemoryManager, MmapFlags};
use platform::mirror::MirrorAddressSpace;
use platform::{FaultInfo, SoftCpu};
use usermem_io::{Io, IoOpts};
use usermem_types::{Addr, FaultKind};

use crate::machine::Mirror;
use crate::objects::Object;
use crate::rig::{NONE, PAGE, R, RW, Rig, byte, page};

/// Places that are mapped and unmapped as a whole.
pub(crate) const SLOTS: u64 = 4;
/// Pages of each.
pub(crate) const PAGES: u64 = 16;
/// Generations of each.
const GENERATIONS: u64 = if cfg!(target_arch = "x86_64") { 300 } else { 30 };
/// The slot that maps an object, whose length changes.
pub(crate) const OBJECT: u64 = SLOTS;
/// Where a page has its tag, which the thread that maps it writes.
pub(crate) const TAG: u64 = 0;
/// Where a page has a word that anyone writes.
pub(crate) const WORD: u64 = 2048;

pub(crate) const MADV_DONTNEED: i32 = 4;

/// Slot and page, which are never both zero.
pub(crate) fn place(slot: u64, index: u64) -> u64 {
    (slot + 1) << 8 | index
}

pub(crate) fn first_page(slot: u64) -> u64 {
    slot * 64
}

pub(crate) fn at(slot: u64, index: u64, offset: u64) -> Addr {
    byte(first_page(slot) + index, offset)
}

struct World {
    mm: Arc<MemoryManager>,
    space: Arc<MirrorAddressSpace>,
    /// For each slot, the last generation that is certainly gone.
    retired: [AtomicU64; SLOTS as usize + 1],
    is_over: AtomicBool,
}

/// Three ways to the same memory.
#[derive(Clone, Copy)]
enum Way {
    /// As the kernel does.
    Kernel,
    /// As the program does, with its faults handled.
    Program,
    /// Through the address space, as far as it shows anything.
    Window,
}

const WAYS: [Way; 3] = [Way::Kernel, Way::Program, Way::Window];

impl World {
    fn read(&self, way: Way, addr: Addr) -> Option<u64> {
        let mut word = [0; 8];
        let done = match way {
            Way::Kernel => self.mm.copy_in(addr, &mut word, IoOpts::CHECKED).is_ok(),
            Way::Program => self.handled(|| SoftCpu::new(&*self.space).load(addr, &mut word)),
            Way::Window => self.space.copy_in(addr, &mut word).is_ok(),
        };
        done.then_some(u64::from_le_bytes(word))
    }

    fn write(&self, way: Way, addr: Addr, word: u64) -> bool {
        let word = word.to_le_bytes();
        match way {
            Way::Kernel => self.mm.copy_out(addr, &word, IoOpts::CHECKED).is_ok(),
            Way::Program => self.handled(|| SoftCpu::new(&*self.space).store(addr, &word)),
            Way::Window => self.space.copy_out(addr, &word).is_ok(),
        }
    }

    /// Runs an access until it is through or the program would get a signal.
    fn handled(&self, mut access: impl FnMut() -> Result<(), FaultInfo>) -> bool {
        loop {
            match access() {
                Ok(()) => return true,
                Err(fault) if self.mm.handle_user_fault(&fault).is_err() => return false,
                Err(_) => {}
            }
        }
    }

    fn is_unreachable(&self, addr: Addr, kind: FaultKind) -> bool {
        let cause = |way| match way {
            Way::Kernel => self.mm.copy_in(addr, &mut [0], IoOpts::CHECKED),
            _ => self.space.copy_in(addr, &mut [0]),
        };
        cause(Way::Kernel).is_err_and(|partial| partial.cause.kind == kind)
            && cause(Way::Window).is_err()
            && self.read(Way::Program, addr).is_none()
    }

    /// Maps and unmaps a slot over and over, and does to it what a program can.
    fn own(&self, rig: &Rig<()>, slot: u64, random: &mut Random) {
        for generation in 1..=GENERATIONS {
            let first = first_page(slot);
            rig.map(first, PAGES, RW);
            // Replaced, if it was not unmapped.
            self.retire(slot, generation - 1);
            for index in 0..PAGES {
                let tag = generation << 16 | place(slot, index);
                let way = WAYS[random.below(2) as usize];
                assert!(self.write(way, at(slot, index, TAG), tag));
            }
            for _ in 0..4 {
                let (index, count) = (random.below(PAGES), 1 + random.below(4));
                let count = count.min(PAGES - index);
                match random.below(3) {
                    0 => {
                        rig.protect(first + index, count, R);
                        self.check_frozen(slot, index);
                    }
                    1 => {
                        rig.protect(first + index, count, NONE);
                        let addr = at(slot, index, TAG);
                        assert!(self.is_unreachable(addr, FaultKind::Protection));
                    }
                    _ => {
                        let (start, len) = (page(first + index), count * PAGE);
                        rig.mm.madvise(start, len, MADV_DONTNEED).unwrap();
                        let way = WAYS[random.below(3) as usize];
                        let tag = self.read(way, at(slot, index, TAG)).unwrap_or(0);
                        assert_eq!(tag, 0, "discarded, and still there");
                    }
                }
                rig.protect(first, PAGES, RW);
            }
            if random.below(4) > 0 {
                rig.unmap(first, PAGES);
                self.retire(slot, generation);
                let index = random.below(PAGES);
                assert!(self.is_unreachable(at(slot, index, TAG), FaultKind::Unmapped));
            }
        }
    }

    fn retire(&self, slot: u64, generation: u64) {
        self.retired[slot as usize].store(generation, Ordering::Release);
    }

    /// Nobody writes to what was protected.
    fn check_frozen(&self, slot: u64, index: u64) {
        let addr = at(slot, index, WORD);
        let before = self.read(Way::Kernel, addr);
        for _ in 0..3 {
            thread::yield_now();
            let after = self.read(Way::Kernel, addr);
            assert_eq!(before, after, "slot {slot}, page {index} was written");
        }
    }

    /// Cuts and extends the object that is mapped in a slot of its own.
    fn cut(&self, object: &Object, random: &mut Random) {
        for _ in 0..GENERATIONS {
            let left = random.below(PAGES);
            object.truncate(left);
            let index = left + random.below(PAGES - left);
            assert!(self.is_unreachable(at(OBJECT, index, TAG), FaultKind::Bus));
            object.truncate(PAGES);
            object.forget_translations();
        }
    }

    /// Reads tags and words; returns how many it found.
    fn look(&self, random: &mut Random) -> u64 {
        let mut found = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let (slot, index) = (random.below(SLOTS + 1), random.below(PAGES));
            let way = WAYS[random.below(3) as usize];
            let retired = self.retired[slot as usize].load(Ordering::Acquire);
            if let Some(tag) = self.read(way, at(slot, index, TAG)).filter(|tag| *tag != 0) {
                assert_eq!(tag & 0xffff, place(slot, index), "another page is shown");
                assert!(tag >> 16 > retired, "generation {} of {retired} is shown", tag >> 16);
                found += 1;
            }
            if let Some(word) = self.read(way, at(slot, index, WORD)).filter(|word| *word != 0) {
                assert_eq!(word & 0xffff, place(slot, index), "somebody wrote to another page");
            }
        }
        found
    }

    /// Writes words; returns how many arrived.
    fn scribble(&self, random: &mut Random) -> u64 {
        let mut written = 0;
        while !self.is_over.load(Ordering::Relaxed) {
            let (slot, index) = (random.below(SLOTS + 1), random.below(PAGES));
            let way = WAYS[random.below(3) as usize];
            let word = (written + 1) << 16 | place(slot, index);
            written += u64::from(self.write(way, at(slot, index, WORD), word));
        }
        written
    }
}

/// A sequence of numbers that differ from thread to thread.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(thread: u64) -> Self {
        Self(0x9e37_79b9_7f4a_7c15 ^ thread << 32)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

#[test]
fn no_thread_reaches_what_is_gone() {
    // Pages that are given back are given to the next who wants one.
    let options = MemoryFileOptions {
        recycle_budget: 0,
        reservation: 1 << 26,
        ..MemoryFileOptions::default()
    };
    let memory = MemoryFile::new(options).unwrap();
    let object = Object::numbered(&memory, PAGES);
    let Rig { mm, machine: Mirror(space), .. } = Rig::<Mirror>::with_memory(&memory);
    let rig = Rig { mm: Arc::clone(&mm), machine: (), memory: Arc::clone(&memory) };
    rig.map_object(&object, (first_page(OBJECT), PAGES), RW, MmapFlags::SHARED);
    let retired = std::array::from_fn(|_| AtomicU64::new(0));
    let world = World { mm, space, retired, is_over: AtomicBool::new(false) };
    for index in 0..PAGES {
        let tag = 1 << 16 | place(OBJECT, index);
        assert!(world.write(Way::Kernel, at(OBJECT, index, TAG), tag));
        assert!(world.write(Way::Kernel, at(OBJECT, index, WORD), 0));
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
    let World { mm, space, .. } = world;
    drop((mm, rig, object));
    assert_eq!((memory.allocated_bytes(), memory.charged_bytes(), space.mapped_bytes()), (0, 0, 0));
}
