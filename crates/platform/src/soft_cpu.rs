//! A processor in software.

use usermem_types::Addr;

use crate::FaultInfo;

/// An address space whose memory can be accessed as a program's processor would: through what is
/// mapped there and nothing else.
///
/// An access that is refused may have moved the bytes before the address of the refusal, as a
/// string instruction does; none when it lies on one page.
pub trait SoftMemory {
    /// Reads `dst.len()` bytes.
    ///
    /// # Errors
    /// Where the first byte lies that cannot be read, and why.
    fn load(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal>;

    /// Reads `dst.len()` bytes as instructions.
    ///
    /// # Errors
    /// Where the first byte lies that cannot be executed, and why.
    fn fetch(&self, addr: Addr, dst: &mut [u8]) -> Result<(), Refusal>;

    /// Writes the bytes of `src`.
    ///
    /// # Errors
    /// Where the first byte lies that cannot be written, and why.
    fn store(&self, addr: Addr, src: &[u8]) -> Result<(), Refusal>;
}

/// Why an access of a [`SoftMemory`] failed: what hardware tells of a fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The first byte that could not be accessed.
    pub addr: Addr,
    /// A mapping is there and does not allow the access.
    pub denied: bool,
    /// A mapping is there and has no memory behind it.
    pub bus: bool,
}

/// Accesses memory as the processor of a program does; its faults are those that a
/// [`Context`](crate::Context) would report.
///
/// ```
/// use platform::{SoftCpu, null::NullAddressSpace};
/// use usermem_types::Addr;
///
/// let space = NullAddressSpace::new();
/// let mut cpu = SoftCpu::new(&space);
/// cpu.pc = Addr::new(0x40_0000);
/// let fault = cpu.load(Addr::new(0x50_0000), &mut [0]).unwrap_err();
/// assert_eq!((fault.addr.get(), fault.pc.get()), (0x50_0000, 0x40_0000));
/// assert!(!fault.denied && !fault.maybe_execute && !fault.bus);
/// ```
#[derive(Debug)]
pub struct SoftCpu<'a, M: ?Sized> {
    memory: &'a M,
    /// The instruction pointer that faults carry; fetches use their own address.
    pub pc: Addr,
    /// The stack pointer that faults carry.
    pub sp: Addr,
}

impl<'a, M: SoftMemory + ?Sized> SoftCpu<'a, M> {
    /// Creates a processor with its registers at zero.
    #[must_use]
    pub fn new(memory: &'a M) -> Self {
        Self { memory, pc: Addr::ZERO, sp: Addr::ZERO }
    }

    /// Reads `dst.len()` bytes.
    ///
    /// # Errors
    /// The fault of the first page that refuses.
    pub fn load(&self, addr: Addr, dst: &mut [u8]) -> Result<(), FaultInfo> {
        self.memory.load(addr, dst).map_err(|refusal| self.fault(refusal, self.pc))
    }

    /// Reads `dst.len()` bytes as instructions.
    ///
    /// # Errors
    /// The fault of the first page that refuses.
    pub fn fetch(&self, addr: Addr, dst: &mut [u8]) -> Result<(), FaultInfo> {
        self.memory.fetch(addr, dst).map_err(|refusal| {
            if refusal.denied {
                // As on hardware, a page is there before it turns out that it cannot be executed.
                let _ = self.memory.load(refusal.addr, &mut [0]);
            }
            self.fault(refusal, addr)
        })
    }

    /// Writes the bytes of `src`.
    ///
    /// # Errors
    /// The fault of the first page that refuses.
    pub fn store(&self, addr: Addr, src: &[u8]) -> Result<(), FaultInfo> {
        self.memory.store(addr, src).map_err(|refusal| self.fault(refusal, self.pc))
    }

    fn fault(&self, refusal: Refusal, pc: Addr) -> FaultInfo {
        let Refusal { addr, denied, bus } = refusal;
        let maybe_execute = addr.get().wrapping_sub(pc.get()) < 16;
        FaultInfo { addr, denied, maybe_execute, bus, pc, sp: self.sp }
    }
}
