//! Application memory in the most naive way.

use std::cell::RefCell;
use std::collections::BTreeMap;

use usermem_io::IoOpts;
use usermem_types::{
    AccessType, Addr, AddrRange, AddrRangeSeq, AlignedAddr, Fault, FaultKind, Partial, Transfer,
};

use crate::{Area, Layout};

mod chains;
mod expected;
mod io;

#[cfg(test)]
mod tests;

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
///
/// It follows the rules that are documented for two kinds of [`Io`](usermem_io::Io): those of a
/// [`BytesIo`](usermem_io::BytesIo) as it is created, and those of a memory manager
/// [`with_user_end`](Self::with_user_end).
///
/// ```
/// use testkit::{Layout, ModelMemory};
/// use usermem_io::{Io, IoOpts};
/// use usermem_types::{Addr, Fault, FaultKind, Partial};
///
/// let memory = ModelMemory::new(&Layout::parse("rw- 1000-1004; r-- 1004-1008"));
/// let copied = memory.copy_out(Addr::new(0x1002), b"abcd", IoOpts::CHECKED);
/// let fault = Fault::new(FaultKind::Protection, Addr::new(0x1004));
/// assert_eq!(copied, Err(Partial::new(2, fault)));
/// assert_eq!(memory.content(), b"\0\0ab\0\0\0\0");
/// ```
#[derive(Debug, Default)]
pub struct ModelMemory {
    bytes: RefCell<BTreeMap<u64, ModelByte>>,
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

    /// Makes every transfer fail as a whole that does not end at or before `end`, those of length
    /// zero included, and streams of which any range does, as a memory manager does.
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

    /// Removes what is mapped in a range.
    pub fn unmap(&self, range: AddrRange) {
        self.bytes.borrow_mut().retain(|addr, _| !range.contains(Addr::new(*addr)));
    }

    /// Changes what the program may do in a range, where something is mapped.
    pub fn protect(&self, range: AddrRange, access: AccessType) {
        let addrs = range.start().get()..range.end().get();
        for (_, byte) in self.bytes.borrow_mut().range_mut(addrs) {
            byte.access = access.effective();
        }
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
        }
        for range in ranges {
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
