//! The text of `/proc/PID/smaps`.

use std::io::Write;

use memfile::MemoryFile;
use rangeset::KeyRange;

use crate::MemoryManager;
use crate::active::Active;
use crate::huge::may_have_huge_pages;
use crate::maps::append_line;
use crate::range::PAGE;
use crate::translate::wants_huge_pages;
use crate::vma::{Vma, VmaFlags};

/// The flags of vmas that have names of their own in `VmFlags`, in the order of Linux's bits.
const FLAG_NAMES: &[(VmaFlags, &str)] = &[
    (VmaFlags::GROWSDOWN, "gd"),
    (VmaFlags::LOCKED, "lo"),
    (VmaFlags::SEQUENTIAL, "sr"),
    (VmaFlags::RANDOM, "rr"),
    (VmaFlags::DONTFORK, "dc"),
    (VmaFlags::LOCK_ON_FAULT, "lf"),
    (VmaFlags::ACCOUNT, "ac"),
    (VmaFlags::NORESERVE, "nr"),
    (VmaFlags::WIPEONFORK, "wf"),
    (VmaFlags::DONTDUMP, "dd"),
    (VmaFlags::HUGEPAGE, "hg"),
    (VmaFlags::NOHUGEPAGE, "nh"),
    (VmaFlags::MERGEABLE, "mg"),
    (VmaFlags::SEALED, "sl"),
];

impl MemoryManager {
    /// Returns the mappings as `/proc/PID/smaps` lists them.
    ///
    /// Resident are decided pages that have memory, of which the host is asked for each; nothing is
    /// known of how many share them.
    #[must_use]
    pub fn smaps_text(&self) -> Vec<u8> {
        let mapping = self.mapping.read();
        let active = self.active.read();
        let mut text = Vec::new();
        for (range, vma) in mapping.vmas.iter() {
            append_line(&mut text, &mapping, range, vma);
            let huge = vma.object.is_none()
                && wants_huge_pages(&mapping, vma)
                && may_have_huge_pages(&mapping, range, vma);
            append_details(&mut text, (&active, &self.memory), range, vma, huge);
        }
        text
    }
}

fn append_details(
    text: &mut Vec<u8>,
    (active, memory): (&Active, &MemoryFile),
    range: KeyRange,
    vma: &Vma,
    huge: bool,
) {
    let (mut resident, mut private) = (0, 0);
    // As in Linux, zeros that all share count nowhere.
    for (held, pma) in active.pmas.iter_in(range).filter(|(_, pma)| !pma.is_zeros(memory)) {
        let pages = pma.pages(held, held.intersect(range));
        let len = pma.file.file().resident_bytes(pages, PAGE);
        resident += len;
        private += if pma.private { len } else { 0 };
    }
    let locked = if vma.is_locked() { resident } else { 0 };
    for (name, bytes) in [
        ("Size:", range.len()),
        ("KernelPageSize:", PAGE),
        ("MMUPageSize:", PAGE),
        ("Rss:", resident),
        ("Pss:", resident),
        ("Shared_Clean:", 0),
        ("Shared_Dirty:", 0),
        ("Private_Clean:", resident - private),
        ("Private_Dirty:", private),
        ("Referenced:", resident),
        ("Anonymous:", private),
        ("Swap:", 0),
        ("Locked:", locked),
    ] {
        // Writing to a vector does not fail.
        let _ = writeln!(text, "{name:<16}{:>8} kB", bytes >> 10);
    }
    let _ = writeln!(text, "{:<16}{:>8}", "THPeligible:", u8::from(huge));
    text.extend_from_slice(b"VmFlags:");
    for (is_set, name) in [
        (vma.real.read(), "rd"),
        (vma.real.write(), "wr"),
        (vma.real.execute(), "ex"),
        (vma.may_write_object(), "sh"),
        (vma.max.read(), "mr"),
        (vma.max.write(), "mw"),
        (vma.max.execute(), "me"),
        (!vma.is_private(), "ms"),
    ] {
        append_flag(text, is_set, name);
    }
    for (flag, name) in FLAG_NAMES {
        append_flag(text, vma.flags.contains(*flag), name);
    }
    text.push(b'\n');
}

fn append_flag(text: &mut Vec<u8>, is_set: bool, name: &str) {
    if is_set {
        text.push(b' ');
        text.extend_from_slice(name.as_bytes());
    }
}
