//! What a processor in software sees of recorded mappings.
#![expect(unsafe_code, reason = "maps a page for each access")]

use std::ptr;

use memmap::AddressSpace;
use rustix::mm::{MapFlags, ProtFlags};
use safecopy::{DstBlock, SrcBlock};
use usermem_types::{AccessType, Addr};

use super::NullAddressSpace;
use super::address_space::Piece;
use crate::soft_cpu::{Refusal, SoftMemory};

/// An access that fails has moved nothing, even when it began on a page that allows it.
impl SoftMemory for NullAddressSpace {
    fn load(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal> {
        self.read(addr, dst, AccessType::READ)
    }

    fn fetch(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal> {
        self.read(addr, dst, AccessType::EXECUTE)
    }

    fn store(&self, addr: Addr, src: &[u8]) -> Result<(), Refusal> {
        let spans = self.walk(addr, src.len(), AccessType::WRITE)?;
        let mut rest = src;
        for span in spans {
            let (now, later) = rest.split_at(span.len);
            // A file that shrinks meanwhile is the test's own doing: it sees a short write.
            if let Some(page) = Page::map(&span, ProtFlags::READ | ProtFlags::WRITE) {
                let _ = safecopy::copy(page.block(), SrcBlock::from_slice(now));
            }
            rest = later;
        }
        Ok(())
    }
}

impl NullAddressSpace {
    fn read(&self, addr: Addr, dst: &mut [u8], access: AccessType) -> Result<(), Refusal> {
        let spans = self.walk(addr, dst.len(), access)?;
        let mut rest = dst;
        for span in spans {
            let (now, later) = rest.split_at_mut(span.len);
            if let Some(page) = Page::map(&span, ProtFlags::READ) {
                let _ = safecopy::copy(DstBlock::from_slice(now), page.block().as_source());
            }
            rest = later;
        }
        Ok(())
    }

    /// Finds the bytes behind an access, checking every page before any byte moves.
    fn walk(&self, addr: Addr, len: usize, access: AccessType) -> Result<Vec<Span>, Refusal> {
        let mut spans = Vec::new();
        let mut at = addr.get();
        let mut left = len as u64;
        while left > 0 {
            let refusal = |denied, bus| Refusal { addr: Addr::new(at), denied, bus };
            let found = self.user_range().contains(Addr::new(at));
            let Some((start, piece)) = found.then(|| self.piece(at)).flatten() else {
                return Err(refusal(false, false));
            };
            if !piece.access.effective().superset_of(access) {
                return Err(refusal(true, false));
            }
            let take = left.min(4096 - at % 4096);
            let offset = piece.offset + (at - start);
            let size = rustix::fs::fstat(&*piece.fd)
                .map_or(0, |stat| u64::try_from(stat.st_size).unwrap_or(0));
            // The last page of a file is there as a whole.
            if offset - offset % 4096 >= size {
                return Err(refusal(false, true));
            }
            let len = usize::try_from(take).unwrap_or(0);
            spans.push(Span { piece, offset, len });
            at += take;
            left -= take;
        }
        Ok(spans)
    }
}

struct Span {
    piece: Piece,
    offset: u64,
    len: usize,
}

/// A page of a file, mapped for one access: what lies behind the end of the file there is memory
/// and no part of the file, which reading and writing the file could not tell.
struct Page<'a> {
    /// Invariant: the start of a mapping of one page, which this value owns.
    start: *mut u8,
    span: &'a Span,
}

/// The size of a page.
const PAGE: usize = 4096;

impl<'a> Page<'a> {
    fn map(span: &'a Span, prot: ProtFlags) -> Option<Self> {
        let offset = span.offset - span.offset % PAGE as u64;
        // SAFETY: a new mapping at an address of the host's choice replaces nothing.
        let start = unsafe {
            rustix::mm::mmap(ptr::null_mut(), PAGE, prot, MapFlags::SHARED, &*span.piece.fd, offset)
        };
        Some(Self { start: start.ok()?.cast(), span })
    }

    /// Returns the bytes of the span.
    fn block(&self) -> DstBlock<'_> {
        // Loses no bits: an offset into a page.
        let start = self.start.wrapping_add((self.span.offset % PAGE as u64) as usize);
        // SAFETY: 1. the span lies in its page, whose mapping lives as long as `self` and holds no
        // Rust object.
        unsafe { DstBlock::from_raw(start, self.span.len) }
    }
}

impl Drop for Page<'_> {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours, and every block of it borrowed `self`.
        let unmapped = unsafe { rustix::mm::munmap(self.start.cast(), PAGE) };
        debug_assert!(unmapped.is_ok(), "our own invariant: a mapping can be removed");
    }
}

#[cfg(test)]
mod tests {
    use memmap::FileRange;
    use usermem_types::AddrRange;

    use super::*;
    use crate::SoftCpu;
    use crate::test_file::TestFile;

    #[test]
    fn accesses_obey_the_recorded_mappings() {
        let file = TestFile::new(4);
        file.write(4096, b"hello");
        let space = NullAddressSpace::new();
        let mut cpu = SoftCpu::new(&space);
        cpu.pc = Addr::new(0x50_0000);
        let at = Addr::new(0x10_0000);
        let mut buffer = [0u8; 5];
        let fault = cpu.load(at, &mut buffer).unwrap_err();
        assert_eq!((fault.addr, fault.denied, fault.bus), (at, false, false));

        let page = FileRange::new(4096, 8192);
        space.map_file(at, &file, page, AccessType::READ, false).unwrap();
        cpu.load(at, &mut buffer).unwrap();
        assert_eq!(&buffer, b"hello");
        let fault = cpu.store(at, b"x").unwrap_err();
        assert_eq!((fault.denied, fault.maybe_execute), (true, false));
        let fault = cpu.fetch(at, &mut buffer).unwrap_err();
        assert_eq!((fault.denied, fault.maybe_execute, fault.pc), (true, true, at));

        space.map_file(at, &file, page, AccessType::READ_WRITE, false).unwrap();
        cpu.store(at, b"J").unwrap();
        assert_eq!(file.read::<5>(4096), *b"Jello");

        space.unmap(AddrRange::new(at, Addr::new(0x10_1000)).unwrap());
        assert!(!cpu.load(at, &mut buffer).unwrap_err().denied);
    }

    #[test]
    fn an_access_over_two_pages_moves_all_or_nothing() {
        let file = TestFile::new(2);
        let space = NullAddressSpace::new();
        let cpu = SoftCpu::new(&space);
        let at = Addr::new(0x10_0000);
        let page = FileRange::new(0, 4096);
        space.map_file(at, &file, page, AccessType::READ_WRITE, false).unwrap();
        let straddle = Addr::new(0x10_0ffe);
        let fault = cpu.store(straddle, b"abcd").unwrap_err();
        assert_eq!(fault.addr, Addr::new(0x10_1000));
        assert_eq!(file.read::<2>(4094), [0, 0]);
    }

    #[test]
    fn pages_beyond_the_end_of_the_file_are_bus_errors() {
        let file = TestFile::new(1);
        let space = NullAddressSpace::new();
        let at = Addr::new(0x10_0000);
        space.map_file(at, &file, FileRange::new(0, 8192), AccessType::READ, false).unwrap();
        let mut byte = [0];
        assert!(SoftCpu::new(&space).load(at, &mut byte).is_ok());
        let fault = SoftCpu::new(&space).load(Addr::new(0x10_1000), &mut byte).unwrap_err();
        assert!(fault.bus);
    }
}
