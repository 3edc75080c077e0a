//! Tables of sizes, places and bytes that follow from nothing but their length.

/// A sequence of numbers that looks random and is the same in every run.
#[derive(Debug)]
pub(crate) struct Numbers(u64);

impl Numbers {
    pub(crate) fn new() -> Self {
        Self(0x9e37_79b9_7f4a_7c15)
    }

    /// Returns a number below `bound`, which is small.
    pub(crate) fn below(&mut self, bound: usize) -> usize {
        // xorshift64; the high half is the better one.
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 32) as usize % bound
    }
}

/// Returns bytes that differ from their neighbours.
pub(crate) fn bytes(len: usize) -> Vec<u8> {
    let mut numbers = Numbers::new();
    (0..len).map(|_| numbers.below(255) as u8).collect()
}

/// Bytes that start at a multiple of a page, or so far behind one.
#[derive(Debug)]
pub(crate) struct Buffer {
    bytes: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// Makes `len` bytes, `offset` behind a page's start, none of which is one of [`bytes`].
    pub(crate) fn new(len: usize, offset: usize) -> Self {
        let bytes = vec![0xff; len + offset + 4096];
        let start = bytes.as_ptr().align_offset(4096) + offset;
        Self { bytes, start, len }
    }

    /// Makes a copy of `contents`, `offset` behind a page's start.
    pub(crate) fn holding(contents: &[u8], offset: usize) -> Self {
        let mut buffer = Self::new(contents.len(), offset);
        buffer.get_mut().copy_from_slice(contents);
        buffer
    }

    pub(crate) fn get(&self) -> &[u8] {
        &self.bytes[self.start..self.start + self.len]
    }

    pub(crate) fn get_mut(&mut self) -> &mut [u8] {
        &mut self.bytes[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buffers_start_where_they_say() {
        for offset in [0, 13, 64] {
            let buffer = Buffer::holding(&bytes(100), offset);
            assert_eq!(buffer.get().as_ptr() as usize % 4096, offset);
            assert_eq!(buffer.get(), bytes(100));
            assert!(!buffer.get().contains(&0xff));
        }
    }
}
