//! Calls that end in the application: the stub's code makes one, looks at its result, takes the
//! application's registers from the [`ReturnPage`] and goes on as the application.
//!
//! That saves the stop between the two. From then on nobody takes the application's calls away, so
//! the stub's filter has to stop each of them: see [`Filter`](super::filter::Filter).

use usermem_types::Errno;

use super::arch::{self, Progress, UserRegs};
use super::return_page::ReturnPage;
use super::sys::{self, Resume, Stop};
use super::tracee::{Tracee, decode_result, shared_mapping};
use crate::PlatformError;

/// A call after which the application goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Call {
    pub(super) nr: libc::c_long,
    pub(super) args: [u64; 6],
    /// The only result after which the application may go on.
    pub(super) expected: u64,
}

/// How far a call came that was under way when the stub stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Landing {
    /// It was made, and the application has been running: the stop is its own.
    Over,
    /// It was made, with the expected result.
    Made,
    /// It was not made yet.
    NotMade,
    /// It had another result than the expected one.
    Failed(Errno),
}

/// A call under way, and the application's registers, of which some are in the stub no more, or not yet again.
#[derive(Debug)]
pub(super) struct Flight {
    pub(super) saved: UserRegs,
    pub(super) call: Call,
}

impl Tracee {
    /// Gives the stub the page that it needs for [`run_after`](Self::run_after), if it can have one.
    pub(super) fn map_return_page(&mut self) -> Result<(), PlatformError> {
        if !arch::CAN_RETURN || has_outer_filter() {
            return Ok(());
        }
        // Without descriptors or memory left, there is one stop more for each change.
        let Ok((page, fd)) = ReturnPage::new() else { return Ok(()) };
        let place = (self.page().end(), rustix::param::page_size() as u64);
        let mapped =
            self.inject(libc::SYS_mmap, shared_mapping(place, libc::PROT_READ, 0, &fd, 0))?;
        self.check("mmap of a page for registers in a stub", mapped)?;
        self.return_page = Some(page);
        Ok(())
    }

    /// Returns whether [`run_after`](Self::run_after) is possible: not every application can be returned to
    /// from where it is.
    pub(super) fn can_run_after(&mut self) -> Result<bool, PlatformError> {
        let stub = self.page().start();
        Ok(self.return_page.is_some() && arch::can_return_to(stub, self.regs()?))
    }

    /// Puts the application's registers where they were, performs a call and runs the application until
    /// it stops; [`landed`](Self::landed) must follow.
    ///
    /// # Panics
    /// When that is not possible.
    pub(super) fn run_after(&mut self, call: Call) -> Result<(), PlatformError> {
        self.alive()?;
        let (stub, nonce) = (self.page().start(), self.filter.nonce());
        let signed = (call.nr as u64, self.filter.sign(call.args));
        let regs = self.regs_mut()?;
        assert!(arch::can_return_to(stub, regs), "our own invariant: somebody has asked");
        arch::sanitize(regs);
        let saved = *regs;
        let (start, words) = arch::returning_call(stub, signed, call.expected, nonce, &saved);
        let page = self.return_page.as_ref();
        page.expect("our own invariant: somebody has asked").write(&words);
        let set = sys::set_registers(self.pid(), &start);
        self.check("ptrace(PTRACE_SETREGS)", set)?;
        self.flight = Some(Flight { saved, call });
        self.forget_regs();
        self.resume(Resume::Continue)
    }

    /// Says what became of the call of [`run_after`](Self::run_after), when the stub has stopped; `None` when
    /// there was none. The registers are the application's again.
    pub(super) fn landed(&mut self, stop: Stop) -> Result<Option<(Call, Landing)>, PlatformError> {
        let Some(Flight { saved, call }) = self.flight.take() else { return Ok(None) };
        if !matches!(stop, Stop::Signal(_)) {
            // It was the application that made this call: the stub's own is allowed.
            return Ok(Some((call, Landing::Over)));
        }
        let (stub, nonce) = (self.page().start(), self.filter.nonce());
        let regs = self.regs()?;
        let landing = match arch::progress(stub, regs, nonce) {
            Progress::Elsewhere => return Ok(Some((call, Landing::Over))),
            Progress::Leaving => {
                arch::set_pc(self.regs_mut()?, arch::pc(&saved));
                return Ok(Some((call, Landing::Made)));
            }
            Progress::NotMade => Landing::NotMade,
            Progress::Made => Landing::Made,
            Progress::Result(value) => match decode_result(value) {
                Ok(value) if value == arch::expected(regs) => Landing::Made,
                Ok(_) => Landing::Failed(Errno::EPROTO),
                Err(errno) => Landing::Failed(errno),
            },
        };
        *self.regs_mut()? = saved;
        Ok(Some((call, landing)))
    }
}

/// Returns whether somebody filters our own calls, and so the stub's: such a filter would answer calls
/// of the application that should stop it.
fn has_outer_filter() -> bool {
    let status = std::fs::read_to_string("/proc/thread-self/status").unwrap_or_default();
    !status.lines().any(|line| line.strip_prefix("Seccomp:").is_some_and(|mode| mode.trim() == "0"))
}
