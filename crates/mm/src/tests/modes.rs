//! What a program set for all of its memory, and what its children have of it. The answers
//! themselves are compared with the host's by whole programs.

use usermem_types::{AccessType, Errno};

use super::fork::fork;
use super::rig::{R, RW, RX, Rig, page};
use crate::range::PAGE;
use crate::{MmapFlags, MmapRequest, Privileges};

const RWX: AccessType = AccessType::ALL;
const PROT_RX: u32 = 5;
const GET_REGISTRATIONS: u32 = 1 << 9;
const REGISTER_SYNC_CORE: u32 = 1 << 6;

fn map_all(rig: &Rig) -> Result<(), Errno> {
    let flags = MmapFlags::FIXED;
    rig.mm.mmap(MmapRequest::anonymous(page(8), PAGE, RWX, flags)).map(|_| ())
}

#[test]
fn a_refused_mapping_leaves_what_was_there() {
    let rig = Rig::new();
    rig.map(8, 1, RW);
    rig.store(page(8), b"x").unwrap();
    rig.mm.set_mdwe(1).unwrap();
    assert_eq!(map_all(&rig), Err(Errno::EACCES));
    assert_eq!(rig.load(page(8)), Ok(b'x'));
    rig.check();
}

#[test]
fn what_comes_before_the_refusal_is_protected() {
    let rig = Rig::new();
    rig.map(0, 1, RX);
    rig.map(1, 1, RW);
    rig.mm.set_mdwe(1).unwrap();
    assert_eq!(rig.mm.mprotect(page(0), 2 * PAGE, PROT_RX), Err(Errno::EACCES));
    assert_eq!(rig.mm.mprotect(page(0), 2 * PAGE, 1), Ok(()));
    assert_eq!(rig.shape(), "0-1:r-- 1-2:r--", "only one counts as committed");
}

#[test]
fn children_are_held_to_it_unless_it_says_otherwise() {
    for (bits, of_child) in [(0, 0), (1, 1), (3, 0)] {
        let rig = Rig::new();
        rig.mm.set_mdwe(bits).unwrap();
        let child = fork(&rig).unwrap();
        assert_eq!((rig.mm.mdwe(), child.mm.mdwe()), (bits, of_child));
        assert_eq!(map_all(&child).is_err(), of_child != 0);
        let grandchild = fork(&child).unwrap();
        assert_eq!(grandchild.mm.mdwe(), of_child);
    }
}

#[test]
fn children_have_the_other_modes() {
    let rig = Rig::new();
    rig.mm.membarrier(REGISTER_SYNC_CORE, 0).unwrap();
    rig.mm.set_memory_merge(1);
    rig.mm.set_thp_disable(1, 2).unwrap();
    let child = fork(&rig).unwrap();
    assert_eq!(child.mm.membarrier(GET_REGISTRATIONS, 0), Ok(REGISTER_SYNC_CORE | 1 << 4));
    assert_eq!((child.mm.memory_merge(), child.mm.thp_disable()), (1, 3));
    child.mm.set_memory_merge(0);
    assert_eq!(rig.mm.memory_merge(), 1);
}

#[test]
fn no_limit_on_locks_applies_to_the_privileged() {
    let rig = Rig::new();
    rig.map(0, 2, R);
    rig.mm.limits().memlock.set(0);
    assert_eq!(rig.mm.mlock(page(0), PAGE, 0), Err(Errno::EPERM));
    assert_eq!(rig.mm.mlockall(1), Err(Errno::EPERM));
    rig.mm.limits().set_privileges(Privileges::LOCK);
    assert_eq!(rig.mm.mlock(page(0), PAGE, 0), Ok(()));
    assert_eq!(rig.mm.mlockall(3), Ok(()));
    assert_eq!(rig.mm.usage().locked_bytes, 2 * PAGE);
    rig.map(4, 1, R);
    assert_eq!(rig.mm.usage().locked_bytes, 3 * PAGE);
    assert_eq!(fork(&rig).unwrap().mm.limits().privileges(), Privileges::LOCK);
    rig.check();
}

#[test]
fn others_are_granted_what_is_written_and_not_what_it_implies() {
    let rig = Rig::new();
    rig.map(0, 1, AccessType::WRITE);
    assert!(rig.mm.grants(page(0), AccessType::WRITE));
    assert!(!rig.mm.grants(page(0), AccessType::READ));
    assert!(!rig.mm.grants(page(1), AccessType::NONE), "nothing is mapped");
    assert_eq!(rig.peek(page(0)), Ok(0), "the program itself reads it");
}
