//! Application memory in the most naive way.

use std::cell::RefCell;
use std::collections::BTreeMap;

use safecopy::{DstBlock, DstBlockSeq, Reader, SrcBlock, SrcBlockSeq, Writer};
use usermem_io::{Io, IoCause, IoOpts};
use usermem_types::{
    AccessType, Addr, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

use crate::{Area, Layout};

#[cfg(test)]
mod tests;

/// What an [`Io`] was asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CallKind {
    /// [`Io::copy_out`].
    CopyOut,
    /// [`Io::copy_in`].
    CopyIn,
    /// [`Io::zero_out`].
    ZeroOut,
}

/// One scalar transfer that an [`Io`] was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// What.
    pub kind: CallKind,
    /// Where.
    pub addr: Addr,
    /// How many bytes.
    pub len: usize,
}

/// One byte of application memory.
#[derive(Clone, Copy, Debug)]
struct ModelByte {
    value: u8,
    access: AccessType,
    max_access: AccessType,
    fault: Option<FaultKind>,
}

/// Application memory as a map from addresses to bytes with their protections; every access goes
/// byte by byte, and every check is made for every byte.
#[derive(Debug, Default)]
pub struct ModelMemory {
    bytes: RefCell<BTreeMap<u64, ModelByte>>,
    calls: RefCell<Vec<Call>>,
    user_end: Option<Addr>,
}

impl ModelMemory {
    /// Creates memory as a layout says, all of it zero.
    #[must_use]
    pub fn new(layout: &Layout) -> Self {
        let memory = Self::default();
        for area in layout.areas() {
            memory.map(*area);
        }
        memory
    }

    /// Creates memory like that of a [`usermem_io::BytesIo`] over `content`.
    #[must_use]
    pub fn of_bytes(content: &[u8]) -> Self {
        let memory = Self::default();
        memory.bytes.borrow_mut().extend((0u64..).zip(content).map(|(at, value)| {
            let all = AccessType::ALL;
            (at, ModelByte { value: *value, access: all, max_access: all, fault: None })
        }));
        memory
    }

    /// Makes every transfer fail that does not end at or before `end`, those of length zero
    /// included, as a memory manager does.
    #[must_use]
    pub fn with_user_end(self, end: Addr) -> Self {
        Self { user_end: Some(end), ..self }
    }

    /// Maps an area, zeroed, in place of what was there.
    pub fn map(&self, area: Area) {
        let byte = ModelByte {
            value: 0,
            access: area.access.effective(),
            max_access: area.max_access.effective(),
            fault: area.fault,
        };
        let addrs = area.range.start().get()..area.range.end().get();
        self.bytes.borrow_mut().extend(addrs.map(|addr| (addr, byte)));
    }

    /// Writes bytes whatever their protections are.
    ///
    /// # Panics
    /// When one of them is not mapped.
    pub fn fill(&self, addr: Addr, content: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        for (at, value) in (addr.get()..=u64::MAX).zip(content) {
            bytes.get_mut(&at).expect("only mapped bytes can be filled").value = *value;
        }
    }

    /// Returns every mapped byte, in order.
    #[must_use]
    pub fn content(&self) -> Vec<u8> {
        self.bytes.borrow().values().map(|byte| byte.value).collect()
    }

    /// Returns the scalar transfers since the last time, in order.
    #[must_use]
    pub fn take_calls(&self) -> Vec<Call> {
        self.calls.take()
    }

    fn log(&self, kind: CallKind, addr: Addr, len: usize) {
        self.calls.borrow_mut().push(Call { kind, addr, len });
    }

    /// Checks a range as a whole.
    fn check_range(&self, addr: Addr, len: u64) -> Result<(), Fault> {
        let Some(user_end) = self.user_end else { return Ok(()) };
        match addr.checked_add(len) {
            Some(end) if end <= user_end => Ok(()),
            _ => Err(Fault::new(FaultKind::OutOfRange, addr)),
        }
    }

    /// Returns the address of the byte `offset` bytes above `addr`, when it may be accessed.
    fn check_byte(
        &self,
        addr: Addr,
        offset: u64,
        access: AccessType,
        opts: IoOpts,
    ) -> Result<u64, Fault> {
        let at = addr.checked_add(offset);
        let at = at.ok_or(Fault::new(FaultKind::OutOfRange, Addr::MAX))?;
        let bytes = self.bytes.borrow();
        let byte = bytes.get(&at.get()).ok_or(Fault::new(FaultKind::Unmapped, at))?;
        let allowed = if opts.ignore_permissions { byte.max_access } else { byte.access };
        if !allowed.superset_of(access) {
            return Err(Fault::new(FaultKind::Protection, at));
        }
        byte.fault.map_or(Ok(at.get()), |kind| Err(Fault::new(kind, at)))
    }

