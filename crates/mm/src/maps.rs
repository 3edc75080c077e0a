//! The text of `/proc/PID/maps`.

use std::io::Write;

use rangeset::KeyRange;

use crate::MemoryManager;
use crate::mapping::Mapping;
use crate::vma::Vma;

/// The column in which names start.
const NAME_COLUMN: usize = 73;

impl MemoryManager {
    /// Returns the mappings as `/proc/PID/maps` lists them.
    #[must_use]
    pub fn maps_text(&self) -> Vec<u8> {
        let mapping = self.mapping.read();
        let mut text = Vec::new();
        for (range, vma) in mapping.vmas.iter() {
            append_line(&mut text, &mapping, range, vma);
        }
        text
    }
}

pub(crate) fn append_line(text: &mut Vec<u8>, mapping: &Mapping, range: KeyRange, vma: &Vma) {
    let start = text.len();
    let sharing = if vma.is_private() { 'p' } else { 's' };
    let (device, inode) = match &vma.object {
        Some(object) => (object.identity.device(), object.identity.inode()),
        None => ((0, 0), 0),
    };
    // Writing to a vector does not fail.
    let _ = write!(
        text,
        "{:08x}-{:08x} {}{sharing} {:08x} {:02x}:{:02x} {inode} ",
        range.start, range.end, vma.real, vma.offset, device.0, device.1,
    );
    if let Some(name) = name(mapping, range, vma) {
        let width = text.len() - start;
        text.resize(start + width.max(NAME_COLUMN), b' ');
        for byte in name {
            match byte {
                b'\n' => text.extend_from_slice(b"\\012"),
                _ => text.push(byte),
            }
        }
    }
    text.push(b'\n');
}

fn name(mapping: &Mapping, range: KeyRange, vma: &Vma) -> Option<Vec<u8>> {
    let given = vma.rare().name.as_ref();
    if let Some(object) = &vma.object {
        let shown = given.map(|given| given.shown_as(b"anon_shmem"));
        return Some(shown.unwrap_or_else(|| object.identity.name()));
    }
    let brk = mapping.brk;
    if range.start < brk.end && range.end > brk.start {
        return Some(b"[heap]".to_vec());
    }
    let stack = mapping.stack;
    if stack != 0 && range.start <= stack && stack <= range.end {
        return Some(b"[stack]".to_vec());
    }
    given.map(|given| given.shown_as(b"anon"))
}
