//! mprotect.

use usermem_io::Io;
use usermem_types::{AccessType, Addr, Errno, Fault, FaultKind, Partial};

use super::rig::{BASE, CHECKED, NONE, POKE, R, RW, RX, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, MmapRequest};

const ACCERR: (i32, i32) = (11, 2);

fn protect(rig: &Rig, index: u64, pages: u64, access: AccessType) -> Result<(), Errno> {
    rig.mm.mprotect(page(index), pages * PAGE, access.prot())
}

#[test]
fn arguments_are_checked_in_linux_order() {
    let rig = Rig::new();
    rig.map(0, 4, RW);
    let protect = |addr: u64, len, prot| rig.mm.mprotect(Addr::new(addr), len, prot);
    assert_eq!(protect(BASE, PAGE, 16), Err(Errno::EINVAL));
    assert_eq!(protect(BASE, 0, 16), Ok(()));
    assert_eq!(protect(BASE + 1, 0, 1), Err(Errno::EINVAL));
    assert_eq!(protect(BASE, PAGE, 8 | 3), Ok(()));
    assert_eq!(protect(BASE, u64::MAX, 1), Err(Errno::ENOMEM));
    assert_eq!(protect(BASE, PAGE, 0x100_0000), Err(Errno::EINVAL));
    assert_eq!(protect(BASE, PAGE, 0x200_0000), Err(Errno::EINVAL));
    assert_eq!(protect(BASE, PAGE, 0x300_0000), Err(Errno::EINVAL));
    assert_eq!(protect(BASE + 100 * PAGE, PAGE, 0x100_0000), Err(Errno::ENOMEM));
    assert_eq!(protect(BASE + 100 * PAGE, PAGE, 1), Err(Errno::ENOMEM));
    assert_eq!(protect(BASE - PAGE, 2 * PAGE, 1), Err(Errno::ENOMEM));
    assert_eq!(rig.shape(), "0-4:rw-");
}

#[test]
fn pitfall_29_what_comes_before_the_first_hole_is_changed() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.map(3, 2, RW);
    assert_eq!(protect(&rig, 1, 4, R), Err(Errno::ENOMEM));
    assert_eq!(rig.shape(), "0-1:rw- 1-2:r-- 3-5:rw-");
    assert_eq!(rig.mm.mlock(page(1), 4 * PAGE, 0), Err(Errno::ENOMEM));
    assert_eq!(rig.mm.usage().locked_bytes, PAGE);
    rig.mm.munlock(page(0), PAGE).unwrap();
    rig.mm.munlock(page(1), PAGE).unwrap();
    rig.store(page(3), b"a").unwrap();
    // Holes are passed over by madvise, to the end.
    assert_eq!(rig.mm.madvise(page(1), 4 * PAGE, 4), Err(Errno::ENOMEM));
    assert_eq!(rig.load(page(3)), Ok(0));
    rig.check();
}

#[test]
fn a_refusal_keeps_what_came_before() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    rig.map(0, 1, R);
    let request = MmapRequest {
        addr: page(1),
        max_access: R,
        access: R,
        flags: MmapFlags::SHARED | MmapFlags::FIXED,
        object: Some(object.object()),
        ..MmapRequest::anonymous(page(1), PAGE, R, MmapFlags::FIXED)
    };
    rig.mm.mmap(request).unwrap();
    assert_eq!(protect(&rig, 0, 2, RW), Err(Errno::EACCES));
    assert_eq!(rig.shape(), "0-1:rw- 1-2:r--");
    // Not even a debugger writes there.
    let refused = rig.mm.copy_out(page(1), b"x", POKE).unwrap_err();
    assert_eq!(refused, Partial::new(0, Fault::new(FaultKind::Protection, page(1))));
    rig.check();
}

#[test]
fn data_survives_changes_of_protection() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    rig.store(page(1), b"data").unwrap();
    protect(&rig, 1, 1, NONE).unwrap();
    rig.check();
    assert_eq!(rig.load(page(1)).map_err(|fault| (fault.signal, fault.code)), Err(ACCERR));
    assert_eq!(rig.peek(page(1)).unwrap_err().cause.kind, FaultKind::Protection);
    protect(&rig, 1, 1, R).unwrap();
    assert_eq!(rig.load(page(1)), Ok(b'd'));
    let fault = rig.store(page(1), b"x").unwrap_err();
    assert_eq!((fault.signal, fault.code, fault.addr), (11, 2, page(1)));
    protect(&rig, 1, 1, RW).unwrap();
    assert_eq!(rig.shape(), "0-3:rw-", "alike again, they are one");
    rig.store(page(1), b"D").unwrap();
    assert_eq!((rig.load(page(1)), rig.peek(page(1))), (Ok(b'D'), Ok(b'D')));
    rig.check();
}

#[test]
fn write_and_execute_imply_read() {
    let rig = Rig::new();
    rig.map(0, 1, AccessType::WRITE);
    rig.map(1, 1, AccessType::EXECUTE);
    assert_eq!((rig.load(page(0)), rig.load(page(1))), (Ok(0), Ok(0)));
    assert_eq!((rig.peek(page(0)), rig.peek(page(1))), (Ok(0), Ok(0)));
    assert_eq!(rig.shape(), "0-1:-w- 1-2:--x");
}

#[test]
fn code_is_written_then_executed() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.store(page(0), b"\xc3").unwrap();
    assert_eq!(rig.fetch(page(0)).unwrap_err().code, 2);
    protect(&rig, 0, 1, RX).unwrap();
    assert_eq!(rig.fetch(page(0)), Ok(0xc3));
    assert_eq!(rig.store(page(0), b"x").unwrap_err().code, 2);
    // Read first, then made executable: the refused jump must not be taken for a write.
    rig.map(1, 1, R);
    assert_eq!(rig.load(page(1)), Ok(0));
    protect(&rig, 1, 1, RX).unwrap();
    assert_eq!(rig.fetch(page(1)), Ok(0));
    rig.check();
}

#[test]
fn io_after_mprotect() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    assert_eq!(rig.mm.copy_out(page(0), b"a", CHECKED), Ok(1));
    protect(&rig, 0, 1, R).unwrap();
    let refused = rig.mm.copy_out(page(0), b"b", CHECKED).unwrap_err();
    assert_eq!(refused, Partial::new(0, Fault::new(FaultKind::Protection, page(0))));
    assert_eq!(rig.mm.copy_out(page(0), b"c", POKE), Ok(1));
    assert_eq!(rig.peek(page(0)), Ok(b'c'));
    rig.check();
}

#[test]
fn growsdown_reaches_the_start_of_the_mapping() {
    let rig = Rig::new();
    rig.map_with(4, 4, RW, MmapFlags::PRIVATE | MmapFlags::GROWSDOWN);
    rig.mm.mprotect(page(6), PAGE, 0x100_0001).unwrap();
    assert_eq!(rig.shape(), "4-7:r-- 7-8:rw-");
    rig.mm.mprotect(page(2), 3 * PAGE, 0x100_0003).unwrap();
    assert_eq!(rig.shape(), "4-5:rw- 5-7:r-- 7-8:rw-");
    rig.check();
}
