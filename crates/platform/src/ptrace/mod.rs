//! Stub processes, run and stopped with ptrace.
//!
//! An address space is a process that holds nothing but two pages of ours and what
//! [`AddressSpace::map_file`] put there. Its system calls are taken away before they happen
//! (`PTRACE_SYSEMU`, or a seccomp filter where a change of ours comes first); what it may do to the host is
//! limited to the calls that we inject, by that filter; and it dies with us (`PTRACE_O_EXITKILL`,
//! `PR_SET_PDEATHSIG`).
//!
//! [`AddressSpace`]: memmap::AddressSpace

// In reading order: from what is offered to what it rests on.
mod context;

mod address_space;
mod ranges;

mod flight;
mod tracee;

mod affinity;

mod birth;
mod filter;
mod page;
mod return_page;

mod arch;
mod sys;

mod probe;

#[cfg(test)]
mod tests;

use std::any::Any;
use std::sync::Arc;

use memmap::AddressSpace;
use usermem_types::Errno;

use self::address_space::PtraceAddressSpace;
use self::context::PtraceContext;
use self::page::StubPage;
use crate::{Context, Platform, PlatformError};

pub use self::probe::{Check, probe};

/// Runs application code in stub processes.
///
/// A context belongs to the thread that made it, which is kept on one processor while it exists.
/// An address space runs one context at a time.
#[derive(Debug)]
pub struct PtracePlatform {
    page: StubPage,
}

impl PtracePlatform {
    /// Prepares what stubs are made of.
    ///
    /// # Errors
    /// `ENOSYS` on a machine that the back end does not support; what the host refused.
    pub fn new() -> Result<Self, PlatformError> {
        if !arch::SUPPORTED {
            return Err(PlatformError {
                what: format!("the ptrace platform on {}", std::env::consts::ARCH),
                errno: Errno::ENOSYS,
            });
        }
        Ok(Self { page: StubPage::get()? })
    }
}

/// Spares this process a `SIGCHLD` at every stop of a stub, which makes each a little cheaper.
///
/// For the whole process: a handler of `SIGCHLD` is no longer called when a child merely stops. So
/// this is for a program that has no such handler, and not done unasked.
///
/// # Errors
/// What the host refused.
pub fn quiet_child_stops() -> Result<(), PlatformError> {
    sys::quiet_child_stops()
        .map_err(|errno| PlatformError { what: "sigaction(SIGCHLD)".to_owned(), errno })
}

impl Platform for PtracePlatform {
    fn new_address_space(&self) -> Result<Arc<dyn AddressSpace>, PlatformError> {
        Ok(Arc::new(PtraceAddressSpace::new(self.page)))
    }

    fn new_context(
        &self,
        space: &Arc<dyn AddressSpace>,
    ) -> Result<Box<dyn Context>, PlatformError> {
        let space: Arc<dyn Any + Send + Sync> = Arc::<dyn AddressSpace>::clone(space);
        let space = space.downcast::<PtraceAddressSpace>().map_err(|_| PlatformError {
            what: "the address space is another platform's".to_owned(),
            errno: Errno::EINVAL,
        })?;
        Ok(Box::new(PtraceContext::new(space)?))
    }
}
