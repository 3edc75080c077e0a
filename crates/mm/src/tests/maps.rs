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

/// What is decided around a touched page is not resident.
#[test]
fn touched_pages_are_resident() {
    let rig = Rig::new();
    rig.map(0, 600, RW);
    rig.store(page(3), b"x").unwrap();
    rig.store(page(550), b"x").unwrap();
    let values = |name: &str| {
        let text = String::from_utf8(rig.mm.smaps_text()).unwrap();
        let lines = text.lines().filter_map(|line| line.strip_prefix(name));
        lines.map(|value| value.trim().to_owned()).collect::<Vec<_>>()
    };
    for name in ["Rss:", "Pss:", "Private_Dirty:", "Anonymous:"] {
        assert_eq!(values(name), ["8 kB"], "{name}");
    }
    assert_eq!(rig.mm.usage().rss_bytes, 600 * PAGE);
    assert_eq!(values("THPeligible:"), ["0"]);
    let (window, small) = (page(0), page(4096));
    rig.map(4096, 511, RW);
    for start in [window, small] {
        rig.mm.madvise(start, 511 * PAGE, 14).unwrap();
    }
    // The rest of the first mapping, which was not advised, has no room for a huge page.
    assert_eq!(values("THPeligible:"), ["0", "0", "0"]);
    rig.mm.madvise(window, 600 * PAGE, 14).unwrap();
    assert_eq!(values("THPeligible:"), ["1", "0"]);
    rig.mm.set_thp_disable(1, 0).unwrap();
    assert_eq!(values("THPeligible:"), ["0", "0"]);
}
