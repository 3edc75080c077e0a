//! The model as an address space.

use safecopy::{
    DstBlock, DstBlockSeq, HostFault, Reader, SrcBlock, SrcBlockSeq, StreamError, Writer,
};
use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{AccessType, Addr, AddrRangeSeq, AlignedAddr, Fault, Partial, Transfer};

use super::ModelMemory;

impl Io for ModelMemory {
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        self.each_byte(addr, src.len(), AccessType::WRITE, opts, |i, value| *value = src[i])
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        self.each_byte(addr, dst.len(), AccessType::READ, opts, |i, value| dst[i] = *value)
    }

    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        self.each_byte(addr, len, AccessType::WRITE, opts, |_, value| *value = 0)
    }

    fn copy_out_from(
        &self,
        ranges: AddrRangeSeq<'_>,
        reader: &mut dyn Reader,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        let (addrs, fault) = self.prefix(ranges, AccessType::WRITE, opts);
        let mut scratch = vec![0; addrs.len()];
        let dsts = DstBlockSeq::of(DstBlock::from_slice(&mut scratch));
        let streamed = if addrs.is_empty() { Ok(0) } else { reader.read_to_blocks(dsts) };
        let mut bytes = self.bytes.borrow_mut();
        for (addr, value) in addrs.iter().zip(&scratch).take(count(&streamed)) {
            bytes.get_mut(addr).expect("it was just checked").value = *value;
        }
        finish(streamed, ranges, &addrs, fault)
    }

    fn copy_in_to(
        &self,
        ranges: AddrRangeSeq<'_>,
        writer: &mut dyn Writer,
        opts: IoOpts,
    ) -> Transfer<IoCause> {
        let (addrs, fault) = self.prefix(ranges, AccessType::READ, opts);
        let bytes = self.bytes.borrow();
        let scratch: Vec<u8> = addrs.iter().map(|addr| bytes[addr].value).collect();
        drop(bytes);
        let srcs = SrcBlockSeq::of(SrcBlock::from_slice(&scratch));
        let streamed = if addrs.is_empty() { Ok(0) } else { writer.write_from_blocks(srcs) };
        finish(streamed, ranges, &addrs, fault)
    }

    fn swap_u32(&self, addr: AlignedAddr<4>, new: u32, opts: IoOpts) -> Result<u32, Fault> {
        self.update_word(addr, AccessType::READ_WRITE, opts, |_| new)
    }

    fn compare_exchange_u32(
        &self,
        addr: AlignedAddr<4>,
        old: u32,
        new: u32,
        opts: IoOpts,
    ) -> Result<u32, Fault> {
        let exchanged = |found| if found == old { new } else { found };
        self.update_word(addr, AccessType::READ_WRITE, opts, exchanged)
    }

    fn load_u32(&self, addr: AlignedAddr<4>, opts: IoOpts) -> Result<u32, Fault> {
        self.update_word(addr, AccessType::READ, opts, |found| found)
    }
}

/// Returns the result of a streaming transfer that was given the bytes at `addrs`.
fn finish(
    streamed: Transfer<StreamError>,
    ranges: AddrRangeSeq<'_>,
    addrs: &[u64],
    left_out: Option<Fault>,
) -> Transfer<IoCause> {
    let given = addrs.len();
    match (streamed, left_out) {
        (Err(partial), _) => {
            let done = partial.done.min(given);
            let all = ranges.iter().flat_map(|range| range.start().get()..range.end().get());
            let end = ranges.iter().last().unwrap_or_default().end();
            let at = all.map(Addr::new).nth(done).unwrap_or(end);
            let fault = |host: HostFault| Fault::new(host.kind, at);
            Err(Partial::new(done, IoCause::from_stream(partial.cause, fault)))
        }
        (Ok(done), _) if done < given => Ok(done),
        (Ok(_), None) => Ok(given),
        (Ok(_), Some(fault)) => Err(Partial::new(given, fault.into())),
    }
}

/// Returns how many bytes moved.
fn count<C>(transfer: &Transfer<C>) -> usize {
    let (Ok(done) | Err(Partial { done, .. })) = transfer;
    *done
}
