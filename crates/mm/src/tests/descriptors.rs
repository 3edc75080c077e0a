//! What a descriptor may be mapped as. All combinations are compared with the host by a guest;
//! here is what decides, one after the other.

use usermem_types::{AccessType, Errno};

use super::rig::{NONE, R, RW, RX, Rig, page};
use crate::range::PAGE;
use crate::{FileContents, FileRights, MmapFile, MmapFlags, MmapRequest};

const READ: FileRights = FileRights::READ;
const WRITE: FileRights = FileRights::WRITE;
const EXECUTE: FileRights = FileRights::EXECUTE;
const SEALED: FileRights = FileRights::SEALED;

const SHARED: MmapFlags = MmapFlags::SHARED;
const PRIVATE: MmapFlags = MmapFlags::PRIVATE;

/// Maps an object through a descriptor, and returns what a later mprotect may ask for.
fn map(
    rig: &Rig,
    rights: FileRights,
    contents: FileContents,
    flags: MmapFlags,
    access: AccessType,
) -> Result<AccessType, Errno> {
    let request = MmapRequest {
        access,
        flags: flags | MmapFlags::FIXED,
        ..MmapRequest::anonymous(page(0), PAGE, access, MmapFlags::empty())
    };
    let before = rig.mm.maps_text();
    let file = MmapFile { rights, max_size: u64::MAX, contents };
    let mapped = rig.mm.mmap_file(request, file);
    rig.check();
    if mapped.is_err() {
        assert_eq!(rig.mm.maps_text(), before, "a refusal changes nothing");
    }
    let at = mapped?;
    let max = rig.mm.mapping.read().vmas.get(at.get()).map(|(_, vma)| vma.max);
    rig.mm.munmap(page(0), PAGE).unwrap();
    Ok(max.unwrap())
}

#[test]
fn the_first_refusal_is_linuxs() {
    let rig = Rig::new();
    let object = rig.object(PAGE);
    let grows = PRIVATE | MmapFlags::GROWSDOWN;
    let all = AccessType::ALL;
    for (rights, flags, access, nothing, object_is) in [
        (READ, SHARED, R, Errno::ENODEV, Ok(R)),
        (READ, SHARED, RW, Errno::EACCES, Err(Errno::EACCES)),
        (READ | EXECUTE, SHARED, RX, Errno::ENODEV, Ok(RX)),
        (READ | EXECUTE, PRIVATE, RW, Errno::ENODEV, Ok(all)),
        (READ, PRIVATE, RX, Errno::EPERM, Err(Errno::EPERM)),
        (READ, PRIVATE, RW, Errno::ENODEV, Ok(RW)),
        (WRITE | EXECUTE, SHARED, NONE, Errno::EACCES, Err(Errno::EACCES)),
        (WRITE, PRIVATE, RX, Errno::EACCES, Err(Errno::EACCES)),
        (READ | WRITE, grows, RX, Errno::EPERM, Err(Errno::EPERM)),
        (READ | WRITE, grows, RW, Errno::ENODEV, Err(Errno::EINVAL)),
        (READ | WRITE | EXECUTE | SEALED, SHARED, RW, Errno::ENODEV, Err(Errno::EPERM)),
        (READ | WRITE | EXECUTE | SEALED, SHARED, R, Errno::ENODEV, Ok(RX)),
        (READ | WRITE | EXECUTE | SEALED, PRIVATE, RW, Errno::ENODEV, Ok(all)),
        (READ | EXECUTE | SEALED, SHARED, R, Errno::ENODEV, Ok(RX)),
    ] {
        let case = format!("{rights:?} {flags:?} {access}");
        let contents = FileContents::Object(object.object());
        assert_eq!(map(&rig, rights, contents, flags, access), object_is, "{case}");
        // What cannot be mapped is refused no sooner and no later.
        assert_eq!(map(&rig, rights, FileContents::Nothing, flags, access), Err(nothing), "{case}");
    }
    assert_eq!(object.mapped(), []);
}

#[test]
fn zeros_are_anonymous_memory() {
    let rig = Rig::new();
    let all = READ | WRITE | EXECUTE;
    assert_eq!(map(&rig, all, FileContents::Zeros, PRIVATE, RW), Ok(AccessType::ALL));
    assert_eq!(map(&rig, all, FileContents::Zeros, SHARED, RW), Ok(AccessType::ALL));
    assert_eq!(map(&rig, READ, FileContents::Zeros, SHARED, R), Ok(R));
    assert_eq!(map(&rig, READ, FileContents::Zeros, SHARED, RW), Err(Errno::EACCES));
    assert_eq!(rig.memory.charged_bytes(), 0);
}
