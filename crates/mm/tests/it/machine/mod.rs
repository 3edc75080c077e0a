//! Address spaces, each with a thread of the program that runs in it.

mod mirror;
mod null;
#[cfg(target_arch = "x86_64")]
mod ptrace;

use std::sync::Arc;

use memmap::AddressSpace;
use platform::{FaultInfo, SoftCpu, SoftMemory};
use usermem_types::Addr;

pub(crate) use mirror::{Crowded, Mirror};
pub(crate) use null::Null;
#[cfg(target_arch = "x86_64")]
pub(crate) use ptrace::Ptrace;

/// One instruction of the program.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Access {
    /// Reads a byte.
    Load(Addr),
    /// Writes a byte.
    Store(Addr, u8),
    /// Reads eight bytes.
    LoadWord(Addr),
    /// Writes eight bytes.
    StoreWord(Addr, u64),
    /// Jumps to a [`CALL`].
    Fetch(Addr),
}

/// An instruction that a program can jump to.
pub(crate) const CALL: [u8; 2] = [0x0f, 0x05];

/// An address space, and a thread of the program that runs in it.
pub(crate) trait Machine {
    /// How many cases of a property are tried here.
    const CASES: u32;

    /// Makes an empty address space.
    fn new() -> Self;

    /// Returns the address space.
    fn space(&self) -> Arc<dyn AddressSpace>;

    /// Runs one instruction, once; returns what it read.
    fn access(&mut self, access: Access) -> Result<u64, FaultInfo>;

    /// Returns how many bytes are mapped, where that is known.
    fn mapped_bytes(&self) -> Option<u64>;
}

/// Runs an instruction in software.
fn soft_access<M: SoftMemory>(space: &M, access: Access) -> Result<u64, FaultInfo> {
    let mut cpu = SoftCpu::new(space);
    cpu.pc = Addr::new(0x4242_4240);
    let mut word = [0; 8];
    match access {
        Access::Load(addr) => cpu.load(addr, &mut word[..1])?,
        Access::LoadWord(addr) => cpu.load(addr, &mut word)?,
        Access::Store(addr, byte) => cpu.store(addr, &[byte])?,
        Access::StoreWord(addr, word) => cpu.store(addr, &word.to_le_bytes())?,
        Access::Fetch(addr) => {
            cpu.fetch(addr, &mut word[..CALL.len()])?;
            assert_eq!(word[..CALL.len()], CALL, "the program runs away at {addr}");
            word = [0; 8];
        }
    }
    Ok(u64::from_le_bytes(word))
}
