//! The files that scripts map.

use crate::window::PAGE;

/// A file, by its name and the number that stands for it.
pub(crate) struct FileSpec {
    pub(crate) name: &'static str,
    pub(crate) bytes: u64,
}

/// The files: whole pages, and one that ends inside a page.
pub(crate) const FILES: [FileSpec; 2] =
    [FileSpec { name: "a", bytes: 4 * PAGE }, FileSpec { name: "b", bytes: 3 * PAGE + 100 }];

/// Bytes that are harmless instructions of their own.
pub(crate) const BYTES: [u8; 12] =
    [0x90, 0x91, 0x92, 0x93, 0x95, 0x96, 0x97, 0x98, 0x99, 0xf5, 0xf8, 0xf9];

/// The most bytes that one step copies.
pub(crate) const COPY_MAX: u64 = 64 * PAGE;

/// Returns so many bytes of which each page differs from the others.
pub(crate) fn pattern(bytes: u64, first: usize) -> Vec<u8> {
    let mut pattern = vec![0; bytes as usize];
    for (page, bytes) in pattern.chunks_mut(PAGE as usize).enumerate() {
        bytes.fill(BYTES[(first + page) % BYTES.len()]);
    }
    pattern
}

/// Returns a sum of bytes that depends on their order.
pub(crate) fn sum(bytes: &[u8]) -> u32 {
    let mix = |sum: u32, byte: &u8| (sum ^ u32::from(*byte)).wrapping_mul(0x0100_0193);
    bytes.iter().fold(0x811c_9dc5, mix)
}
