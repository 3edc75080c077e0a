//! Reading and writing the program's memory.

use std::hint::cold_path;

use memmap::AddressSpaceIo;
use safecopy::atomic::{self, Word};
use safecopy::{
    Block, BlockSeq, Destination, DstBlock, HostFault, Reader, Source, SrcBlock, SrcBlockSeq,
    StreamError, Writer,
};
use usermem_io::{Io, IoCause, IoOpts, finish_stream};
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

use crate::MemoryManager;
use crate::blocks::{Blocks, Side};
use crate::fast::{PIECE, Part, Section};
use crate::sections::Zeros;

impl MemoryManager {
    /// Checks that a range is the program's, as is done even for no bytes.
    pub(crate) fn check(&self, addr: Addr, len: usize) -> Result<AddrRange, Fault> {
        let addr = addr.untagged();
        let range = addr.to_range(len as u64).filter(|range| range.end() <= self.layout.limit);
        range.ok_or(Fault::new(FaultKind::OutOfRange, addr))
    }

    /// Runs `transfer` once over the blocks behind a prefix of the ranges; not at all when there is
    /// no such prefix. Returns its result, what it was given, and why that was not everything.
    fn with_blocks<M: Side, R>(
        &self,
        ranges: AddrRangeSeq<'_>,
        opts: IoOpts,
        transfer: impl FnOnce(BlockSeq<'_, M>) -> R,
    ) -> (Option<R>, u64, Option<Fault>) {
        let wanted = ranges.num_bytes();
        {
            let active = self.active.read();
            let mut blocks = Blocks::<M>::new();
            if active.gather(ranges, opts, &mut blocks) == (wanted, None) {
                return (Some(transfer(BlockSeq::from_slice(&blocks))), wanted, None);
            }
        }
        let (active, prefix) = self.prepare(ranges, M::ACCESS, opts);
        let mut blocks = Blocks::<M>::new();
        let (len, fault) = active.gather(ranges.take_first(prefix.len), opts, &mut blocks);
        let fault = fault.or(prefix.fault);
        if len == 0 {
            return (None, 0, fault);
        }
        (Some(transfer(BlockSeq::from_slice(&blocks))), len, fault)
    }

    /// Copies between the program's memory and ours what is left after the first `done` bytes.
    fn transfer<M: Side>(
        &self,
        range: AddrRange,
        done: usize,
        opts: IoOpts,
        copy: impl FnOnce(BlockSeq<'_, M>) -> Transfer<HostFault>,
    ) -> Transfer {
        let rest = range.drop_first(done as u64);
        if rest.is_empty() {
            return Ok(done);
        }
        let ranges = AddrRangeSeq::of(rest)
            .map_err(|_| Partial::new(done, Fault::new(FaultKind::OutOfRange, rest.start())))?;
        let (result, _, fault) = self.with_blocks(ranges, opts, copy);
        let done = match result {
            None => done,
            Some(Ok(more)) => done + more,
            Some(Err(partial)) => {
                let partial = partial.after(done);
                let at = range.start().saturating_add(partial.done as u64);
                return Err(partial.map_cause(|host| Fault::new(host.kind, at)));
            }
        };
        match fault {
            None => Ok(done),
            Some(fault) => Err(Partial::new(done, fault)),
        }
    }

    /// Streams between the ranges and a reader or writer.
    fn stream<M: Side>(
        &self,
        ranges: AddrRangeSeq<'_>,
        opts: IoOpts,
        run: impl FnOnce(BlockSeq<'_, M>) -> Transfer<StreamError>,
    ) -> Transfer<IoCause> {
        for range in ranges {
            let len = usize::try_from(range.len()).unwrap_or(usize::MAX);
            self.check(range.start(), len).map_err(|fault| Partial::new(0, fault.into()))?;
        }
        if ranges.num_bytes() == 0 {
            return Ok(0);
        }
        match self.with_blocks(ranges, opts, run) {
            (None, _, fault) => {
                let start = ranges.head().unwrap_or_default().start();
                let fault = fault.unwrap_or(Fault::new(FaultKind::Unmapped, start));
                Err(Partial::new(0, fault.into()))
            }
            // The blocks that were given are memory of ours, so their bytes can be counted.
            (Some(streamed), given, fault) => {
                finish_stream(streamed, ranges, given as usize, fault)
            }
        }
    }

    /// Finds `len` bytes, if they are one piece of what can be had in one section.
    #[inline(always)]
    fn fast_whole<M: Side>(&self, addr: Addr, len: usize, opts: IoOpts) -> Option<Section<'_, M>> {
        if !is_piece(len) {
            return None;
        }
        self.fast(addr.untagged().get(), Part::All(len), opts)
    }

    /// Finds a word in a section; `None` leaves it to the other ways.
    #[inline(always)]
    fn fast_word<M: Side, W: Word>(&self, addr: Addr, opts: IoOpts) -> Option<Section<'_, M>> {
        self.fast(addr.untagged().get(), Part::Word(size_of::<W>()), opts)
    }

    /// Moves what it can of a range beyond the first `done` bytes in short sections, and returns
    /// how many bytes are moved then. `run` is given a block and how much was moved before.
    fn in_pieces<M: Side>(
        &self,
        range: AddrRange,
        mut done: usize,
        opts: IoOpts,
        mut run: impl FnMut(Block<'_, M>, usize) -> Transfer<HostFault>,
    ) -> usize {
        let start = range.start().get();
        while (done as u64) < range.len() {
            // Not even a copy of everything is longer than a `usize`.
            let left = range.len() as usize - done;
            let at = start + done as u64;
            let Some(section) = self.fast(at, Part::First(left), opts) else { break };
            match run(section.block(), done) {
                Ok(moved) => done += moved,
                // The usual way finds out what is wrong there.
                Err(partial) => return done + partial.done,
            }
        }
        done
    }

    #[inline(never)]
    fn copy_out_slowly(
        &self,
        addr: Addr,
        src: &[u8],
        opts: IoOpts,
        cause: &mut Fault,
    ) -> Result<usize, usize> {
        into_parts(self.copy_out_usually(addr, src, opts), cause)
    }

    fn copy_out_usually(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        let range = self.check(addr, src.len()).map_err(|fault| Partial::new(0, fault))?;
        let done = self
            .direct(range, AccessType::WRITE, opts, |io, at, done| io.copy_out(at, &src[done..]));
        let done = self.in_pieces::<Destination>(range, done, opts, |dst, done| {
            safecopy::copy(dst, SrcBlock::from_slice(&src[done..]))
        });
        let rest = SrcBlock::from_slice(&src[done..]);
        self.transfer::<Destination>(range, done, opts, |dst| {
            safecopy::copy_seq(dst, SrcBlockSeq::of(rest))
        })
    }

    #[inline(never)]
    fn copy_in_slowly(
        &self,
        addr: Addr,
        dst: &mut [u8],
        opts: IoOpts,
        cause: &mut Fault,
    ) -> Result<usize, usize> {
        into_parts(self.copy_in_usually(addr, dst, opts), cause)
    }

    fn copy_in_usually(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        let range = self.check(addr, dst.len()).map_err(|fault| Partial::new(0, fault))?;
        let done = self
            .direct(range, AccessType::READ, opts, |io, at, done| io.copy_in(at, &mut dst[done..]));
        let done = self.in_pieces::<Source>(range, done, opts, |src, done| {
            safecopy::copy(DstBlock::from_slice(&mut dst[done..]), src)
        });
        let rest = DstBlock::from_slice(&mut dst[done..]);
        self.transfer::<Source>(range, done, opts, |src| {
            safecopy::copy_seq(BlockSeq::of(rest), src)
        })
    }

    #[inline(never)]
    fn zero_out_slowly(
        &self,
        addr: Addr,
        len: usize,
        opts: IoOpts,
        cause: &mut Fault,
    ) -> Result<usize, usize> {
        into_parts(self.zero_out_usually(addr, len, opts), cause)
    }

    fn zero_out_usually(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        let range = self.check(addr, len).map_err(|fault| Partial::new(0, fault))?;
        let done =
            self.direct(range, AccessType::WRITE, opts, |io, at, done| io.zero_out(at, len - done));
        let done = self.in_pieces::<Destination>(range, done, opts, |dst, _| safecopy::zero(dst));
        self.transfer::<Destination>(range, done, opts, safecopy::zero_seq)
    }

    /// Runs an atomic access on the word's page itself.
    fn word_slowly<M: Side, W: Word>(
        &self,
        addr: Addr,
        opts: IoOpts,
        direct: impl Fn(&dyn AddressSpaceIo, Addr) -> Result<W, Fault>,
        run: impl Fn(Block<'_, M>) -> Result<W, HostFault>,
    ) -> Result<W, Fault> {
        let range = self.check(addr, size_of::<W>())?;
        if let Some(word) = self.direct_word(range, M::ACCESS, opts, direct) {
            return Ok(word);
        }
        let part = Part::First(size_of::<W>());
        if let Some(section) = self.fast::<M>(range.start().get(), part, opts)
            && section.block().len() == size_of::<W>()
            && let Ok(word) = run(section.block())
        {
            return Ok(word);
        }
        let at = |kind| Fault::new(kind, range.start());
        let ranges = AddrRangeSeq::of(range).map_err(|_| at(FaultKind::OutOfRange))?;
        let (result, _, fault) = self.with_blocks(ranges, opts, |blocks: BlockSeq<'_, M>| {
            match blocks.split_first() {
                // An aligned word never crosses a page, and blocks are whole pages.
                Some((word, _)) if word.len() >= size_of::<W>() => {
                    run(word).map_err(|host| host.kind)
                }
                _ => Err(FaultKind::Bus),
            }
        });
        match result {
            Some(result) => result.map_err(at),
            None => Err(fault.unwrap_or(at(FaultKind::Unmapped))),
        }
    }

    #[inline(never)]
    fn swap_u32_slowly(
        &self,
        addr: Addr,
        new: u32,
        opts: IoOpts,
        fault: &mut Fault,
    ) -> Option<u32> {
        let direct = |io: &dyn AddressSpaceIo, at| io.swap_u32(at, new);
        let run = |word: DstBlock<'_>| atomic::swap(word, new);
        word_or_fault(self.word_slowly(addr, opts, direct, run), fault)
    }

    #[inline(never)]
    fn compare_exchange_u32_slowly(
        &self,
        addr: Addr,
        (old, new): (u32, u32),
        opts: IoOpts,
        fault: &mut Fault,
    ) -> Option<u32> {
        let direct = |io: &dyn AddressSpaceIo, at| io.compare_exchange_u32(at, old, new);
        let run = |word: DstBlock<'_>| atomic::compare_exchange(word, old, new);
        word_or_fault(self.word_slowly(addr, opts, direct, run), fault)
    }

    #[inline(never)]
    fn load_u32_slowly(&self, addr: Addr, opts: IoOpts, fault: &mut Fault) -> Option<u32> {
        let direct = |io: &dyn AddressSpaceIo, at| io.load_u32(at);
        let run = |word: SrcBlock<'_>| atomic::load(word);
        word_or_fault(self.word_slowly(addr, opts, direct, run), fault)
    }

    #[inline(never)]
    fn load_u64_slowly(&self, addr: Addr, opts: IoOpts, fault: &mut Fault) -> Option<u64> {
        // No address space offers this itself.
        let direct = |_: &dyn AddressSpaceIo, at| Err(Fault::new(FaultKind::Unmapped, at));
        let run = |word: SrcBlock<'_>| atomic::load(word);
        word_or_fault(self.word_slowly(addr, opts, direct, run), fault)
    }

    /// Loads a word of 64 bits atomically.
    ///
    /// # Errors
    /// The fault of the access.
    #[inline(always)]
    pub fn load_u64(&self, addr: AlignedAddr<8>, opts: IoOpts) -> Result<u64, Fault> {
        if let Some(section) = self.fast_word::<Source, u64>(addr.addr(), opts)
            && let Ok(word) = atomic::load(section.block())
        {
            return Ok(word);
        }
        cold_path();
        word_by_parts(|fault| self.load_u64_slowly(addr.addr(), opts, fault))
    }
}

/// Whether a copy fits in one section; one of no bytes is not for it.
#[inline(always)]
fn is_piece(len: usize) -> bool {
    len.wrapping_sub(1) < PIECE
}

/// Returns the result of a transfer that `slow` makes, out of line: a count, or a count and, left
/// behind, its cause.
///
/// Were the whole result of a function that is not inlined that of one that is, the fast path of
/// the latter would go through memory as well.
#[inline(always)]
fn by_parts(slow: impl FnOnce(&mut Fault) -> Result<usize, usize>) -> Transfer {
    let mut cause = Fault::new(FaultKind::Unmapped, Addr::ZERO);
    slow(&mut cause).map_err(|done| Partial::new(done, cause))
}

/// Takes a result apart for [`by_parts`].
fn into_parts(result: Transfer, cause: &mut Fault) -> Result<usize, usize> {
    result.map_err(|partial| {
        *cause = partial.cause;
        partial.done
    })
}

/// As [`by_parts`], for a word.
#[inline(always)]
fn word_by_parts<W>(slow: impl FnOnce(&mut Fault) -> Option<W>) -> Result<W, Fault> {
    let mut fault = Fault::new(FaultKind::Unmapped, Addr::ZERO);
    slow(&mut fault).ok_or(fault)
}

/// Takes a result apart for [`word_by_parts`].
fn word_or_fault<W>(result: Result<W, Fault>, fault: &mut Fault) -> Option<W> {
    result.map_err(|found| *fault = found).ok()
}

impl Io for MemoryManager {
    #[inline(always)]
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        let len = src.len();
        if let Some(section) = self.fast_whole::<Destination>(addr, len, opts)
            && safecopy::copy(section.block(), SrcBlock::from_slice(src)).is_ok()
        {
            return Ok(len);
        }
        cold_path();
        by_parts(|cause| self.copy_out_slowly(addr, src, opts, cause))
    }

    #[inline(always)]
    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        let len = dst.len();
        if let Some(section) = self.fast_whole::<Source>(addr, len, opts)
            && safecopy::copy(DstBlock::from_slice(dst), section.block()).is_ok()
        {
            return Ok(len);
        }
        cold_path();
        by_parts(|cause| self.copy_in_slowly(addr, dst, opts, cause))
    }