    /// Calls `touch` with the index and the value of each byte that may be accessed.
    fn each_byte(
        &self,
        addr: Addr,
        len: usize,
        access: AccessType,
        opts: IoOpts,
        mut touch: impl FnMut(usize, &mut u8),
    ) -> Transfer {
        self.check_range(addr, len as u64).map_err(|fault| Partial::new(0, fault))?;
        for index in 0..len {
            let at = self
                .check_byte(addr, index as u64, access, opts)
                .map_err(|fault| Partial::new(index, fault))?;
            let mut bytes = self.bytes.borrow_mut();
            touch(index, &mut bytes.get_mut(&at).expect("it was just checked").value);
        }
        Ok(len)
    }

    /// Returns the addresses of the bytes that may be accessed before the first fault, and it.
    fn prefix(
        &self,
        ranges: AddrRangeSeq<'_>,
        access: AccessType,
        opts: IoOpts,
    ) -> (Vec<u64>, Option<Fault>) {
        let mut addrs = Vec::new();
        for range in ranges {
            if let Err(fault) = self.check_range(range.start(), range.len()) {
                return (addrs, Some(fault));
            }
            for offset in 0..range.len() {
                match self.check_byte(range.start(), offset, access, opts) {
                    Ok(addr) => addrs.push(addr),
                    Err(fault) => return (addrs, Some(fault)),
                }
            }
        }
        (addrs, None)
    }

    /// Reads a word, and writes what `new` makes of it.
    fn update_word(
        &self,
        addr: AlignedAddr<4>,
        access: AccessType,
        opts: IoOpts,
        new: impl FnOnce(u32) -> u32,
    ) -> Result<u32, Fault> {
        let addr = addr.addr();
        let mut word = [0; 4];
        self.each_byte(addr, 4, access, opts, |index, value| word[index] = *value)
            .map_err(|partial| partial.cause)?;
        let old = u32::from_le_bytes(word);
        let word = new(old).to_le_bytes();
        self.each_byte(addr, 4, access, opts, |index, value| *value = word[index])
            .map_err(|partial| partial.cause)?;
        Ok(old)
    }
}

/// Returns the result of a streaming transfer, of which only `moved` bytes can have been touched.
fn finish(streamed: Transfer<safecopy::StreamError>, left_out: Option<Fault>) -> Transfer<IoCause> {
    let own_memory = |_| unreachable!("the blocks of a model are memory of our own");
    let moved =
        streamed.map_err(|p| p.map_cause(|cause| IoCause::from_stream(cause, own_memory)))?;
    left_out.map_or(Ok(moved), |fault| Err(Partial::new(moved, fault.into())))
}

/// Returns how many bytes moved.
fn count<C>(transfer: &Transfer<C>) -> usize {
    let (Ok(done) | Err(Partial { done, .. })) = transfer;
    *done
}

impl Io for ModelMemory {
    fn copy_out(&self, addr: Addr, src: &[u8], opts: IoOpts) -> Transfer {
        self.log(CallKind::CopyOut, addr, src.len());
        self.each_byte(addr, src.len(), AccessType::WRITE, opts, |i, value| *value = src[i])
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8], opts: IoOpts) -> Transfer {
        self.log(CallKind::CopyIn, addr, dst.len());
        self.each_byte(addr, dst.len(), AccessType::READ, opts, |i, value| dst[i] = *value)
    }

    fn zero_out(&self, addr: Addr, len: usize, opts: IoOpts) -> Transfer {
        self.log(CallKind::ZeroOut, addr, len);
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
        let streamed = reader.read_to_blocks(DstBlockSeq::of(DstBlock::from_slice(&mut scratch)));
        let mut bytes = self.bytes.borrow_mut();
        for (addr, value) in addrs.iter().zip(&scratch).take(count(&streamed)) {
            bytes.get_mut(addr).expect("it was just checked").value = *value;
        }
        finish(streamed, fault)
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
        finish(writer.write_from_blocks(SrcBlockSeq::of(SrcBlock::from_slice(&scratch))), fault)
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
