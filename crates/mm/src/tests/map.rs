//! mmap, munmap and brk.

use usermem_types::{AccessType, Addr, Errno, FaultKind};

use super::rig::{BASE, NONE, R, RW, RX, Rig, page};
use crate::range::{HUGE, PAGE};
use crate::{MmapFlags, MmapRequest};

fn request(addr: Addr, len: u64, flags: MmapFlags) -> MmapRequest {
    MmapRequest::anonymous(addr, len, RW, flags)
}

#[track_caller]
fn refused(rig: &Rig, request: MmapRequest, errno: Errno) {
    let before = rig.mm.maps_text();
    assert_eq!(rig.mm.mmap(request), Err(errno));
    assert_eq!(rig.mm.maps_text(), before);
    rig.check();
}

#[test]
fn arguments_are_checked_as_linux_does() {
    let rig = Rig::new();
    let max = rig.mm.layout().max.get();
    let none = MmapFlags::empty();
    refused(&rig, request(page(0), 0, none), Errno::EINVAL);
    refused(&rig, request(page(0), u64::MAX, none), Errno::ENOMEM);
    refused(&rig, request(page(0), 1 << 47, none), Errno::ENOMEM);
    refused(&rig, request(Addr::new(BASE + 1), PAGE, MmapFlags::FIXED), Errno::EINVAL);
    refused(&rig, request(Addr::new(max), PAGE, MmapFlags::FIXED), Errno::ENOMEM);
    refused(&rig, request(Addr::new(max + 1), PAGE, MmapFlags::FIXED), Errno::ENOMEM);
    refused(&rig, request(Addr::new(u64::MAX - 4095), PAGE, MmapFlags::FIXED), Errno::ENOMEM);
    refused(&rig, request(Addr::ZERO, PAGE, MmapFlags::FIXED), Errno::EPERM);
    refused(&rig, request(page(0), PAGE, MmapFlags::HUGETLB), Errno::ENOMEM);
    let kind = |flags| MmapRequest { flags, ..request(page(0), PAGE, none) };
    refused(&rig, kind(MmapFlags::ANONYMOUS), Errno::EINVAL);
    refused(&rig, kind(MmapFlags::ANONYMOUS | MmapFlags::SHARED_VALIDATE), Errno::EINVAL);
    let grows = MmapFlags::ANONYMOUS | MmapFlags::SHARED | MmapFlags::GROWSDOWN;
    refused(&rig, kind(grows), Errno::EINVAL);

    let object = rig.object(4 * PAGE);
    let of_object = |flags, offset| MmapRequest {
        flags,
        offset,
        object: Some(object.object()),
        ..request(page(0), PAGE, none)
    };
    refused(&rig, of_object(MmapFlags::PRIVATE, 1), Errno::EINVAL);
    refused(&rig, of_object(MmapFlags::PRIVATE, u64::MAX - 4095), Errno::EOVERFLOW);
    let unknown = MmapFlags::from_bits_retain(0x80_0000);
    refused(&rig, of_object(MmapFlags::SHARED_VALIDATE | unknown, 0), Errno::EOPNOTSUPP);
    refused(&rig, of_object(MmapFlags::PRIVATE | MmapFlags::GROWSDOWN, 0), Errno::EINVAL);
    let max_access = R;
    refused(&rig, MmapRequest { max_access, ..of_object(MmapFlags::SHARED, 0) }, Errno::EACCES);
    assert!(rig.mm.mmap(of_object(MmapFlags::SHARED | unknown, 0)).is_ok());
}

#[test]
fn pitfall_23_no_argument_panics() {
    let interesting = [
        0,
        1,
        4095,
        4096,
        BASE,
        BASE + 1,
        BASE + PAGE,
        1 << 31,
        1 << 46,
        (1 << 47) - 4096,
        (1 << 47) - 1,
        1 << 47,
        1 << 63,
        u64::MAX - 8191,
        u64::MAX - 4096,
        u64::MAX - 1,
        u64::MAX,
    ];
    let rig = Rig::new();
    rig.map(0, 4, RW);
    for a in interesting {
        for b in interesting {
            let addr = Addr::new(a);
            for flags in [0, 0x10, 0x40, 0x100, 0x10_0000] {
                let _ = rig.mm.mmap(request(addr, b, MmapFlags::from_bits_retain(flags)));
            }
            let _ = rig.mm.mprotect(addr, b, 1);
            let _ = rig.mm.mprotect(addr, b, 0x100_0003);
            for c in interesting {
                for flags in 0..8 {
                    let _ = rig.mm.mremap(addr, b, c, flags, Addr::new(a ^ c));
                }
            }
            for advice in -1..30 {
                let _ = rig.mm.madvise(addr, b, advice);
            }
            let _ = (rig.mm.mlock(addr, b, 0), rig.mm.munlock(addr, b));
            let _ = (rig.mm.msync(addr, b, 4), rig.mm.munmap(addr, b));
            if let Ok(mut pieces) = rig.mm.mincore(addr, b) {
                let _ = pieces.next();
            }
            rig.mm.brk(addr);
        }
    }
    rig.check();
}

