//! Accesses through the window.

use memmap::AddressSpaceIo;
use rangeset::RangeMap;
use safecopy::{DstBlock, HostFault, SrcBlock};
use usermem_types::{Addr, AddrRange, Fault, FaultKind, Partial, Transfer};

use super::MirrorAddressSpace;
use super::address_space::{Shown, keys};
use crate::soft_cpu::{Refusal, SoftMemory};

impl MirrorAddressSpace {
    /// Runs a copy over the `len` bytes at `addr`; `copy` is given how many bytes it has moved
    /// before, and where to go on.
    ///
    /// What was mapped when an access faulted can be something else by now. So the access is made
    /// once more while nothing changes: what is reported then was true at one moment.
    fn transfer(
        &self,
        addr: Addr,
        len: usize,
        mut copy: impl FnMut(usize, DstBlock<'_>) -> Transfer<HostFault>,
    ) -> Transfer {
        let inside = self.inside(addr, len);
        let block = self.block(inside);
        let done = copy(0, block).or_else(|first| {
            let shown = self.shown.read();
            let rest = copy(first.done, block.drop_first(first.done));
            rest.map(|more| first.done + more).map_err(|second| {
                let second = second.after(first.done);
                let at = addr.saturating_add(second.done as u64);
                second.map_cause(|host| explain(&shown, at, host.kind))
            })
        })?;
        if done < len {
            let at = addr.saturating_add(done as u64);
            return Err(Partial::new(done, Fault::new(FaultKind::Unmapped, at)));
        }
        Ok(done)
    }

    /// Runs an access to the word at `addr`, again as [`MirrorAddressSpace::transfer`] does.
    fn word(
        &self,
        addr: Addr,
        access: impl Fn(DstBlock<'_>) -> Result<u32, HostFault>,
    ) -> Result<u32, Fault> {
        let block = self.block(self.inside(addr, size_of::<u32>()));
        if block.len() < size_of::<u32>() {
            return Err(Fault::new(FaultKind::Unmapped, addr));
        }
        access(block).or_else(|_| {
            let shown = self.shown.read();
            access(block).map_err(|host| explain(&shown, addr, host.kind))
        })
    }

    /// Returns the prefix of `len` bytes at `addr` that lies in the window.
    fn inside(&self, addr: Addr, len: usize) -> AddrRange {
        let user = memmap::AddressSpace::user_range(self);
        let end = addr.saturating_add(len as u64).min(user.end());
        let range = user.contains(addr).then(|| AddrRange::new(addr, end)).flatten();
        range.unwrap_or_default()
    }

    /// Returns our addresses of a range inside the window.
    fn block(&self, range: AddrRange) -> DstBlock<'_> {
        if range.is_empty() {
            return DstBlock::default();
        }
        // Loses no bits: the range lies in the window, whose length is a `usize`.
        self.window.block(self.offset(range.start()), range.len() as usize)
    }
}

/// Returns the fault of an access that the host answered with `kind`. To the host there is always
/// a mapping in the window, and be it the reservation.
fn explain(shown: &RangeMap<Shown>, addr: Addr, kind: FaultKind) -> Fault {
    let kind = match kind {
        FaultKind::Unmapped | FaultKind::Protection => match shown.get(addr.get()) {
            Some(_) => FaultKind::Protection,
            None => FaultKind::Unmapped,
        },
        other => other,
    };
    Fault::new(kind, addr)
}

impl AddressSpaceIo for MirrorAddressSpace {
    fn copy_out(&self, addr: Addr, src: &[u8]) -> Transfer {
        self.transfer(addr, src.len(), |done, block| {
            safecopy::copy(block, SrcBlock::from_slice(src).drop_first(done))
        })
    }

    fn copy_in(&self, addr: Addr, dst: &mut [u8]) -> Transfer {
        let len = dst.len();
        self.transfer(addr, len, |done, block| {
            safecopy::copy(DstBlock::from_slice(dst).drop_first(done), block.as_source())
        })
    }

    fn zero_out(&self, addr: Addr, len: usize) -> Transfer {
        self.transfer(addr, len, |_, block| safecopy::zero(block))
    }

    fn swap_u32(&self, addr: Addr, new: u32) -> Result<u32, Fault> {
        self.word(addr, |word| safecopy::atomic::swap(word, new))
    }

    fn compare_exchange_u32(&self, addr: Addr, old: u32, new: u32) -> Result<u32, Fault> {
        self.word(addr, |word| safecopy::atomic::compare_exchange(word, old, new))
    }

    fn load_u32(&self, addr: Addr) -> Result<u32, Fault> {
        self.word(addr, |word| safecopy::atomic::load(word.as_source()))
    }
}

impl SoftMemory for MirrorAddressSpace {
    fn load(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal> {
        self.copy_in(addr, dst).map(drop).map_err(refusal)
    }

    fn fetch(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal> {
        let len = dst.len();
        // The host knows nothing of execution, so nothing may change between asking and reading.
        let shown = self.shown.read();
        let executable = executable_prefix(&shown, self.inside(addr, len));
        let dst = DstBlock::from_slice(dst);
        let read = safecopy::copy(dst, self.block(executable).as_source()).map_err(|partial| {
            let at = addr.saturating_add(partial.done as u64);
            refusal(partial.map_cause(|host| explain(&shown, at, host.kind)))
        })?;
        if read == len {
            return Ok(());
        }
        let addr = addr.saturating_add(read as u64);
        Err(Refusal { addr, denied: shown.get(addr.get()).is_some(), bus: false })
    }

    fn store(&self, addr: Addr, src: &[u8]) -> Result<(), Refusal> {
        self.copy_out(addr, src).map(drop).map_err(refusal)
    }
}

/// Returns the part of `wanted` before the first byte that may not be executed.
fn executable_prefix(shown: &RangeMap<Shown>, wanted: AddrRange) -> AddrRange {
    let mut end = wanted.start().get();
    for (held, shown) in shown.iter_in(keys(wanted)) {
        if held.start > end || !shown.0.execute() {
            break;
        }
        end = held.end;
    }
    wanted.take_first(end - wanted.start().get())
}

/// Returns a fault as hardware reports it.
fn refusal(partial: Partial<Fault>) -> Refusal {
    let Fault { kind, addr } = partial.cause;
    Refusal { addr, denied: kind == FaultKind::Protection, bus: kind == FaultKind::Bus }
}
