//! Stacks.

use usermem_io::Io;
use usermem_types::Addr;

use super::rig::{CHECKED, NONE, POKE, RW, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

fn below(addr: Addr, pages: u64) -> Addr {
    addr.checked_sub(pages * PAGE).unwrap()
}

#[test]
fn the_first_stack_grows_to_its_limit() {
    let rig = Rig::new();
    let stack = rig.mm.map_stack().unwrap();
    assert_eq!((stack.len(), stack.end()), (33 * PAGE, rig.mm.layout().stack_top));
    assert!(String::from_utf8(rig.mm.maps_text()).unwrap().contains("[stack]"));
    rig.store(below(stack.start(), 1), b"x").unwrap();
    assert_eq!(rig.mm.usage().stack_bytes, 34 * PAGE);
    rig.store(below(stack.start(), 100), b"x").unwrap();
    assert_eq!((rig.mm.usage().stack_bytes, rig.mm.usage().mappings), (133 * PAGE, 1));
    let limit = 2048;
    let deepest = below(stack.end(), limit);
    assert_eq!(rig.store(below(deepest, 1), b"x").unwrap_err().code, 1);
    rig.store(deepest, b"x").unwrap();
    assert_eq!(rig.mm.usage().stack_bytes, limit * PAGE);
    rig.check();
}

#[test]
fn the_kernel_grows_a_stack_too_and_a_debugger_does_not() {
    let rig = Rig::new();
    let stack = rig.mm.map_stack().unwrap();
    let start = below(stack.start(), 5);
    assert_eq!(rig.mm.copy_out(start, &[1; 8], POKE).unwrap_err().done, 0);
    assert_eq!(rig.mm.copy_out(start, &[1; 3 * 4096], CHECKED), Ok(3 * 4096));
    assert_eq!(rig.mm.usage().stack_bytes, 38 * PAGE);
    rig.check();
}

#[test]
fn a_guard_gap_stays_free() {
    let rig = Rig::new();
    rig.map_with(1000, 2, RW, MmapFlags::PRIVATE | MmapFlags::GROWSDOWN);
    rig.map(500, 1, RW);
    assert_eq!(rig.store(page(756), b"x").unwrap_err().code, 1);
    rig.store(page(757), b"x").unwrap();
    assert_eq!(rig.shape(), "500-501:rw- 757-1002:rw-");
    // What cannot be touched needs no distance.
    rig.map(500, 1, NONE);
    rig.store(page(600), b"x").unwrap();
    // Hints keep away from it as well.
    let hint = crate::MmapRequest::anonymous(page(550), PAGE, RW, MmapFlags::empty());
    assert_ne!(rig.mm.mmap(hint.clone()).unwrap(), page(550));
    let fixed = crate::MmapRequest { flags: hint.flags | MmapFlags::FIXED_NOREPLACE, ..hint };
    assert_eq!(rig.mm.mmap(fixed), Ok(page(550)));
    rig.check();
}

#[test]
fn growth_counts_against_every_limit() {
    let rig = Rig::with_limit(Some(40 * PAGE));
    let stack = rig.mm.map_stack().unwrap();
    assert_eq!(rig.memory.charged_bytes(), 33 * PAGE);
    assert_eq!(rig.store(below(stack.start(), 8), b"x").unwrap_err().signal, 11);
    rig.store(below(stack.start(), 7), b"x").unwrap();
    assert_eq!(rig.memory.charged_bytes(), 40 * PAGE);
    rig.check();
}
