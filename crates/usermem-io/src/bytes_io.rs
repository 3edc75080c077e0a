//! An address space made of a byte buffer.

use std::fmt;

use safecopy::{DstBlock, DstBlockSeq, HostFault, Reader, SrcBlock, SrcBlockSeq, Writer};
use smallvec::SmallVec;
use usermem_types::{Addr, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer};

use crate::{Io, IoCause, IoOpts, IoSequence, finish_stream};

/// An [`Io`] over a buffer of our own, whose addresses are offsets into it.
///
/// Everything is allowed inside of the buffer, and nothing outside. A transfer of length zero
/// succeeds whatever its address. Words must be aligned in host memory, not only in the buffer.
///
/// It borrows the buffer for as long as it lives, so what was written is seen once it is gone.
///
/// ```
/// use usermem_io::{BytesIo, Io, IoOpts};
/// use usermem_types::{Addr, Fault, FaultKind};
///
/// let mut words = [1u32, 2];
/// let io = BytesIo::new(zerocopy::IntoBytes::as_mut_bytes(&mut words));
/// let word = Addr::new(4).aligned().unwrap();
/// assert_eq!(io.swap_u32(word, 7, IoOpts::CHECKED), Ok(2));
/// let beyond = Addr::new(8).aligned().unwrap();
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(8));
/// assert_eq!(io.load_u32(beyond, IoOpts::CHECKED), Err(fault));
/// assert_eq!(words, [1, 7]);
/// ```
pub struct BytesIo<'a> {
    block: DstBlock<'a>,
}

/// The blocks of a sequence of ranges.
type Blocks<'a> = SmallVec<[DstBlock<'a>; 8]>;

impl<'a> BytesIo<'a> {
    /// Creates an address space over `buffer`.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self { block: DstBlock::from_slice(buffer) }
    }

    /// Returns the number of bytes of the buffer.
    #[must_use]
    pub fn len(&self) -> usize {
        self.block.len()
    }

    /// Returns whether the buffer holds no byte.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.block.is_empty()
    }

    /// Returns the whole buffer as a sequence, for code that is given one.
    ///
    /// ```
    /// let mut buffer = *b"abcd";
    /// let io = usermem_io::BytesIo::new(&mut buffer);
    /// assert_eq!(io.sequence().drop_first(1).copy_out(b"XYZ!"), Ok(3));
    /// assert_eq!(&buffer, b"aXYZ");
    /// ```
    #[must_use]
    #[expect(clippy::missing_panics_doc, reason = "no slice is longer than a sequence can be")]
    pub fn sequence(&self) -> IoSequence<'_> {
        let ranges = Addr::ZERO.to_range(self.len() as u64).map(AddrRangeSeq::of);
        let ranges = ranges.and_then(Result::ok).expect("our own invariant: slices are shorter");
        IoSequence::new(self, ranges, IoOpts::CHECKED)
    }

    /// Returns the part of `len` bytes at `addr` that lies in the buffer, and the fault of what
    /// does not.
    fn locate(&self, addr: Addr, len: u64) -> (DstBlock<'a>, Option<Fault>) {
        let size = self.block.len() as u64;
        if len == 0 {
            return (DstBlock::default(), None);
        }
        if addr.get() >= size {
            return (DstBlock::default(), Some(Fault::new(FaultKind::Unmapped, addr)));
        }
        let valid = len.min(size - addr.get());
        // Neither cast loses bits: both lie in the buffer.
        let block = self.block.drop_first(addr.get() as usize).take_first(valid as usize);
        let fault = (valid < len).then(|| Fault::new(FaultKind::Unmapped, Addr::new(size)));
        (block, fault)
    }

    /// Returns the blocks of the ranges up to the first byte that is not in the buffer.
    fn blocks(&self, ranges: AddrRangeSeq<'_>) -> (Blocks<'a>, Option<Fault>) {
        let mut blocks = Blocks::new();
        for range in ranges {
            let (block, fault) = self.locate(range.start(), range.len());
            if !block.is_empty() {
                blocks.push(block);
            }
            if fault.is_some() {
                return (blocks, fault);
            }
        }
        (blocks, None)
    }

    /// Returns a fault of the buffer as one of the address space.
    fn fault(&self, fault: HostFault) -> Fault {
        Fault::new(fault.kind, Addr::new(fault.addr.wrapping_sub(self.block.addr()) as u64))
    }

    /// Returns the count, or the fault of the copy itself, or the fault of what was left out.
    fn finish(&self, copied: Transfer<HostFault>, left_out: Option<Fault>) -> Transfer {
        let done = copied.map_err(|partial| partial.map_cause(|fault| self.fault(fault)))?;
        left_out.map_or(Ok(done), |fault| Err(Partial::new(done, fault)))
    }

    /// Returns the block of a word.
    fn word(&self, addr: AlignedAddr<4>) -> Result<DstBlock<'a>, Fault> {
        let (block, fault) = self.locate(addr.addr(), 4);
        fault.map_or(Ok(block), Err)
    }
}

impl Io for BytesIo<'_> {
    fn copy_out(&self, addr: Addr, src: &[u8], _opts: IoOpts) -> Transfer {
        let (block, fault) = self.locate(addr, src.len() as u64);
        self.finish(safecopy::copy(block, SrcBlock::from_slice(src)), fault)
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], _opts: IoOpts) -> Transfer {
        let (block, fault) = self.locate(addr, dst.len() as u64);
        self.finish(safecopy::copy(DstBlock::from_slice(dst), block.as_source()), fault)
    }

    fn zero_out(&self, addr: Addr, len: usize, _opts: IoOpts) -> Transfer {
        let (block, fault) = self.locate(addr, len as u64);
        self.finish(safecopy::zero(block), fault)
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        _opts: IoOpts,
    ) -> Transfer<IoCause> {
        let (blocks, fault) = self.blocks(ranges);
        let dsts = DstBlockSeq::from_slice(&blocks);
        let streamed = if dsts.is_empty() { Ok(0) } else { reader.read_to_blocks(dsts) };
        finish_stream(streamed, ranges, dsts.num_bytes(), fault)
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        _opts: IoOpts,
    ) -> Transfer<IoCause> {
        let (blocks, fault) = self.blocks(ranges);
        let sources: SmallVec<[SrcBlock<'_>; 8]> =
            blocks.into_iter().map(DstBlock::as_source).collect();
        let srcs = SrcBlockSeq::from_slice(&sources);
        let streamed = if srcs.is_empty() { Ok(0) } else { writer.write_from_blocks(srcs) };
        finish_stream(streamed, ranges, srcs.num_bytes(), fault)
    }

    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, _opts: IoOpts) -> Result<u32, Fault> {
        safecopy::atomic::swap(self.word(addr)?, new).map_err(|fault| self.fault(fault))
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        _opts: IoOpts,
    ) -> Result<u32, Fault> {
        safecopy::atomic::compare_exchange(self.word(addr)?, old, new)
            .map_err(|fault| self.fault(fault))
    }

    fn load_u32(&self, addr: AlignedAddr<4>, _opts: IoOpts) -> Result<u32, Fault> {
        safecopy::atomic::load(self.word(addr)?.as_source()).map_err(|fault| self.fault(fault))
    }
}

impl fmt::Debug for BytesIo<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BytesIo").field("len", &self.len()).finish_non_exhaustive()
    }
}
