//! `fork`. What children see is compared with the host by scripts; here are the ways it can fail,
//! and what no script sees.

use std::sync::{Arc, Weak};

use memmap::{
    InvalidateOpts, Mappable, MappableRange, MappedObject, MappingSpace, TranslateError,
    Translation,
};
use parking_lot::Mutex;
use platform::null::NullAddressSpace;
use rangeset::KeyRange;
use smallvec::SmallVec;
use usermem_types::{AccessType, AddrRange, Errno};

use super::rig::{NONE, RW, Rig, page};
use crate::range::{PAGE, addrs};
use crate::{MmapFlags, MmapRequest, Usage};

const DONTFORK: i32 = 10;
const WIPEONFORK: i32 = 18;

pub(super) fn fork(rig: &Rig) -> Result<Rig, Errno> {
    let space = Arc::new(NullAddressSpace::new());
    let mm = rig.mm.fork(Arc::clone(&space) as _)?;
    Ok(Rig { mm, space, memory: Arc::clone(&rig.memory) })
}

#[test]
fn a_child_counts_what_it_has() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.map(8, 2, RW);
    rig.map(12, 1, NONE);
    rig.mm.madvise(page(8), 2 * PAGE, DONTFORK).unwrap();
    rig.mm.madvise(page(1), PAGE, WIPEONFORK).unwrap();
    rig.mm.mlock(page(0), PAGE, 0).unwrap();
    let child = fork(&rig).unwrap();
    assert_eq!(child.shape(), "0-1:rw- 1-2:rw- 2-4:rw- 12-13:---");
    let Usage { vm_bytes, data_bytes, locked_bytes, committed_bytes, .. } = child.mm.usage();
    let pages = [vm_bytes, data_bytes, locked_bytes, committed_bytes].map(|bytes| bytes / PAGE);
    assert_eq!(pages, [5, 4, 0, 4]);
    rig.check();
    child.check();
}

#[test]
fn pages_are_copied_by_whoever_writes_first_and_kept_by_the_other() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.store(page(0), b"a").unwrap();
    rig.store(page(1), b"b").unwrap();
    let child = fork(&rig).unwrap();
    rig.store(page(0), b"A").unwrap();
    child.store(page(1), b"B").unwrap();
    assert_eq!((rig.load(page(0)), rig.load(page(1))), (Ok(b'A'), Ok(b'b')));
    assert_eq!((child.load(page(0)), child.load(page(1))), (Ok(b'a'), Ok(b'B')));
    drop(child);
    // Nobody else has them any more.
    rig.store(page(1), b"C").unwrap();
    assert_eq!(rig.load(page(1)), Ok(b'C'));
    rig.check();
}

#[test]
fn a_child_that_cannot_be_charged_leaves_nothing_behind() {
    let rig = Rig::with_limit(Some(6 * PAGE));
    rig.map(0, 4, RW);
    rig.store(page(0), b"a").unwrap();
    assert_eq!(fork(&rig).err(), Some(Errno::ENOMEM));
    assert_eq!(rig.memory.charged_bytes(), 4 * PAGE);
    rig.store(page(0), b"b").unwrap();
    assert_eq!(rig.load(page(0)), Ok(b'b'));
    rig.check();
}

#[test]
fn an_object_may_refuse_to_be_mapped_by_a_child() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::PRIVATE).unwrap();
    object.refuse(Errno::EAGAIN);
    assert_eq!(fork(&rig).err(), Some(Errno::EAGAIN));
    assert_eq!(object.mapped(), [(page(0).get(), 0, 4)]);
    rig.check();
}

/// An object that counts its mappings and lets in as many as it was told to.
#[derive(Debug, Default)]
struct Door {
    mapped: Mutex<Vec<(usize, AddrRange)>>,
    places: Mutex<usize>,
}

impl Mappable for Door {
    fn add_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) -> Result<(), Errno> {
        let mut places = self.places.lock();
        *places = places.checked_sub(1).ok_or(Errno::ENFILE)?;
        self.mapped.lock().push((space.as_ptr().cast::<()>().addr(), range));
        Ok(())
    }

    fn remove_mapping(
        &self,
        space: &Weak<dyn MappingSpace>,
        range: AddrRange,
        _offset: u64,
        _writable: bool,
    ) {
        let removed = (space.as_ptr().cast::<()>().addr(), range);
        let mut mapped = self.mapped.lock();
        let index = mapped.iter().position(|held| *held == removed);
        mapped.swap_remove(index.expect("removed is what was added"));
    }

    fn translate(
        &self,
        _required: MappableRange,
        _optional: MappableRange,
        _access: AccessType,
    ) -> (SmallVec<[Translation; 1]>, Option<TranslateError>) {
        (SmallVec::new(), Some(TranslateError::BeyondEnd))
    }
}