#[test]
fn mappings_go_to_the_highest_place_and_merge() {
    let rig = Rig::new();
    let top = rig.mm.layout().mmap_top.get();
    let anywhere = || rig.mm.mmap(request(Addr::ZERO, 2 * PAGE, MmapFlags::empty())).unwrap();
    assert_eq!(anywhere(), Addr::new(top - 2 * PAGE));
    assert_eq!(anywhere(), Addr::new(top - 4 * PAGE));
    assert_eq!(rig.mm.usage().mappings, 1);
    rig.mm.munmap(Addr::new(top - 3 * PAGE), PAGE).unwrap();
    assert_eq!(anywhere(), Addr::new(top - 6 * PAGE), "a hole that is too small is passed over");
    let one = rig.mm.mmap(request(Addr::ZERO, PAGE, MmapFlags::empty())).unwrap();
    assert_eq!(one, Addr::new(top - 3 * PAGE));
    assert_eq!(rig.mm.usage().mappings, 1);
    rig.check();
}

/// The addresses are those that Linux 6.18 gives.
#[test]
fn private_memory_of_whole_huge_pages_starts_at_one() {
    let rig = Rig::new();
    let map = |addr: u64, len, flags| {
        let request = MmapRequest::anonymous(Addr::new(addr), len, RW, flags);
        rig.mm.mmap(request).unwrap().get()
    };
    let none = MmapFlags::empty();
    // Something that ends three pages below a boundary.
    let below = || map(0, 2 * HUGE - 3 * PAGE, none);
    for flags in [none, MmapFlags::STACK, MmapFlags::GROWSDOWN, MmapFlags::NORESERVE] {
        for len in [HUGE, 3 * HUGE] {
            let base = below();
            let expected = (base - len - HUGE) / HUGE * HUGE + HUGE;
            assert_eq!(map(0, len, flags), expected, "{flags:?}");
        }
    }
    assert_eq!(map(5, HUGE, none) % HUGE, 0, "a hint that rounds to none");
    let base = below();
    assert_eq!(map(0, HUGE + PAGE, none), base - HUGE - PAGE, "not whole ones");
    let base = below();
    assert_eq!(map(base, HUGE, none), base - HUGE, "a place was named");
    let base = below();
    let shared = MmapRequest {
        flags: MmapFlags::SHARED | MmapFlags::ANONYMOUS,
        ..MmapRequest::anonymous(Addr::ZERO, HUGE, RW, none)
    };
    assert_eq!(rig.mm.mmap(shared).unwrap().get(), base - HUGE, "shared");
    // What moves goes to a boundary as well.
    rig.map(0, 1, RW);
    rig.map(1, 1, R);
    let moved = rig.mm.mremap(page(0), PAGE, HUGE, 1, Addr::ZERO).unwrap().get();
    assert_eq!(moved % HUGE, 0);
    rig.check();
}

#[test]
#[cfg(target_arch = "x86_64")]
fn low_memory_of_whole_huge_pages_starts_at_one() {
    let rig = Rig::new();
    let low = |len| {
        let request = MmapRequest::anonymous(Addr::ZERO, len, RW, MmapFlags::BITS_32);
        rig.mm.mmap(request).unwrap().get()
    };
    let got = [HUGE, HUGE, PAGE, HUGE].map(low);
    assert_eq!(got, [0x4020_0000, 0x4060_0000, 0x4000_0000, 0x40a0_0000]);
}