    #[inline(always)]
    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        if let Some(section) = self.fast_whole::<Destination>(addr, len, opts)
            && safecopy::zero(section.block()).is_ok()
        {
            return Ok(len);
        }
        cold_path();
        by_parts(|cause| self.zero_out_slowly(addr, len, opts, cause))
    }

    fn copy_out_ahead(&self, ranges: AddrRangeSeq<'_>, src: &[u8], opts: IoOpts) -> usize {
        self.in_sections::<Destination, _>(ranges, SrcBlock::from_slice(src), opts)
    }

    fn copy_in_ahead(&self, ranges: AddrRangeSeq<'_>, dst: &mut [u8], opts: IoOpts) -> usize {
        self.in_sections::<Source, _>(ranges, DstBlock::from_slice(dst), opts)
    }

    fn zero_out_ahead(&self, ranges: AddrRangeSeq<'_>, len: usize, opts: IoOpts) -> usize {
        self.in_sections::<Destination, _>(ranges, Zeros(len), opts)
    }

    #[inline(always)]
    fn copy_in_8_ahead(&self, addr: Addr, opts: IoOpts) -> Option<[u8; 8]> {
        let section = self.fast_word::<Source, u64>(addr, opts)?;
        // What is not aligned is left to the usual way.
        atomic::load(section.block()).ok().map(u64::to_ne_bytes)
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        self.stream::<Destination>(ranges, opts, |dsts| reader.read_to_blocks(dsts))
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        self.stream::<Source>(ranges, opts, |srcs| writer.write_from_blocks(srcs))
    }

    #[inline(always)]
    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, opts: IoOpts) -> Result<u32, Fault> {
        if let Some(section) = self.fast_word::<Destination, u32>(addr.addr(), opts)
            && let Ok(word) = atomic::swap(section.block(), new)
        {
            return Ok(word);
        }
        cold_path();
        word_by_parts(|fault| self.swap_u32_slowly(addr.addr(), new, opts, fault))
    }

    #[inline(always)]
    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault> {
        if let Some(section) = self.fast_word::<Destination, u32>(addr.addr(), opts)
            && let Ok(word) = atomic::compare_exchange(section.block(), old, new)
        {
            return Ok(word);
        }
        cold_path();
        word_by_parts(|fault| {
            self.compare_exchange_u32_slowly(addr.addr(), (old, new), opts, fault)
        })
    }

    #[inline(always)]
    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault> {
        if let Some(section) = self.fast_word::<Source, u32>(addr.addr(), opts)
            && let Ok(word) = atomic::load(section.block())
        {
            return Ok(word);
        }
        cold_path();
        word_by_parts(|fault| self.load_u32_slowly(addr.addr(), opts, fault))
    }
}
