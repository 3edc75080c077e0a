//! A memory file with more used than free, where nothing is made present that nobody asked for.

use memfile::AllocOpts;
use usermem_io::Io;

use super::rig::{CHECKED, R, Rig, page};
use crate::range::PAGE;

#[test]
fn pages_between_others_are_made_present_alone() {
    let rig = Rig::new();
    let used = rig.memory.capacity() / 2 + PAGE;
    let _others = rig.memory.allocate(used, AllocOpts::default()).unwrap();
    rig.map(0, 8, R);
    rig.mm.mprotect(page(0), 8 * PAGE, 3).unwrap();
    rig.store(page(3), b"there").unwrap();
    // Pages on both sides of the one that is there, in one copy.
    let bytes = vec![7; 4 * PAGE as usize];
    assert_eq!(rig.mm.copy_out(page(1), &bytes, CHECKED), Ok(bytes.len()));
    for index in 1..5 {
        assert_eq!(rig.load(page(index)), Ok(7), "page {index}");
    }
    rig.check();
}