#[test]
fn where_no_boundary_is_free_any_place_will_do() {
    let rig = Rig::new();
    let layout = rig.mm.layout();
    let (min, max) = (layout.min.get(), layout.max.get());
    let fixed = |addr: u64, len| {
        let flags = MmapFlags::FIXED | MmapFlags::NORESERVE;
        rig.mm.mmap(MmapRequest::anonymous(Addr::new(addr), len, NONE, flags)).unwrap();
    };
    // Only one hole is left, as long as is wanted and across a boundary.
    let hole = 0x2000_0000 + PAGE;
    fixed(min, hole - min);
    fixed(hole + HUGE, max - hole - HUGE);
    let anywhere = MmapRequest::anonymous(Addr::ZERO, HUGE, RW, MmapFlags::empty());
    assert_eq!(rig.mm.mmap(anywhere), Ok(Addr::new(hole)));
}

#[test]
fn hints_are_taken_when_free() {
    let rig = Rig::new();
    let min = rig.mm.layout().min;
    let hint = |addr| rig.mm.mmap(request(Addr::new(addr), PAGE, MmapFlags::empty())).unwrap();
    assert_eq!(hint(BASE + 5), page(0));
    assert_ne!(hint(BASE), page(0));
    assert_eq!(hint(0x1000), min, "a hint below the lowest address is raised to it");
    assert_ne!(hint(u64::MAX), Addr::new(u64::MAX));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn low_mappings_go_up_from_one_gibibyte() {
    let rig = Rig::new();
    let low = |addr: u64| rig.mm.mmap(request(Addr::new(addr), PAGE, MmapFlags::BITS_32)).unwrap();
    assert_eq!(low(0), Addr::new(0x4000_0000));
    assert_eq!(low(0), Addr::new(0x4000_1000));
    assert_eq!(low(0x2000_0000), Addr::new(0x2000_0000));
    assert_eq!(low(0x9000_0000), Addr::new(0x4000_2000));
    let too_long = request(Addr::ZERO, 1 << 30, MmapFlags::BITS_32);
    refused(&rig, too_long, Errno::ENOMEM);
}

#[test]
fn fixed_replaces_and_noreplace_does_not() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    rig.store(page(1), b"x").unwrap();
    rig.map(1, 1, R);
    assert_eq!(rig.shape(), "0-1:rw- 1-2:r-- 2-4:rw-");
    assert_eq!(rig.load(page(1)), Ok(0));
    for (index, pages) in [(3, 2), (0, 1), (1, 1), (0, 10)] {
        let flags = MmapFlags::FIXED_NOREPLACE;
        refused(&rig, request(page(index), pages * PAGE, flags), Errno::EEXIST);
        refused(&rig, request(page(index), pages * PAGE, flags | MmapFlags::FIXED), Errno::EEXIST);
    }
    let above = request(page(4), PAGE, MmapFlags::FIXED_NOREPLACE);
    assert_eq!(rig.mm.mmap(above), Ok(page(4)));
    assert_eq!(rig.shape(), "0-1:rw- 1-2:r-- 2-5:rw-");
    rig.check();
}

#[test]
fn a_refusing_object_leaves_the_range_unmapped() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    object.refuse(Errno::EBUSY);
    rig.map(0, 3, RW);
    let result = rig.map_object(&object, 1, 1, R, MmapFlags::SHARED);
    assert_eq!(result, Err(Errno::EBUSY));
    assert_eq!(rig.shape(), "0-1:rw- 2-3:rw-");
    rig.check();
}

#[test]
fn munmap_checks_and_cuts() {
    let rig = Rig::new();
    rig.map(0, 6, RW);
    let limit = rig.mm.layout().limit.get();
    for (addr, len) in [
        (BASE + 1, PAGE),
        (BASE, 0),
        (BASE, u64::MAX),
        (limit - PAGE, 2 * PAGE),
        (limit, PAGE),
        (limit * 2, PAGE),
    ] {
        assert_eq!(rig.mm.munmap(Addr::new(addr), len), Err(Errno::EINVAL));
    }
    rig.store(page(0), &[1; 6 * 4096]).unwrap();
    rig.mm.munmap(page(2), PAGE + 1).unwrap();
    assert_eq!(rig.shape(), "0-2:rw- 4-6:rw-");
    rig.check();
    assert_eq!(rig.peek(page(2)).unwrap_err().cause.kind, FaultKind::Unmapped);
    assert_eq!((rig.load(page(1)), rig.load(page(4))), (Ok(1), Ok(1)));
    rig.mm.munmap(page(0), 100 * PAGE).unwrap();
    rig.mm.munmap(page(0), 100 * PAGE).unwrap();
    rig.map(0, 6, RW);
    assert_eq!(rig.load(page(0)), Ok(0), "memory comes back zeroed");
    rig.check();
}

