//! Places for blocks that end, or go on, where memory may not be accessed any more.

use safecopy::{DstBlock, HostFault, SrcBlock, copy};
use testkit::ModelHost;
use testkit::stream_strategies::Shape;
use usermem_types::FaultKind;

const PAGE: usize = 4096;

/// Pages that may be accessed, each before one that may not.
pub(crate) struct Slots {
    base: *mut u8,
    count: usize,
}

impl Slots {
    pub(crate) fn new(count: usize) -> Self {
        safecopy::init().expect("the handler can be installed");
        // SAFETY: the kernel chooses an address where nothing is.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                2 * PAGE * count,
                libc::PROT_NONE,
                libc::MAP_PRIVATE | libc::MAP_ANONYMOUS,
                -1,
                0,
            )
        };
        assert_ne!(base, libc::MAP_FAILED);
        let this = Self { base: base.cast(), count };
        for index in 0..count {
            let page = this.edge(index).wrapping_sub(PAGE);
            // SAFETY: the page is ours, and no Rust object is in it.
            let result =
                unsafe { libc::mprotect(page.cast(), PAGE, libc::PROT_READ | libc::PROT_WRITE) };
            assert_eq!(result, 0);
        }
        this
    }

    /// Returns the end of the memory of a slot.
    fn edge(&self, index: usize) -> *mut u8 {
        assert!(index < self.count);
        self.base.wrapping_add((2 * index + 1) * PAGE)
    }

    /// Returns the fault at the first byte of a slot that may not be accessed.
    pub(crate) fn fault(&self, index: usize) -> HostFault {
        HostFault { kind: FaultKind::Protection, addr: self.edge(index).addr() }
    }

    /// Returns a block whose good bytes are the last ones of a slot.
    pub(crate) fn dst(&self, index: usize, good: usize, bad: usize) -> DstBlock<'_> {
        assert!(good <= PAGE && bad <= PAGE);
        // SAFETY: the two pages hold no Rust object.
        unsafe { DstBlock::from_raw(self.edge(index).wrapping_sub(good), good + bad) }
    }

    /// Returns such a block whose good bytes are `bytes`.
    pub(crate) fn src(&self, index: usize, bytes: &[u8], bad: usize) -> SrcBlock<'_> {
        let block = self.dst(index, bytes.len(), bad).as_source();
        assert_eq!(
            copy(self.dst(index, bytes.len(), 0), SrcBlock::from_slice(bytes)),
            Ok(bytes.len())
        );
        block
    }

    /// Returns the last `len` bytes of a slot.
    pub(crate) fn read(&self, index: usize, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        let src = self.dst(index, len, 0).as_source();
        assert_eq!(copy(DstBlock::from_slice(&mut bytes), src), Ok(len));
        bytes
    }

    /// Returns blocks of these shapes in the slots from `first`, filled with bytes that differ, of
    /// which the model is told.
    pub(crate) fn blocks(
        &self,
        first: usize,
        shapes: &[Shape],
        host: &mut ModelHost,
    ) -> Vec<DstBlock<'_>> {
        let block = |(index, shape): (usize, &Shape)| {
            let bytes: Vec<u8> = (0..shape.good).map(|at| (index * 37 + at) as u8 ^ 0x80).collect();
            let block = self.src(index, &bytes, shape.bad);
            host.insert(block.addr(), &bytes);
            self.dst(index, shape.good, shape.bad)
        };
        (first..).zip(shapes).map(block).collect()
    }

    /// Checks that memory is what the model says.
    #[track_caller]
    pub(crate) fn assert_same(&self, host: &ModelHost) {
        for (addr, expected) in host.bytes() {
            let offset = addr - self.base.addr();
            let index = offset / (2 * PAGE);
            let before = PAGE - offset % (2 * PAGE);
            let mut byte = [0];
            let src = self.dst(index, before, 0).as_source();
            assert_eq!(copy(DstBlock::from_slice(&mut byte), src), Ok(1));
            assert_eq!(byte, [expected], "slot {index}, {before} bytes before its end");
        }
    }
}

impl Drop for Slots {
    fn drop(&mut self) {
        // SAFETY: the pages are ours, and nothing uses them any more.
        let result = unsafe { libc::munmap(self.base.cast(), 2 * PAGE * self.count) };
        assert_eq!(result, 0);
    }
}
