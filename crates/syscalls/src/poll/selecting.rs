//! select and pselect6.

#[cfg(target_arch = "x86_64")]
use std::time::Duration;

use hostfs::PollSet;
use kernel_task::{CurrentTask, FdTable};
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::wait::{Timeout, Watch, finish, set_mask, wait};
use crate::time::Timespec;
#[cfg(target_arch = "x86_64")]
use crate::time::Timeval;
use crate::{Args, SysResult};

/// `POLLRDNORM | POLLRDBAND`.
const READ_BANDS: PollSet = PollSet::from_bits_retain(0xc0);
/// `POLLWRNORM | POLLWRBAND`.
const WRITE_BANDS: PollSet = PollSet::from_bits_retain(0x300);

/// What makes a descriptor ready for reading, for writing, and exceptional.
const EVENTS: [PollSet; 3] = [
    PollSet::IN.union(READ_BANDS).union(PollSet::HUP).union(PollSet::ERR),
    PollSet::OUT.union(WRITE_BANDS).union(PollSet::ERR),
    PollSet::PRI,
];

#[cfg(target_arch = "x86_64")]
pub(crate) fn select(task: &mut CurrentTask, args: &Args) -> SysResult {
    let time = args.addr(4);
    let timeout = match time {
        Addr::ZERO => Timeout::Never,
        _ => Timeout::after(normalized(task.copy_in(time)?)?),
    };
    let result = select_sets(task, args, timeout);
    finish(task, &result, timeout, |left| task.copy_out(time, &Timeval::from(left)));
    result
}

/// Returns the time of a `struct timeval` whose microseconds may be more than a second.
#[cfg(target_arch = "x86_64")]
fn normalized(time: Timeval) -> Result<Duration, Errno> {
    let sec = time.sec.wrapping_add(time.usec / 1_000_000);
    Timeval { sec, usec: time.usec % 1_000_000 }.duration()
}

/// The sixth argument of pselect6: a mask and its size.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default)]
#[repr(C)]
struct MaskArgument {
    set: u64,
    size: u64,
}

pub(crate) fn pselect6(task: &mut CurrentTask, args: &Args) -> SysResult {
    let mask = match args.addr(5) {
        Addr::ZERO => MaskArgument::default(),
        addr => task.copy_in(addr)?,
    };
    let time = args.addr(4);
    let timeout = match time {
        Addr::ZERO => Timeout::Never,
        _ => Timeout::after(task.copy_in::<Timespec>(time)?.duration()?),
    };
    set_mask(task, Addr::new(mask.set), mask.size)?;
    let result = select_sets(task, args, timeout);
    finish(task, &result, timeout, |left| task.copy_out(time, &Timespec::from(left)));
    result
}

/// Waits for the descriptors of three sets and replaces the sets by what is ready. Returns how
/// many bits are set then.
fn select_sets(task: &mut CurrentTask, args: &Args, timeout: Timeout) -> SysResult {
    let count = usize::try_from(args.int(0)).map_err(|_| Errno::EINVAL)?;
    let count = count.min(table_size(&task.task().files().lock()));
    let addresses = [args.addr(1), args.addr(2), args.addr(3)];
    let mut sets: [Vec<u64>; 3] = Default::default();
    for (set, addr) in sets.iter_mut().zip(addresses) {
        *set = match addr {
            // Linux does not even check an address that it has nothing to read from.
            _ if count == 0 => Vec::new(),
            Addr::ZERO => vec![0; count.div_ceil(64)],
            _ => task.copy_in_array(addr, count.div_ceil(64))?,
        };
    }
    let (fds, mut watches) = watches(task, &sets, count)?;
    wait(task, &mut watches, timeout)?;

    for set in &mut sets {
        set.fill(0);
    }
    let mut bits = 0;
    for (&(fd, wanted), watch) in fds.iter().zip(&watches) {
        for ((set, events), wanted) in sets.iter_mut().zip(EVENTS).zip(wanted) {
            let ready = watch.ready.intersects(events | PollSet::NVAL);
            if let Some(word) = set.get_mut(fd / 64).filter(|_| wanted && ready) {
                *word |= 1 << (fd % 64);
                bits += 1;
            }
        }
    }
    for (set, addr) in sets.iter().zip(addresses) {
        if addr != Addr::ZERO && count != 0 {
            task.copy_out(addr, set.as_slice())?;
        }
    }
    Ok(bits)
}

/// The descriptors of the sets, each with the sets that it is in.
type Wanted = Vec<(usize, [bool; 3])>;

/// Finds the files of the descriptors below `count` that are in a set.
///
/// # Errors
/// `EBADF` when one is not open.
fn watches(
    task: &CurrentTask,
    sets: &[Vec<u64>; 3],
    count: usize,
) -> Result<(Wanted, Vec<Watch>), Errno> {
    let files = task.task().files().lock();
    let mut fds = Vec::new();
    let mut watches = Vec::new();
    for fd in 0..count {
        let has = |set: &Vec<u64>| set.get(fd / 64).is_some_and(|word| word >> (fd % 64) & 1 != 0);
        let wanted = sets.each_ref().map(has);
        if !wanted.contains(&true) {
            continue;
        }
        let open = files.get(fd as i32)?;
        let interest = EVENTS
            .iter()
            .zip(wanted)
            .filter(|(_, wanted)| *wanted)
            .fold(PollSet::empty(), |all, (events, _)| all | *events);
        fds.push((fd, wanted));
        watches.push(Watch::new(open.file.clone(), interest));
    }
    Ok((fds, watches))
}

/// Returns the size of Linux's descriptor table, beyond which select does not look.
fn table_size(files: &FdTable) -> usize {
    let end = files.iter().last().map_or(0, |(fd, _)| fd as usize + 1);
    if end <= 64 { 64 } else { end.next_power_of_two() }
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    #[test]
    fn microseconds_may_be_many() {
        let check = |sec, usec| normalized(Timeval { sec, usec });
        assert_eq!(check(1, 2_500_000), Ok(Duration::from_millis(3500)));
        assert_eq!(check(-1, 0), Err(Errno::EINVAL));
        assert_eq!(check(0, -1), Err(Errno::EINVAL));
        assert_eq!(check(i64::MAX, i64::MAX), Err(Errno::EINVAL));
    }
}
