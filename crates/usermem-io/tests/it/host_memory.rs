//! An address space of real pages, where the processor finds the faults.

#![expect(unsafe_code, reason = "maps memory that faults")]

use std::fs::File;
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicUsize, Ordering};

use safecopy::{
    DstBlock, DstBlockSeq, HostFault, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer,
};
use testkit::{Area, Layout, ModelMemory};
use usermem_io::{Io, IoCause, IoOpts, finish_stream};
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

pub(crate) const PAGE: usize = 4096;

/// What a page is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Page {
    Hole,
    NoAccess,
    ReadOnly,
    ReadWrite,
    /// Beyond the end of its file. Never read-only as well: which of the two an exchange finds
    /// first is the processor's choice.
    Missing,
}

impl Page {
    pub(crate) const ALL: [Self; 5] =
        [Self::Hole, Self::NoAccess, Self::ReadOnly, Self::ReadWrite, Self::Missing];

    fn access(self) -> AccessType {
        match self {
            Self::Hole | Self::NoAccess => AccessType::NONE,
            Self::ReadOnly => AccessType::READ,
            Self::ReadWrite | Self::Missing => AccessType::READ_WRITE,
        }
    }

    fn is_missing(self) -> bool {
        self == Self::Missing
    }
}

/// Real pages, one after the other, of which the first is at address zero of the address space.
///
/// What is asked of them is asked of the processor; only what lies behind them is not.
pub(crate) struct HostMemory {
    base: *mut u8,
    pages: Vec<Page>,
    file: File,
}

impl HostMemory {
    pub(crate) fn new(pages: &[Page], content: &[u8]) -> Self {
        safecopy::init().expect("the handler can be installed");
        // Far from where the kernel puts what other threads map, so that a hole stays one; and
        // from where AddressSanitizer keeps its shadow.
        static NEXT: AtomicUsize = AtomicUsize::new(0x2000_0000_0000);
        let len = pages.len() * PAGE;
        assert_eq!(content.len(), len);
        let addr = NEXT.fetch_add(len + PAGE, Ordering::Relaxed);
        let file = memfd();
        file.write_all_at(content, 0).unwrap();
        let base: *mut u8 = std::ptr::without_provenance_mut(addr);
        let this = Self { base, pages: pages.to_vec(), file };
        for (index, page) in pages.iter().enumerate().filter(|(_, page)| **page != Page::Hole) {
            let offset = if page.is_missing() { len + index * PAGE } else { index * PAGE };
            // SAFETY: the call fails where something is.
            let mapped = unsafe {
                libc::mmap(
                    base.wrapping_add(index * PAGE).cast(),
                    PAGE,
                    page.access().prot().cast_signed(),
                    libc::MAP_SHARED | libc::MAP_FIXED_NOREPLACE,
                    this.file.as_raw_fd(),
                    offset as libc::off_t,
                )
            };
            assert_eq!(mapped.addr(), addr + index * PAGE);
        }
        this
    }

    /// Returns the model of the same memory.
    pub(crate) fn model(&self) -> ModelMemory {
        let area = |(index, page): (usize, &Page)| {
            let start = Addr::new((index * PAGE) as u64);
            (*page != Page::Hole).then(|| Area {
                range: start.to_range(PAGE as u64).unwrap(),
                access: page.access(),
                max_access: page.access(),
                fault: page.is_missing().then_some(FaultKind::Bus),
            })
        };
        let areas: Vec<Area> = self.pages.iter().enumerate().filter_map(area).collect();
        let model = ModelMemory::new(&Layout::new(areas.clone()));
        for area in areas.iter().filter(|area| area.fault.is_none()) {
            let mut content = [0; PAGE];
            self.file.read_exact_at(&mut content, area.range.start().get()).unwrap();
            model.fill(area.range.start(), &content);
        }
        model
    }

    /// Returns what the file holds of what is mapped, and zeros for what is missing.
    pub(crate) fn content(&self) -> Vec<u8> {
        let mapped = self.pages.iter().enumerate().filter(|(_, page)| **page != Page::Hole);
        let page = |(index, page): (usize, &Page)| {
            let mut content = [0; PAGE];
            if !page.is_missing() {
                self.file.read_exact_at(&mut content, (index * PAGE) as u64).unwrap();
            }
            content
        };
        mapped.flat_map(page).collect()
    }

    fn len(&self) -> usize {
        self.pages.len() * PAGE
    }

    /// Returns the part of a range that lies in the pages, and the fault of what does not.
    fn block(&self, addr: Addr, len: usize) -> (DstBlock<'_>, Option<Fault>) {
        let size = self.len() as u64;
        let start = addr.get().min(size);
        let valid = (len as u64).min(size - start) as usize;
        let at = self.base.wrapping_add(start as usize);
        // SAFETY: 1. the pages hold no Rust object while they are borrowed.
        let block = unsafe { DstBlock::from_raw(at, valid) };
        let behind = Addr::new(addr.get().max(size));
        (block, (valid < len).then(|| Fault::new(FaultKind::Unmapped, behind)))
    }

    fn fault(&self, host: HostFault) -> Fault {
        Fault::new(host.kind, Addr::new(host.addr.wrapping_sub(self.base.addr()) as u64))
    }