/// Wherever among the mappings a fork is refused, those before are taken back.
#[test]
fn a_refused_fork_takes_back_what_it_mapped_before() {
    for allowed in 0..4 {
        let rig = Rig::new();
        let door = Arc::new(Door { places: Mutex::new(4), ..Door::default() });
        let name = rig.object(PAGE).object().identity;
        for index in 0..4 {
            rig.map(4 * index, 1, RW);
            rig.store(page(4 * index), b"a").unwrap();
            let (mappable, identity) = (Arc::clone(&door), Arc::clone(&name));
            let request = MmapRequest {
                flags: MmapFlags::SHARED | MmapFlags::FIXED,
                object: Some(MappedObject { mappable, identity }),
                ..MmapRequest::anonymous(page(4 * index + 1), PAGE, RW, MmapFlags::empty())
            };
            rig.mm.mmap(request).unwrap();
        }
        let state = || {
            let counts = (rig.memory.charged_bytes(), rig.memory.allocated_bytes());
            (door.mapped.lock().clone(), Arc::strong_count(&door), counts, rig.mm.usage())
        };
        let before = state();
        assert_eq!(before.0.len(), 4);
        *door.places.lock() = allowed;
        assert_eq!(fork(&rig).err(), Some(Errno::ENFILE));
        assert_eq!(state(), before, "{allowed} mappings were allowed");
        for (_, pma) in rig.mm.active.read().pmas.iter() {
            assert!(pma.file.file().has_unique_ref(pma.file.range()));
        }
        rig.check();
        *door.places.lock() = 4;
        drop(fork(&rig).unwrap());
        assert_eq!(state().0, before.0);
    }
}

/// What may be written is shown no more; what lies in between stays shown.
#[test]
fn a_fork_hides_what_may_be_written_and_nothing_else() {
    let rig = Rig::new();
    for index in [0, 2, 6, 8] {
        rig.map(index, 1, RW);
        rig.store(page(index), b"x").unwrap();
    }
    rig.map(4, 1, AccessType::READ);
    rig.load(page(4)).unwrap();
    let shown = |index| rig.space.mapping(page(index)).is_some();
    assert!([0, 2, 4, 6, 8].into_iter().all(shown));
    let child = fork(&rig).unwrap();
    assert_eq!([0, 2, 4, 6, 8].map(shown), [false, false, true, false, false]);
    rig.check();
    child.check();
    for index in [0, 2, 6, 8] {
        rig.store(page(index), b"y").unwrap();
        assert_eq!(child.load(page(index)), Ok(b'x'));
    }
}

/// Everything is charged before any object hears of the child.
#[test]
fn a_fork_that_cannot_be_charged_begins_nothing() {
    let rig = Rig::with_limit(Some(9 * PAGE));
    let door = Arc::new(Door { places: Mutex::new(2), ..Door::default() });
    let name = rig.object(PAGE).object().identity;
    rig.map(0, 2, RW);
    rig.mm
        .mmap(MmapRequest {
            flags: MmapFlags::SHARED | MmapFlags::FIXED,
            object: Some(MappedObject { mappable: Arc::clone(&door) as _, identity: name }),
            ..MmapRequest::anonymous(page(4), PAGE, RW, MmapFlags::empty())
        })
        .unwrap();
    rig.map(8, 3, RW);
    assert_eq!(rig.memory.charged_bytes(), 5 * PAGE);
    assert_eq!(fork(&rig).err(), Some(Errno::ENOMEM));
    assert_eq!(rig.memory.charged_bytes(), 5 * PAGE);
    assert_eq!((door.mapped.lock().len(), *door.places.lock()), (1, 1));
    rig.check();
}

#[test]
fn what_is_invalidated_while_a_child_is_made_does_not_come_back() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 4, RW, MmapFlags::PRIVATE).unwrap();
    rig.mm.active.write().capture_invalidations();
    let second = addrs(KeyRange::new(page(1).get(), page(2).get()));
    rig.mm.invalidate(second, InvalidateOpts { invalidate_private: true });
    // As pages of the parent, which it had before.
    rig.store(page(0), b"x").unwrap();
    rig.store(page(1), b"y").unwrap();
    rig.mm.active.write().replay_invalidations(&*rig.space);
    assert_eq!((rig.load(page(0)), rig.load(page(1))), (Ok(b'x'), Ok(2)));
    rig.check();
}
