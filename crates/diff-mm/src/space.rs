//! The address spaces in which scripts can run here.

use std::fmt;
use std::sync::Arc;

use memmap::AddressSpace;
use platform::mirror::{MirrorAddressSpace, MirrorPlatform};
use platform::null::NullAddressSpace;
use platform::{FaultInfo, PlatformError, SoftCpu, SoftMemory};
use usermem_types::{AccessType, Addr};

use crate::window::WINDOW;

/// A back end of the memory manager under which scripts can run.
pub trait Space: fmt::Debug {
    /// Returns what the kind of address space is called.
    fn name(&self) -> &'static str;

    /// Returns a new empty address space of the same kind.
    ///
    /// # Errors
    /// The host's reason to refuse it.
    fn another(&self) -> Result<Box<dyn Space>, PlatformError>;

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

/// An address space with a processor in software.
#[derive(Debug)]
pub struct SoftSpace<S> {
    space: Arc<S>,
    name: &'static str,
    make: fn() -> Result<S, PlatformError>,
}

impl SoftSpace<NullAddressSpace> {
    /// Returns a space that only records mappings.
    ///
    /// # Errors
    /// None today.
    pub fn null() -> Result<Self, PlatformError> {
        Self::new("null", || Ok(NullAddressSpace::default()))
    }
}

impl SoftSpace<MirrorAddressSpace> {
    /// Returns a space that is a window of this process.
    ///
    /// # Errors
    /// The host's reason to refuse it.
    pub fn mirror() -> Result<Self, PlatformError> {
        Self::new("mirror", || MirrorPlatform::new()?.new_mirror())
    }
}

impl<S> SoftSpace<S> {
    fn new(
        name: &'static str,
        make: fn() -> Result<S, PlatformError>,
    ) -> Result<Self, PlatformError> {
        Ok(Self { space: Arc::new(make()?), name, make })
    }
}

impl<S: AddressSpace + SoftMemory + fmt::Debug + 'static> Space for SoftSpace<S> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn another(&self) -> Result<Box<dyn Space>, PlatformError> {
        Ok(Box::new(Self::new(self.name, self.make)?))
    }

    fn address_space(&self) -> Arc<dyn AddressSpace> {
        Arc::<S>::clone(&self.space)
    }

    fn touch(&self, addr: Addr, access: AccessType, byte: &mut u8) -> Result<(), FaultInfo> {
        let mut cpu = SoftCpu::new(&*self.space);
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
