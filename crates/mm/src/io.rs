//! Reading and writing the program's memory.

use memmap::AddressSpaceIo;
use safecopy::{
    BlockSeq, Destination, DstBlock, HostFault, Reader, Source, SrcBlock, SrcBlockSeq, StreamError,
    Writer,
};
use usermem_io::{Io, IoCause, IoOpts, finish_stream};
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

use crate::MemoryManager;
use crate::blocks::{Blocks, Side};

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

    /// Copies between the program's memory and ours what is left after the first `done` bytes, which
    /// the address space itself has moved.
    fn transfer<M: Side>(
        &self,
        addr: Addr,
        (done, len): (usize, usize),
        opts: IoOpts,
        copy: impl FnOnce(BlockSeq<'_, M>) -> Transfer<HostFault>,
    ) -> Transfer {
        let range = self.check(addr, len).map_err(|fault| Partial::new(0, fault))?;
        let rest = range.drop_first(done as u64);
        if rest.is_empty() {
            return Ok(len);
        }
        let ranges = AddrRangeSeq::of(rest)
            .map_err(|_| Partial::new(done, Fault::new(FaultKind::OutOfRange, addr)))?;
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

    /// Runs an atomic access on the word's page itself.
    fn atomic<M: Side>(
        &self,
        addr: AlignedAddr<4>,
        opts: IoOpts,
        direct: impl Fn(&dyn AddressSpaceIo, Addr) -> Result<u32, Fault>,
        run: impl FnOnce(safecopy::Block<'_, M>) -> Result<u32, HostFault>,
    ) -> Result<u32, Fault> {
        let addr = addr.addr();
        let range = self.check(addr, size_of::<u32>())?;
        if let Some(word) = self.direct_word(range, M::ACCESS, opts, direct) {
            return Ok(word);
        }
        let at = |kind| Fault::new(kind, range.start());
        let ranges = AddrRangeSeq::of(range).map_err(|_| at(FaultKind::OutOfRange))?;
        let (result, _, fault) = self.with_blocks(ranges, opts, |blocks: BlockSeq<'_, M>| {
            match blocks.split_first() {
                // An aligned word never crosses a page, and blocks are whole pages.
                Some((word, _)) if word.len() >= size_of::<u32>() => {
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
}

impl Io for MemoryManager {
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        let len = src.len();
        let done = self.direct(addr, len, AccessType::WRITE, opts, |io, at, done| {
            io.copy_out(at, &src[done..])
        });
        let rest = SrcBlock::from_slice(&src[done..]);
        self.transfer::<Destination>(addr, (done, len), opts, |dst| {
            safecopy::copy_seq(dst, SrcBlockSeq::of(rest))
        })
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        let len = dst.len();
        let done = self.direct(addr, len, AccessType::READ, opts, |io, at, done| {
            io.copy_in(at, &mut dst[done..])
        });
        let rest = DstBlock::from_slice(&mut dst[done..]);
        self.transfer::<Source>(addr, (done, len), opts, |src| {
            safecopy::copy_seq(BlockSeq::of(rest), src)
        })
    }

    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        let done = self
            .direct(addr, len, AccessType::WRITE, opts, |io, at, done| io.zero_out(at, len - done));
        self.transfer::<Destination>(addr, (done, len), opts, safecopy::zero_seq)
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

    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, opts: IoOpts) -> Result<u32, Fault> {
        let direct = |io: &dyn AddressSpaceIo, at| io.swap_u32(at, new);
        self.atomic::<Destination>(addr, opts, direct, |word| safecopy::atomic::swap(word, new))
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault> {
        let direct = |io: &dyn AddressSpaceIo, at| io.compare_exchange_u32(at, old, new);
        self.atomic::<Destination>(addr, opts, direct, |word| {
            safecopy::atomic::compare_exchange(word, old, new)
        })
    }

    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault> {
        let direct = |io: &dyn AddressSpaceIo, at| io.load_u32(at);
        self.atomic::<Source>(addr, opts, direct, safecopy::atomic::load)
    }
}
