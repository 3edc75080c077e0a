//! Faults of the running program.

use std::sync::atomic::Ordering;

use platform::FaultInfo;
use rangeset::KeyRange;
use usermem_types::{AccessType, Addr, FaultKind};

use crate::MemoryManager;
use crate::active::{Active, Detached};
use crate::range::{PAGE, PAGE_SIZE, neighbourhood};
use crate::vma::Vma;

/// `SIGBUS`.
const SIGBUS: i32 = 7;
/// `SIGSEGV`.
const SIGSEGV: i32 = 11;
/// `SEGV_MAPERR`: nothing is mapped there.
const SEGV_MAPERR: i32 = 1;
/// `SEGV_ACCERR`: the mapping does not allow it.
const SEGV_ACCERR: i32 = 2;
/// `BUS_ADRERR`: there is no memory behind the mapping.
const BUS_ADRERR: i32 = 2;

/// A fault that the program made and that only a signal can answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UserFault {
    /// The signal.
    pub signal: i32,
    /// Its `si_code`.
    pub code: i32,
    /// Its `si_addr`.
    pub addr: Addr,
}

impl UserFault {
    fn new(kind: FaultKind, addr: Addr) -> Self {
        let (signal, code) = match kind {
            FaultKind::Protection => (SIGSEGV, SEGV_ACCERR),
            FaultKind::Bus | FaultKind::NoMemory => (SIGBUS, BUS_ADRERR),
            FaultKind::Unmapped | FaultKind::OutOfRange | FaultKind::Misaligned => {
                (SIGSEGV, SEGV_MAPERR)
            }
        };
        Self { signal, code, addr }
    }
}

impl MemoryManager {
    /// Makes an access possible that the program could not complete, so that it can be tried
    /// again.
    ///
    /// The hardware does not tell a read from a write here. Where nothing was shown it counts as a
    /// read, and the page is shown with all that it allows; where something was shown and refused
    /// the access, it is a write, or a jump to what is not executable.
    ///
    /// # Errors
    /// The signal to deliver when the access is the program's own fault.
    pub fn handle_user_fault(&self, fault: &FaultInfo) -> Result<(), UserFault> {
        self.faults.fetch_add(1, Ordering::Relaxed);
        let addr = fault.addr.untagged();
        let refuse = |kind| UserFault::new(kind, fault.addr);
        if addr < self.layout.min || addr >= self.layout.max {
            return Err(refuse(FaultKind::Unmapped));
        }
        if fault.bus {
            return Err(refuse(FaultKind::Bus));
        }
        let mut may_grow = true;
        let mapping = loop {
            let mapping = self.mapping.read();
            if mapping.vmas.get(addr.get()).is_some() {
                break mapping;
            }
            drop(mapping);
            if !may_grow || !self.grow_stack(addr) {
                return Err(refuse(FaultKind::Unmapped));
            }
            may_grow = false;
        };
        let (_, vma) = mapping.vmas.get(addr.get()).ok_or(refuse(FaultKind::Unmapped))?;
        let access = intended(fault, vma);
        if !vma.effective().superset_of(access) {
            return Err(refuse(FaultKind::Protection));
        }
        let page = PAGE_SIZE.round_down(addr.get());
        let page = KeyRange::new(page, page + PAGE);
        let mut detached = Detached::new(&*self.space);
        let mut active = self.active.write();
        let present = self.make_present(&mapping, &mut active, page, access, &mut detached);
        if present.end < page.end {
            return Err(refuse(present.fault.unwrap_or(FaultKind::Bus)));
        }
        let range = to_show(&active, page, present.fresh);
        self.show(&active, range, false).map_err(|_| refuse(FaultKind::NoMemory))?;
        detached.replaced(range);
        Ok(())
    }
}

/// Returns what the program was doing.
fn intended(fault: &FaultInfo, vma: &Vma) -> AccessType {
    match (fault.denied, fault.maybe_execute, vma.effective().execute()) {
        (false, true, true) | (true, true, false) => AccessType::EXECUTE,
        (false, ..) => AccessType::READ,
        (true, ..) => AccessType::WRITE,
    }
}

/// Returns what to show in answer to a fault on `page`: what has just been made; otherwise all of
/// an object's pages, and of private ones, which may be many, the neighbourhood.
pub(crate) fn to_show(active: &Active, page: KeyRange, fresh: KeyRange) -> KeyRange {
    if fresh.contains(page.start) {
        return fresh;
    }
    match active.pmas.get(page.start) {
        Some((held, pma)) if pma.private => neighbourhood(page).intersect(held),
        Some((held, _)) => held,
        None => page,
    }
}
