//! Copies through the address space itself, compared with copies around it.

use std::sync::Arc;

use memmap::{AddressSpace, File, FileRange};
use mm::MmapFlags;
use platform::FaultInfo;
use proptest::collection::vec;
use proptest::prelude::*;
use usermem_io::{Io, IoOpts};
use usermem_types::{AccessType, Addr, AddrRange, AlignedAddr, Errno, Fault, FaultKind, Partial};

use crate::machine::{Access, Machine, Mirror};
use crate::objects::Object;
use crate::rig::{PAGE, RW, Rig, memory, page};

/// A mirror that keeps its own way of copying to itself.
#[derive(Debug)]
struct Veil(Arc<dyn AddressSpace>);

impl AddressSpace for Veil {
    fn map_file(
        &self,
        addr: Addr,
        file: &dyn File,
        range: FileRange,
        access: AccessType,
        populate: bool,
    ) -> Result<(), Errno> {
        self.0.map_file(addr, file, range, access, populate)
    }

    fn unmap(&self, range: AddrRange) {
        self.0.unmap(range);
    }

    fn user_range(&self) -> AddrRange {
        self.0.user_range()
    }
}

struct Veiled {
    mirror: Mirror,
    veil: Arc<Veil>,
}

impl Machine for Veiled {
    const CASES: u32 = Mirror::CASES;

    fn new() -> Self {
        let mirror = Mirror::new();
        let veil = Arc::new(Veil(mirror.space()));
        Self { mirror, veil }
    }

    fn space(&self) -> Arc<dyn AddressSpace> {
        Arc::clone(&self.veil) as _
    }

    fn access(&mut self, access: Access) -> Result<u64, FaultInfo> {
        self.mirror.access(access)
    }

    fn mapped_bytes(&self) -> Option<u64> {
        self.mirror.mapped_bytes()
    }
}

/// Pages that programs use.
const PAGES: u64 = 24;
/// Pages of the objects.
const OBJECT: u64 = 8;

