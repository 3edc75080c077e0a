//! Memory policies. Modes, masks and errors are compared with the host's by whole programs; here
//! is what needs a fork, or a privilege that may not be had.

use usermem_types::{Addr, Errno};

use super::fork::fork;
use super::rig::{RW, Rig, page};
use crate::range::PAGE;
use crate::{NodeSet, PolicyMode, Privileges};

const BIND: u32 = 2;
const F_ADDR: u64 = 2;
const MF_MOVE_ALL: u32 = 4;
const NONE: NodeSet = NodeSet { low: 0, beyond: false };
const OTHER: NodeSet = NodeSet { low: 2, beyond: false };
const FAR: NodeSet = NodeSet { low: 1, beyond: true };

fn bind() -> PolicyMode {
    PolicyMode::from_raw(BIND).unwrap()
}

#[test]
fn policies_are_of_mappings_and_inherited() {
    let rig = Rig::new();
    rig.map(0, 3, RW);
    rig.mm.mbind(page(1), PAGE, bind(), NodeSet::ONLY, 0).unwrap();
    let child = fork(&rig).unwrap();
    for rig in [&rig, &child] {
        assert_eq!(rig.shape(), "0-1:rw- 1-2:rw- 2-3:rw-");
        assert_eq!(rig.mm.get_mempolicy(None, page(1), F_ADDR), Ok((BIND, NodeSet::ONLY)));
        assert_eq!(rig.mm.get_mempolicy(None, page(2), F_ADDR), Ok((0, NONE)));
    }
    assert_eq!(rig.mm.get_mempolicy(None, Addr::ZERO, F_ADDR), Err(Errno::EFAULT));
    rig.check();
}

#[test]
fn a_name_and_a_policy_live_side_by_side() {
    let rig = Rig::new();
    rig.map(0, 2, RW);
    rig.mm.mbind(page(0), 2 * PAGE, bind(), NodeSet::ONLY, 0).unwrap();
    rig.mm.set_anon_name(page(0), PAGE, Some(b"x")).unwrap();
    assert_eq!(rig.mm.get_mempolicy(None, page(0), F_ADDR), Ok((BIND, NodeSet::ONLY)));
    assert_eq!(rig.shape(), "0-1:rw- 1-2:rw-");
    rig.mm.set_anon_name(page(0), PAGE, None).unwrap();
    assert_eq!(rig.shape(), "0-2:rw-");
}

#[test]
fn placing_the_pages_of_others_is_a_privilege() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    let move_all = || rig.mm.mbind(page(0), PAGE, bind(), NodeSet::ONLY, MF_MOVE_ALL);
    assert_eq!(move_all(), Err(Errno::EPERM));
    assert_eq!(rig.mm.check_move_pages(MF_MOVE_ALL), Err(Errno::EPERM));
    assert_eq!(rig.mm.check_move_pages(MF_MOVE_ALL | 1), Err(Errno::EINVAL));
    let migrated = |to| rig.mm.migrate_pages(to);
    assert_eq!([NodeSet::ONLY, NONE].map(migrated), [Ok(0), Err(Errno::EINVAL)]);
    assert_eq!([OTHER, FAR].map(migrated), [Err(Errno::EPERM), Err(Errno::EPERM)]);
    rig.mm.limits().set_privileges(Privileges::PLACE);
    assert_eq!(move_all(), Ok(()));
    assert_eq!(rig.mm.check_move_pages(MF_MOVE_ALL), Ok(()));
    assert_eq!([OTHER, FAR].map(migrated), [Err(Errno::EINVAL), Ok(0)]);
}

#[test]
fn a_page_has_a_node_once_it_is_there() {
    let rig = Rig::new();
    rig.map(0, 1, RW);
    rig.mm.munmap(page(0), PAGE).unwrap();
    assert_eq!(rig.mm.node_of_page(page(0)), Err(Errno::EFAULT));
    rig.map(0, 1, super::rig::R);
    assert_eq!(rig.mm.node_of_page(page(0)), Err(Errno::ENOENT));
    rig.load(page(0)).unwrap();
    // As in Linux, zeros that all share are no page.
    assert_eq!(rig.mm.node_of_page(page(0)), Err(Errno::EFAULT));
    rig.mm.mprotect(page(0), PAGE, 3).unwrap();
    rig.store(page(0), b"x").unwrap();
    assert_eq!(rig.mm.node_of_page(page(0)), Ok(0));
    // What was decided with it and never touched is not there.
    rig.map(4, 2, RW);
    rig.store(page(4), b"x").unwrap();
    let nodes = [4, 5].map(|index| rig.mm.node_of_page(page(index)));
    assert_eq!(nodes, [Ok(0), Err(Errno::ENOENT)]);
}
