//! Waiting for signals.

use kernel_task::{CurrentTask, SigSet};
use usermem_types::{Addr, Errno};

use super::{copy_in_set, frame};
use crate::time::{Timespec, expire_timers, monotonic, sleep_or_pause, until_timer};
use crate::{Args, SysResult};

/// Replaces the mask until the call that does so is over and the signals that it let through have
/// been delivered.
pub(crate) fn replace_mask(task: &CurrentTask, mask: SigSet) {
    let mut signals = task.task().signals().lock();
    signals.saved_mask = Some(signals.mask);
    signals.set_mask(mask);
}

/// Goes back to the mask that [`replace_mask`] replaced, when the call that did so has not been
/// interrupted: what it let through waits again.
pub(crate) fn restore_mask(task: &CurrentTask) {
    let mut signals = task.task().signals().lock();
    if let Some(mask) = signals.saved_mask.take() {
        signals.mask = mask;
    }
}

pub(crate) fn rt_sigsuspend(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mask = copy_in_set(task, args.addr(0), args.raw(1))?;
    replace_mask(task, mask);
    wait_for_delivery(task)
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn pause(task: &mut CurrentTask, _args: &Args) -> SysResult {
    wait_for_delivery(task)
}

/// Waits until a signal can be delivered. Without one under way and without a timer, none can
/// come but one that ends us.
fn wait_for_delivery(task: &mut CurrentTask) -> SysResult {
    loop {
        expire_timers(task);
        if task.task().signals().lock().has_deliverable() {
            return Err(Errno::EINTR);
        }
        sleep_or_pause(until_timer(task));
    }
}

pub(crate) fn rt_sigtimedwait(task: &mut CurrentTask, args: &Args) -> SysResult {
    let set = copy_in_set(task, args.addr(0), args.raw(3))?;
    let timeout = match args.addr(2) {
        Addr::ZERO => None,
        addr => Some(task.copy_in::<Timespec>(addr)?.duration()?),
    };
    let deadline = timeout.map(|timeout| monotonic().saturating_add(timeout));
    let set = SigSet(set.0 & !SigSet::UNBLOCKABLE.0);
    let info = loop {
        expire_timers(task);
        let mut signals = task.task().signals().lock();
        if let Some(info) = signals.take(set) {
            break info;
        }
        let interrupted = signals.has_deliverable();
        drop(signals);
        let left = deadline.map(|deadline| deadline.saturating_sub(monotonic()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(Errno::EAGAIN);
        }
        if interrupted {
            return Err(Errno::EINTR);
        }
        let timer = until_timer(task);
        sleep_or_pause(left.into_iter().chain(timer).min());
    };
    if args.addr(1) != Addr::ZERO {
        task.copy_out(args.addr(1), &frame::SigInfoT::from(info))?;
    }
    Ok(info.signal as u64)
}
