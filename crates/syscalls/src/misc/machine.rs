//! The machine: names, memory, load.

use std::ffi::CStr;

use kernel_task::CurrentTask;
use usermem_types::Errno;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::{Args, SysResult};

/// A field of `struct new_utsname`: 64 bytes and a NUL.
type Name = [u8; 65];

/// Tells what the host tells: the kernel whose behaviour programs find here.
pub(crate) fn uname(task: &mut CurrentTask, args: &Args) -> SysResult {
    let host = rustix::system::uname();
    let names = [
        host.sysname(),
        host.nodename(),
        host.release(),
        host.version(),
        host.machine(),
        host.domainname(),
    ];
    task.copy_out(args.addr(0), &names.map(padded))?;
    Ok(0)
}

fn padded(name: &CStr) -> Name {
    let mut padded = [0; 65];
    for (to, from) in padded.iter_mut().zip(name.to_bytes().iter().take(64)) {
        *to = *from;
    }
    padded
}

/// `struct sysinfo` of 64-bit Linux.
#[derive(FromBytes, IntoBytes, Immutable, KnownLayout, Clone, Copy, Debug)]
#[repr(C)]
struct SysInfo {
    uptime: i64,
    loads: [u64; 3],
    total_ram: u64,
    free_ram: u64,
    shared_ram: u64,
    buffer_ram: u64,
    total_swap: u64,
    free_swap: u64,
    processes: u16,
    padding: [u16; 3],
    total_high: u64,
    free_high: u64,
    unit: u32,
    end: u32,
}

pub(crate) fn sysinfo(task: &mut CurrentTask, args: &Args) -> SysResult {
    let host = rustix::system::sysinfo();
    let info = SysInfo {
        uptime: host.uptime,
        loads: host.loads,
        total_ram: host.totalram,
        free_ram: host.freeram,
        shared_ram: host.sharedram,
        buffer_ram: host.bufferram,
        total_swap: host.totalswap,
        free_swap: host.freeswap,
        processes: host.procs,
        padding: [0; 3],
        total_high: host.totalhigh,
        free_high: host.freehigh,
        unit: host.mem_unit,
        end: 0,
    };
    task.copy_out(args.addr(0), &info)?;
    Ok(0)
}

/// Refuses: the host's log is the host's.
pub(crate) fn syslog(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::EPERM)
}

/// Refuses: the host's name is the host's.
pub(crate) fn sethostname(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::EPERM)
}

/// Refuses: the host's domain is the host's.
pub(crate) fn setdomainname(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::EPERM)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts() {
        assert_eq!(size_of::<SysInfo>(), 112);
        assert_eq!(size_of::<[Name; 6]>(), 390);
    }

    #[test]
    fn names_are_padded_and_cut() {
        assert_eq!(padded(c"ab")[..3], *b"ab\0");
        let long = std::ffi::CString::new([b'x'; 80]).unwrap();
        assert_eq!(padded(&long)[63..], *b"x\0");
    }
}
