//! Reading and writing the program's memory.

use safecopy::{
    BlockSeq, Destination, DstBlock, HostFault, Reader, Source, SrcBlock, SrcBlockSeq, StreamError,
    Writer,
};
use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{
    Addr, AddrRange, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

use crate::MemoryManager;
use crate::blocks::{Blocks, Side};

impl MemoryManager {
    /// Checks that a range is the program's, as is done even for no bytes.
    fn check(&self, addr: Addr, len: usize) -> Result<AddrRange, Fault> {
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

    /// Copies between the program's memory and ours.
    fn transfer<M: Side>(
        &self,
        addr: Addr,
        len: usize,
        opts: IoOpts,
        copy: impl FnOnce(BlockSeq<'_, M>) -> Transfer<HostFault>,
    ) -> Transfer {
        let range = self.check(addr, len).map_err(|fault| Partial::new(0, fault))?;
        if range.is_empty() {
            return Ok(0);
        }
        let ranges = AddrRangeSeq::of(range)
            .map_err(|_| Partial::new(0, Fault::new(FaultKind::OutOfRange, addr)))?;
        let (result, _, fault) = self.with_blocks(ranges, opts, copy);
        let done = match result {
            None => 0,
            Some(Ok(done)) => done,
            Some(Err(partial)) => {
                let at = range.start().saturating_add(partial.done as u64);
                return Err(Partial::new(partial.done, Fault::new(partial.cause.kind, at)));
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
            (Some(Err(partial)), ..) => {
                let at = address_of(ranges, partial.done as u64);
                Err(partial.map_cause(|error| {
                    IoCause::from_stream(error, |host| Fault::new(host.kind, at))
                }))
            }
            (Some(Ok(done)), given, Some(fault)) if done as u64 == given => {
                Err(Partial::new(done, fault.into()))
            }
            (Some(Ok(done)), ..) => Ok(done),
        }
    }

    /// Runs an atomic access on the word's page itself.
    fn atomic<M: Side, R>(
        &self,
        addr: AlignedAddr<4>,
        opts: IoOpts,
        run: impl FnOnce(safecopy::Block<'_, M>) -> Result<R, HostFault>,
    ) -> Result<R, Fault> {
        let addr = addr.addr();
        let range = self.check(addr, size_of::<u32>())?;
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

/// Returns the address of the byte after the first `done` bytes of the ranges.
fn address_of(ranges: AddrRangeSeq<'_>, done: u64) -> Addr {
    let mut left = done;
    let mut last = Addr::ZERO;
    for range in ranges {
        if left < range.len() {
            return range.start().saturating_add(left);
        }
        left -= range.len();
        last = range.end();
    }
    last
}

impl Io for MemoryManager {
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        self.transfer::<Destination>(addr, src.len(), opts, |dst| {
            safecopy::copy_seq(dst, SrcBlockSeq::of(SrcBlock::from_slice(src)))
        })
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        self.transfer::<Source>(addr, dst.len(), opts, |src| {
            safecopy::copy_seq(BlockSeq::of(DstBlock::from_slice(dst)), src)
        })
    }

    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        self.transfer::<Destination>(addr, len, opts, safecopy::zero_seq)
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
        self.atomic::<Destination, _>(addr, opts, |word| safecopy::atomic::swap(word, new))
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault> {
        self.atomic::<Destination, _>(addr, opts, |word| {
            safecopy::atomic::compare_exchange(word, old, new)
        })
    }

    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault> {
        self.atomic::<Source, _>(addr, opts, safecopy::atomic::load)
    }
}
