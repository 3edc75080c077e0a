//! Capabilities: those of our own process, which bound what the program can ask of us.

use kernel_task::CurrentTask;
use usermem_types::{Addr, Errno};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use super::check_self;
use crate::{Args, SysResult};

const VERSION_1: u32 = 0x1998_0330;
const VERSION_2: u32 = 0x2007_1026;
const VERSION_3: u32 = 0x2008_0522;

/// `struct __user_cap_data_struct`: 32 bits of each set.
#[derive(
    FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug, Default, PartialEq, Eq,
)]
#[repr(C)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Returns how many [`CapData`] the version at `header` has. For an unknown version, the one that
/// we prefer is written there, and the result is `EINVAL`.
fn version(task: &CurrentTask, header: Addr) -> Result<usize, Errno> {
    match task.copy_in::<u32>(header)? {
        VERSION_1 => Ok(1),
        VERSION_2 | VERSION_3 => Ok(2),
        _ => {
            task.copy_out(header, &VERSION_3)?;
            Err(Errno::EINVAL)
        }
    }
}

fn pid(task: &CurrentTask, header: Addr) -> Result<i32, Errno> {
    task.copy_in(header.checked_add(4).ok_or(Errno::EFAULT)?)
}

fn current() -> Result<[CapData; 2], Errno> {
    let sets = rustix::thread::capabilities(None)
        .map_err(|errno| Errno::from_raw(errno.raw_os_error()))?;
    let half = |shift: u32| CapData {
        effective: (sets.effective.bits() >> shift) as u32,
        permitted: (sets.permitted.bits() >> shift) as u32,
        inheritable: (sets.inheritable.bits() >> shift) as u32,
    };
    Ok([half(0), half(32)])
}

pub(crate) fn capget(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (header, data) = (args.addr(0), args.addr(1));
    let count = match version(task, header) {
        // This is how a program asks for the version.
        Err(Errno::EINVAL) if data == Addr::ZERO => return Ok(0),
        other => other?,
    };
    if data == Addr::ZERO {
        return Ok(0);
    }
    let pid = pid(task, header)?;
    if pid < 0 {
        return Err(Errno::EINVAL);
    }
    check_self(task, pid)?;
    let sets = current()?;
    task.copy_out(data, sets.get(..count).unwrap_or(&sets))?;
    Ok(0)
}

/// Refuses a change; setting what is there succeeds.
pub(crate) fn capset(task: &mut CurrentTask, args: &Args) -> SysResult {
    let (header, data) = (args.addr(0), args.addr(1));
    let count = version(task, header)?;
    let pid = pid(task, header)?;
    check_self(task, pid).map_err(|_| Errno::EPERM)?;
    let new: Vec<CapData> = task.copy_in_array(data, count)?;
    if current()?.iter().zip(&new).all(|(old, new)| old == new) { Ok(0) } else { Err(Errno::EPERM) }
}
