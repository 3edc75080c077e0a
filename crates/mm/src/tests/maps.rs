//! The text of /proc/PID/maps.

use usermem_types::AccessType;

use super::rig::{R, RW, RX, Rig, page};
use crate::MmapFlags;
use crate::range::PAGE;

#[test]
fn lines_are_those_of_linux() {
    let rig = Rig::new();
    let object = rig.object(4 * PAGE);
    rig.map_object(&object, 0, 2, RX, MmapFlags::PRIVATE).unwrap();
    rig.mm.munmap(page(0), PAGE).unwrap();
    rig.map(2, 1, RW);
    rig.map_with(3, 1, R, MmapFlags::SHARED);
    rig.map(4, 1, AccessType::NONE);
    rig.mm.set_brk_base(page(16)).unwrap();
    rig.mm.brk(page(17));
    rig.mm.map_stack().unwrap();
    let text = String::from_utf8(rig.mm.maps_text()).unwrap();
    let pad = |head: &str, name: &str| format!("{head:<73}{name}\n");
    let expected = [
        pad("10001000-10002000 r-xp 00001000 08:11 42 ", "/test/a\\012b"),
        "10002000-10003000 rw-p 00000000 00:00 0 \n".to_owned(),
        text.lines().nth(2).map(|line| format!("{line}\n")).unwrap(),
        "10004000-10005000 ---p 00000000 00:00 0 \n".to_owned(),
        pad("10010000-10011000 rw-p 00000000 00:00 0 ", "[heap]"),
        pad("7ffffffde000-7ffffffff000 rw-p 00000000 00:00 0 ", "[stack]"),
    ];
    assert_eq!(text, expected.concat());
    assert!(expected[2].starts_with("10003000-10004000 r--s 00000000 00:01 "));
    assert_eq!(expected[2].find("/dev/zero (deleted)"), Some(73));
}
