//! poll and ppoll.

#[cfg(target_arch = "x86_64")]
use std::time::Duration;

use hostfs::PollSet;
use kernel_task::{CurrentTask, Resource};
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::wait::{Timeout, Watch, finish, set_mask, wait};
use crate::time::Timespec;
use crate::{Args, SysResult};

/// `struct pollfd`.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct PollEntry {
    fd: i32,
    events: u16,
    ready: u16,
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn poll(task: &mut CurrentTask, args: &Args) -> SysResult {
    let timeout = match u64::try_from(args.int(2)) {
        Ok(milliseconds) => Timeout::after(Duration::from_millis(milliseconds)),
        Err(_) => Timeout::Never,
    };
    poll_entries(task, args.addr(0), args.uint(1), timeout)
}

pub(crate) fn ppoll(task: &mut CurrentTask, args: &Args) -> SysResult {
    let time = args.addr(2);
    let timeout = match time {
        Addr::ZERO => Timeout::Never,
        _ => Timeout::after(task.copy_in::<Timespec>(time)?.duration()?),
    };
    set_mask(task, args.addr(3), args.raw(4))?;
    let result = poll_entries(task, args.addr(0), args.uint(1), timeout);
    finish(task, &result, timeout, |left| task.copy_out(time, &Timespec::from(left)));
    result
}

/// Waits for the files of an array and stores what happened in it. Returns how many of the files
/// something happened to.
fn poll_entries(task: &mut CurrentTask, array: Addr, count: u32, timeout: Timeout) -> SysResult {
    if u64::from(count) > task.task().limits().lock().get(Resource::OpenFiles).soft {
        return Err(Errno::EINVAL);
    }
    let mut entries: Vec<PollEntry> = task.copy_in_array(array, count as usize)?;
    let waited = poll_copies(task, &mut entries, timeout);
    for (at, entry) in (array.get()..).step_by(size_of::<PollEntry>()).zip(&entries) {
        let at = Addr::new(at + std::mem::offset_of!(PollEntry, ready) as u64);
        task.copy_out(at, &entry.ready)?;
    }
    waited?;
    Ok(entries.iter().filter(|entry| entry.ready != 0).count() as u64)
}

fn poll_copies(
    task: &mut CurrentTask,
    entries: &mut [PollEntry],
    timeout: Timeout,
) -> Result<(), Errno> {
    let mut watches = Vec::new();
    let mut watched = Vec::new();
    let mut timeout = timeout;
    let files = task.task().files().lock();
    for (index, entry) in entries.iter_mut().enumerate() {
        entry.ready = 0;
        if entry.fd < 0 {
            continue;
        }
        match files.get(entry.fd) {
            Ok(open) => {
                let interest = PollSet::from_bits_retain(entry.events);
                watches.push(Watch::new(open.file.clone(), interest));
                watched.push(index);
            }
            Err(_) => {
                entry.ready = PollSet::NVAL.bits();
                timeout = Timeout::None;
            }
        }
    }
    drop(files);
    wait(task, &mut watches, timeout)?;
    for (index, watch) in watched.into_iter().zip(&watches) {
        if let Some(entry) = entries.get_mut(index) {
            entry.ready = watch.ready.bits();
        }
    }
    Ok(())
}