#[test]
fn objects_are_told_what_is_mapped() {
    let rig = Rig::new();
    let object = rig.object(8 * PAGE);
    rig.map_object(&object, 0, 8, RW, MmapFlags::SHARED).unwrap();
    rig.store(page(3), b"y").unwrap();
    assert_eq!(object.byte(3 * PAGE), b'y');
    rig.mm.munmap(page(2), 3 * PAGE).unwrap();
    assert_eq!(object.mapped(), [(BASE, 0, 2), (BASE + 5 * PAGE, 5, 3)]);
    let mm = rig.mm;
    drop(mm);
    assert_eq!(object.mapped(), []);
    assert_eq!(rig.space.mapped_bytes(), 0);
}

#[test]
fn the_heap_grows_and_shrinks() {
    let rig = Rig::new();
    rig.mm.set_brk_base(Addr::new(BASE + 100)).unwrap();
    assert_eq!(rig.mm.brk(Addr::ZERO), Addr::new(BASE + 100));
    assert_eq!(rig.mm.brk(Addr::new(BASE + 99)), Addr::new(BASE + 100));
    assert_eq!(rig.mm.brk(Addr::new(BASE + 200)), Addr::new(BASE + 200));
    assert_eq!(rig.shape(), "");
    let end = page(3).checked_add(7).unwrap();
    assert_eq!(rig.mm.brk(end), end);
    assert_eq!(rig.shape(), "1-4:rw-");
    rig.store(page(3), b"z").unwrap();
    assert_eq!(rig.mm.brk(page(3)), page(3));
    assert_eq!(rig.mm.brk(end), end);
    assert_eq!(rig.load(page(3)), Ok(0));
    assert!(String::from_utf8(rig.mm.maps_text()).unwrap().contains("[heap]"));

    // One page above must stay free.
    rig.map(6, 1, R);
    assert_eq!(rig.mm.brk(page(6)), end);
    assert_eq!(rig.mm.brk(page(5)), page(5));
    assert_eq!(rig.mm.brk(Addr::MAX), page(5));
    assert_eq!(rig.shape(), "1-5:rw- 6-7:r--");
    rig.check();
}

#[test]
fn shared_memory_is_one_object() {
    let rig = Rig::new();
    rig.map_with(0, 2, RW, MmapFlags::SHARED);
    rig.store(page(0), b"s").unwrap();
    assert_eq!(rig.memory.charged_bytes(), 2 * PAGE);
    let second = rig.mm.mremap(page(0), 0, PAGE, 1, Addr::ZERO).unwrap();
    assert_eq!(rig.load(second), Ok(b's'));
    rig.store(second, b"t").unwrap();
    assert_eq!(rig.load(page(0)), Ok(b't'));
    rig.mm.madvise(page(0), PAGE, 4).unwrap();
    assert_eq!(rig.load(page(0)), Ok(b't'), "shared memory survives its translations");
    rig.check();
    rig.mm.munmap(page(0), 2 * PAGE).unwrap();
    assert_eq!(rig.memory.charged_bytes(), 2 * PAGE);
    rig.mm.munmap(second, PAGE).unwrap();
    assert_eq!(rig.memory.charged_bytes(), 0);
}

#[test]
fn stacks_marked_as_such_do_not_merge_with_others() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.map_with(1, 1, RW, MmapFlags::PRIVATE | MmapFlags::STACK);
    rig.map(2, 1, RX);
    rig.mm.mprotect(page(2), PAGE, AccessType::READ_WRITE.prot()).unwrap();
    assert_eq!(rig.shape(), "0-1:rw- 1-2:rw- 2-3:rw-");
    rig.check();
}

/// Where nothing was, nobody who reads has to be waited for.
#[test]
fn unmapping_what_was_never_touched_disturbs_no_reader() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.store(page(0), b"x").unwrap();
    rig.map(4, 2, NONE);
    let writes = || rig.mm.active.writes.load(std::sync::atomic::Ordering::Relaxed);
    let before = writes();
    rig.mm.munmap(page(4), PAGE).unwrap();
    rig.mm.mmap(MmapRequest { access: NONE, ..request(page(5), PAGE, MmapFlags::FIXED) }).unwrap();
    assert_eq!(writes(), before);
    assert_eq!(rig.shape(), "0-1:rw- 5-6:---");
    rig.mm.munmap(page(0), PAGE).unwrap();
    assert_eq!(writes(), before + 1);
    rig.check();
}