    fn finish(&self, copied: Transfer<HostFault>, left_out: Option<Fault>) -> Transfer {
        let done = copied.map_err(|partial| partial.map_cause(|host| self.fault(host)))?;
        left_out.map_or(Ok(done), |fault| Err(Partial::new(done, fault)))
    }

    /// Returns the blocks of the longest prefix that `probe` can touch a byte of each page of.
    fn prefix(
        &self,
        ranges: AddrRangeSeq<'_>,
        probe: impl Fn(&Self, Addr) -> Result<(), HostFault>,
    ) -> (Vec<DstBlock<'_>>, Option<Fault>) {
        let mut blocks = Vec::new();
        for range in ranges {
            for piece in by_pages(range, self.len() as u64) {
                let (block, fault) = self.block(piece.start(), piece.len() as usize);
                let probed = |host: HostFault| Fault::new(host.kind, piece.start());
                let fault = fault.or_else(|| probe(self, piece.start()).err().map(probed));
                if fault.is_some() {
                    return (blocks, fault);
                }
                blocks.push(block);
            }
        }
        (blocks, None)
    }

    fn probe_read(&self, addr: Addr) -> Result<(), HostFault> {
        let (byte, _) = self.block(addr, 1);
        let copied = safecopy::copy(DstBlock::from_slice(&mut [0]), byte.as_source());
        copied.map(|_| ()).map_err(|partial| partial.cause)
    }

    /// Writes what is there already, without reading it first.
    fn probe_write(&self, addr: Addr) -> Result<(), HostFault> {
        let (word, _) = self.block(Addr::new(addr.get() & !3), 4);
        safecopy::atomic::compare_exchange(word, 0u32, 0).map(|_| ())
    }
}

/// Splits a range where pages end; what is behind `end` is one piece.
fn by_pages(range: AddrRange, end: u64) -> Vec<AddrRange> {
    let mut left = range;
    let mut pieces = Vec::new();
    while !left.is_empty() {
        let start = left.start().get();
        let room = if start < end { PAGE as u64 - start % PAGE as u64 } else { u64::MAX };
        pieces.push(left.take_first(room));
        left = left.drop_first(room);
    }
    pieces
}

impl Io for HostMemory {
    fn copy_out(&self, addr: Addr, src: &[u8], _: IoOpts) -> Transfer {
        let (block, fault) = self.block(addr, src.len());
        self.finish(safecopy::copy(block, SrcBlock::from_slice(src)), fault)
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], _: IoOpts) -> Transfer {
        let (block, fault) = self.block(addr, dst.len());
        self.finish(safecopy::copy(DstBlock::from_slice(dst), block.as_source()), fault)
    }

    fn zero_out(&self, addr: Addr, len: usize, _: IoOpts) -> Transfer {
        let (block, fault) = self.block(addr, len);
        self.finish(safecopy::zero(block), fault)
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        let (blocks, fault) = self.prefix(ranges, Self::probe_write);
        let dsts = DstBlockSeq::from_slice(&blocks);
        let streamed: Transfer<StreamError> =
            if dsts.is_empty() { Ok(0) } else { reader.read_to_blocks(dsts) };
        finish_stream(streamed, ranges, dsts.num_bytes(), fault)
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        _: IoOpts,
    ) -> Transfer<IoCause> {
        let (blocks, fault) = self.prefix(ranges, Self::probe_read);
        let blocks: Vec<_> = blocks.into_iter().map(DstBlock::as_source).collect();
        let srcs = SrcBlockSeq::from_slice(&blocks);
        let streamed: Transfer<StreamError> =
            if srcs.is_empty() { Ok(0) } else { writer.write_from_blocks(srcs) };
        finish_stream(streamed, ranges, srcs.num_bytes(), fault)
    }

    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, _: IoOpts) -> Result<u32, Fault> {
        let (word, None) = self.block(addr.addr(), 4) else { return Err(unmapped(addr)) };
        safecopy::atomic::swap(word, new).map_err(|host| self.fault(host))
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        _: IoOpts,
    ) -> Result<u32, Fault> {
        let (word, None) = self.block(addr.addr(), 4) else { return Err(unmapped(addr)) };
        safecopy::atomic::compare_exchange(word, old, new).map_err(|host| self.fault(host))
    }

    fn load_u32(&self, addr: AlignedAddr<4>, _: IoOpts) -> Result<u32, Fault> {
        let (word, None) = self.block(addr.addr(), 4) else { return Err(unmapped(addr)) };
        safecopy::atomic::load(word.as_source()).map_err(|host| self.fault(host))
    }
}

/// The pages end between words.
fn unmapped(addr: AlignedAddr<4>) -> Fault {
    Fault::new(FaultKind::Unmapped, addr.addr())
}

impl Drop for HostMemory {
    fn drop(&mut self) {
        // SAFETY: the pages are ours, and nothing uses them any more.
        let result = unsafe { libc::munmap(self.base.cast(), self.len()) };
        assert_eq!(result, 0);
    }
}

fn memfd() -> File {
    // SAFETY: the name is a C string.
    let fd = unsafe { libc::memfd_create(c"pages".as_ptr(), 0) };
    assert!(fd >= 0);
    // SAFETY: the descriptor is new.
    unsafe { File::from_raw_fd(fd) }
}
