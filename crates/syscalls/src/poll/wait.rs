//! The wait that all of them share.

use std::sync::Arc;
use std::time::Duration;

use hostfs::{FileDescription, PollSet};
use kernel_task::CurrentTask;
use rustix::event::{PollFd, PollFlags};
use usermem_types::{Addr, Errno};

use crate::signals::{copy_in_set, replace_mask, restore_mask};
use crate::time::{Timespec, expire_timers, monotonic, until_timer};

/// A file to wait for.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) file: Arc<dyn FileDescription>,
    pub(super) interest: PollSet,
    /// What has happened.
    pub(super) ready: PollSet,
}

impl Watch {
    pub(super) fn new(file: Arc<dyn FileDescription>, interest: PollSet) -> Self {
        let interest = interest | PollSet::ERR | PollSet::HUP;
        Self { file, interest, ready: PollSet::empty() }
    }
}

/// How long to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Timeout {
    /// Only look.
    None,
    /// Until this time on the monotonic clock.
    Until(Duration),
    /// Without end.
    Never,
}

impl Timeout {
    pub(super) fn after(time: Duration) -> Self {
        if time.is_zero() { Self::None } else { Self::Until(monotonic().saturating_add(time)) }
    }

    /// Returns what is left of the time; `None` when there is no end.
    pub(super) fn left(self) -> Option<Duration> {
        match self {
            Self::None => Some(Duration::ZERO),
            Self::Until(deadline) => Some(deadline.saturating_sub(monotonic())),
            Self::Never => None,
        }
    }
}

/// Waits until a file is ready, or time is up; the result is in the watches.
///
/// # Errors
/// `EINTR` when nothing is ready and a signal is there to be delivered.
pub(super) fn wait(
    task: &mut CurrentTask,
    watches: &mut [Watch],
    timeout: Timeout,
) -> Result<(), Errno> {
    let mut any = false;
    for watch in &mut *watches {
        if watch.file.poll_fd().is_none() {
            watch.ready = watch.file.poll(watch.interest) & watch.interest;
            any |= !watch.ready.is_empty();
        }
    }
    let ready = wait_on_host(task, watches, any, timeout)?;
    let mut ready = ready.iter();
    for watch in watches.iter_mut().filter(|watch| watch.file.poll_fd().is_some()) {
        let flags = ready.next().copied().unwrap_or(PollFlags::empty());
        watch.ready = PollSet::from_bits_retain(flags.bits()) & (watch.interest | PollSet::NVAL);
    }
    Ok(())
}

/// Waits on the host's descriptors and returns what is ready on them, in order. When `look` says
/// that something else is ready already, or that time is up, nothing is waited for.
fn wait_on_host(
    task: &mut CurrentTask,
    watches: &[Watch],
    mut look: bool,
    timeout: Timeout,
) -> Result<Vec<PollFlags>, Errno> {
    let mut fds: Vec<PollFd<'_>> = watches
        .iter()
        .filter_map(|watch| {
            let flags = PollFlags::from_bits_retain(watch.interest.bits());
            Some(PollFd::from_borrowed_fd(watch.file.poll_fd()?, flags))
        })
        .collect();
    loop {
        expire_timers(task);
        let interrupted = task.task().signals().lock().has_deliverable();
        let left = timeout.left();
        look |= left == Some(Duration::ZERO);
        let pause = if look || interrupted {
            Some(Duration::ZERO)
        } else {
            left.into_iter().chain(until_timer(task)).min()
        };
        let pause = pause
            .map(Timespec::from)
            .map(|pause| rustix::event::Timespec { tv_sec: pause.sec, tv_nsec: pause.nsec });
        let count = match rustix::event::poll(&mut fds, pause.as_ref()) {
            Err(rustix::io::Errno::INTR) => continue,
            other => other.map_err(|errno| Errno::from_raw(errno.raw_os_error()))?,
        };
        if count > 0 || look {
            return Ok(fds.iter().map(PollFd::revents).collect());
        }
        if interrupted {
            return Err(Errno::EINTR);
        }
    }
}

/// Replaces the mask for a call, if it asks for that.
///
/// # Errors
/// `EINVAL` for a size other than eight; `EFAULT`.
pub(super) fn set_mask(task: &CurrentTask, set: Addr, size: u64) -> Result<(), Errno> {
    if set != Addr::ZERO {
        replace_mask(task, copy_in_set(task, set, size)?);
    }
    Ok(())
}

/// Ends a call: the old mask comes back, unless the call was interrupted, for then the signal has
/// to get through first; and the rest of the time is stored, as Linux does, by `store`, whose
/// failure is not the call's.
pub(super) fn finish<T>(
    task: &CurrentTask,
    result: &Result<T, Errno>,
    timeout: Timeout,
    store: impl FnOnce(Duration) -> Result<(), Errno>,
) {
    if !matches!(result, Err(Errno::EINTR)) {
        restore_mask(task);
    }
    if let Timeout::Until(_) = timeout {
        let _ = store(timeout.left().unwrap_or_default());
    }
}
