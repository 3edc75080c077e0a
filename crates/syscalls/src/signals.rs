//! Signals: dispositions, masks, sending, delivery to handlers of the program.

mod actions;
mod deliver;
mod frame;
mod send;
mod wait;

#[cfg_attr(target_arch = "x86_64", path = "signals/arch/x86_64.rs")]
#[cfg_attr(target_arch = "aarch64", path = "signals/arch/aarch64.rs")]
mod arch;

use kernel_task::{CurrentTask, SigSet};
use usermem_types::{Addr, Errno};

pub(crate) use actions::{rt_sigaction, rt_sigpending, rt_sigprocmask, sigaltstack};
pub(crate) use deliver::{deliver_fault, deliver_pending, rt_sigreturn};
pub(crate) use send::{kill, raise, tgkill, tkill};
#[cfg(target_arch = "x86_64")]
pub(crate) use wait::pause;
pub(crate) use wait::{replace_mask, restore_mask, rt_sigsuspend, rt_sigtimedwait};

/// Copies a `sigset_t` in, whose size the program tells.
///
/// # Errors
/// `EINVAL` for a size other than eight; `EFAULT`.
pub(crate) fn copy_in_set(task: &CurrentTask, addr: Addr, size: u64) -> Result<SigSet, Errno> {
    if size != 8 {
        return Err(Errno::EINVAL);
    }
    task.copy_in(addr).map(SigSet)
}