#[derive(Clone, Copy, Debug)]
enum Step {
    Map(u64, u64, AccessType),
    MapObject(u64, bool),
    Truncate(u64),
    Forget,
    Unmap(u64, u64),
    Protect(u64, u64, AccessType),
    Store(u64, u8),
    Load(u64),
    CopyIn(u64, usize),
    CopyOut(u64, usize, u8),
    ZeroOut(u64, usize),
    Force(u64, u8),
    Swap(u64, u32),
    CompareExchange(u64, u32, u32),
    LoadWord(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..PAGES;
    let count = || 1..8u64;
    let offset = || prop_oneof![0..PAGES * PAGE, (1..PAGES, 0..40u64).prop_map(near_border)];
    let len = || prop_oneof![3 => 0..64usize, 2 => 0..10_000usize, 1 => 0..90_000usize];
    let access = (0..8u32).prop_map(AccessType::from_prot);
    prop_oneof![
        4 => (at(), count(), access.clone()).prop_map(|(at, n, access)| Step::Map(at, n, access)),
        2 => (0..PAGES - OBJECT, any::<bool>()).prop_map(|(at, own)| Step::MapObject(at, own)),
        1 => (0..=OBJECT).prop_map(Step::Truncate),
        1 => Just(Step::Forget),
        2 => (at(), count()).prop_map(|(at, n)| Step::Unmap(at, n)),
        3 => (at(), count(), access).prop_map(|(at, n, access)| Step::Protect(at, n, access)),
        4 => (offset(), any::<u8>()).prop_map(|(at, byte)| Step::Store(at, byte)),
        4 => offset().prop_map(Step::Load),
        6 => (offset(), len()).prop_map(|(at, len)| Step::CopyIn(at, len)),
        6 => (offset(), len(), any::<u8>()).prop_map(|(at, len, b)| Step::CopyOut(at, len, b)),
        2 => (offset(), len()).prop_map(|(at, len)| Step::ZeroOut(at, len)),
        1 => (offset(), any::<u8>()).prop_map(|(at, byte)| Step::Force(at, byte)),
        1 => (offset(), any::<u32>()).prop_map(|(at, new)| Step::Swap(at, new)),
        1 => (offset(), 0..2u32, any::<u32>())
            .prop_map(|(at, old, new)| Step::CompareExchange(at, old, new)),
        1 => offset().prop_map(Step::LoadWord),
    ]
}

fn near_border((index, below): (u64, u64)) -> u64 {
    index * PAGE - below
}

/// The object that is mapped shared, and the one that is mapped privately. They are two, because it
/// is unspecified whether a private page that was not copied yet shows what is written to its
/// object, by the same copy perhaps.
type Objects = [Arc<Object>; 2];

/// Runs a step and returns everything that can be seen of it.
fn run<M: Machine>(rig: &mut Rig<M>, objects: &Objects, step: Step) -> String {
    const CHECKED: IoOpts = IoOpts::CHECKED;
    let at = |offset| page(0).checked_add(offset).unwrap();
    let word = |offset: u64| AlignedAddr::new(at(offset & !3)).unwrap();
    match step {
        Step::Map(index, pages, access) => format!("{:?}", rig.try_map(index, pages, access)),
        Step::MapObject(index, private) => {
            let flags = if private { MmapFlags::PRIVATE } else { MmapFlags::SHARED };
            rig.map_object(&objects[usize::from(private)], (index, OBJECT), RW, flags);
            String::new()
        }
        Step::Truncate(pages) => {
            objects.iter().for_each(|object| object.truncate(pages));
            String::new()
        }
        Step::Forget => {
            objects.iter().for_each(|object| object.forget_translations());
            String::new()
        }
        Step::Unmap(index, pages) => format!("{:?}", rig.mm.munmap(page(index), pages * PAGE)),
        Step::Protect(index, pages, access) => {
            format!("{:?}", rig.mm.mprotect(page(index), pages * PAGE, access.prot()))
        }
        Step::Store(offset, byte) => format!("{:?}", rig.store(at(offset), byte)),
        Step::Load(offset) => format!("{:?}", rig.load(at(offset))),
        Step::CopyIn(offset, len) => {
            let mut bytes = vec![0xee; len];
            let result = rig.mm.copy_in(at(offset), &mut bytes, CHECKED);
            bytes.truncate(result.as_ref().map_or_else(|partial| partial.done, |done| *done));
            format!("{result:?} {bytes:?}")
        }
        Step::CopyOut(offset, len, byte) => {
            let bytes: Vec<u8> = (0..len).map(|index| byte.wrapping_add(index as u8)).collect();
            format!("{:?}", rig.mm.copy_out(at(offset), &bytes, CHECKED))
        }
        Step::ZeroOut(offset, len) => format!("{:?}", rig.mm.zero_out(at(offset), len, CHECKED)),
        Step::Force(offset, byte) => {
            format!("{:?}", rig.mm.copy_out(at(offset), &[byte; 9], IoOpts::IGNORE_PERMISSIONS))
        }
        Step::Swap(offset, new) => format!("{:?}", rig.mm.swap_u32(word(offset), new, CHECKED)),
        Step::CompareExchange(offset, old, new) => {
            format!("{:?}", rig.mm.compare_exchange_u32(word(offset), old, new, CHECKED))
        }
        Step::LoadWord(offset) => format!("{:?}", rig.mm.load_u32(word(offset), CHECKED)),
    }
}

proptest! {
    #[test]
    fn the_way_of_a_copy_changes_no_result(steps in vec(step(), 1..60)) {
        let memory = memory(None);
        let mut direct = Rig::<Mirror>::with_memory(&memory);
        let mut around = Rig::<Veiled>::with_memory(&memory);
        prop_assert!(direct.mm.address_space().io().is_some());
        prop_assert!(around.mm.address_space().io().is_none());
        let objects = [(); 2].map(|()| [(); 2].map(|()| Object::numbered(&memory, OBJECT)));
        for step in steps {
            let seen = run(&mut direct, &objects[0], step);
            prop_assert_eq!(seen, run(&mut around, &objects[1], step), "{:?}", step);
        }
        for offset in (0..PAGES * PAGE).step_by(512) {
            let step = Step::CopyIn(offset, 512);
            let seen = run(&mut direct, &objects[0], step);
            prop_assert_eq!(seen, run(&mut around, &objects[1], step));
        }
        let usage = |mm: &mm::MemoryManager| mm::Usage { faults: 0, ..mm.usage() };
        prop_assert_eq!(usage(&direct.mm), usage(&around.mm));
    }
}

/// The way is taken: pages that only the kernel has touched are shown, a program's without a fault.
#[test]
fn a_copy_shows_what_it_needs() {
    let mut rig = Rig::<Mirror>::new();
    rig.map(0, 1024, AccessType::READ);
    rig.mm.mprotect(page(0), 1024 * PAGE, RW.prot()).unwrap();
    assert_eq!(rig.machine.mapped_bytes(), Some(0));
    assert_eq!(rig.mm.copy_out(page(10), &[1; 3 * 4096], IoOpts::CHECKED), Ok(3 * 4096));
    assert!(rig.is_shown(page(10)) && rig.is_shown(page(12)));
    assert_eq!((rig.load(page(12)), rig.mm.usage().faults), (Ok(1), 0));
    // Not for what ignores the program's protections.
    rig.map(2000, 1, AccessType::READ);
    assert_eq!(rig.mm.copy_out(page(2000), b"x", IoOpts::IGNORE_PERMISSIONS), Ok(1));
    assert!(!rig.is_shown(page(2000)));
}

/// As on Linux, whatever moves the bytes: those behind the page that stops a copy stay what they were.
#[test]
fn nothing_is_written_behind_what_stops_a_copy() {
    let rig = &mut Rig::<Mirror>::new();
    rig.map(1, 4, RW);
    assert_eq!(rig.mm.zero_out(page(1), 4 * 4096, IoOpts::CHECKED), Ok(4 * 4096));
    // Across the border and little more, and much more; and with what is left behind another border.
    for (before, behind) in [1, 20, 100, 500, 4000]
        .into_iter()
        .flat_map(|before| [1, 7, 20, 31, 64, 100, 512, 4096, 4110, 9000].map(|len| (before, len)))
    {
        let start = Addr::new(page(1).get() - before);
        let bytes = vec![7; before as usize + behind];
        let unmapped = Err(Partial::new(0, Fault::new(FaultKind::Unmapped, start)));
        assert_eq!(rig.mm.copy_out(start, &bytes, IoOpts::CHECKED), unmapped);
        let mut after = vec![1; 4 * 4096];
        assert_eq!(rig.mm.copy_in(page(1), &mut after, IoOpts::CHECKED), Ok(4 * 4096));
        assert!(after == [0; 4 * 4096], "{before} + {behind} bytes");
    }
}
