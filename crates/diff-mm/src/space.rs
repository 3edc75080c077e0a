//! The address spaces in which scripts can run here.

use std::fmt;
use std::sync::Arc;

use memmap::AddressSpace;
use platform::FaultInfo;
use platform::null::{NullAddressSpace, SoftCpu};
use usermem_types::{AccessType, Addr};

use crate::window::WINDOW;

/// A back end of the memory manager under which scripts can run.
pub trait Space: fmt::Debug {
    /// Returns a new empty address space of the same kind.
    fn another(&self) -> Box<dyn Space>;

    /// Returns the address space, for a memory manager.
    fn address_space(&self) -> Arc<dyn AddressSpace>;

    /// Returns where the window of the scripts lies.
    fn window(&self) -> u64 {
        WINDOW
    }

    /// Accesses a byte as the program does: writes `byte`, or reads it.
    ///
    /// # Errors
    /// The fault, for the memory manager to handle.
    fn touch(&self, addr: Addr, access: AccessType, byte: &mut u8) -> Result<(), FaultInfo>;
}

/// The address space that records mappings, with a processor in software.
#[derive(Debug, Default)]
pub struct NullSpace(Arc<NullAddressSpace>);

impl Space for NullSpace {
    fn another(&self) -> Box<dyn Space> {
        Box::new(Self::default())
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        Arc::<NullAddressSpace>::clone(&self.0)
    }

    fn touch(&self, addr: Addr, access: AccessType, byte: &mut u8) -> Result<(), FaultInfo> {
        let mut cpu = SoftCpu::new(&self.0);
        // Far from everything that is accessed.
        cpu.pc = Addr::new(0x4242_4240);
        if access.write() {
            cpu.store(addr, &[*byte])
        } else if access.execute() {
            cpu.fetch(addr, std::slice::from_mut(byte))
        } else {
            cpu.load(addr, std::slice::from_mut(byte))
        }
    }
}
