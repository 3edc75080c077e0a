//! The process: its end, its thread pointer, and the calls that would make others.

use kernel_task::{CurrentTask, ExitStatus};
use usermem_types::{Addr, Errno};

use crate::{Args, SysResult};

pub(crate) fn exit(task: &mut CurrentTask, args: &Args) -> SysResult {
    task.exit(ExitStatus::Code(args.uint(0) as u8));
    Ok(0)
}

/// Children come with a later version; until then Linux's answer for what a kernel does not offer.
pub(crate) fn not_offered(_task: &mut CurrentTask, _args: &Args) -> SysResult {
    Err(Errno::ENOSYS)
}

/// There are no children to wait for.
pub(crate) fn wait4(_task: &mut CurrentTask, args: &Args) -> SysResult {
    const KNOWN: u32 = 0x1 | 0x2 | 0x8 | 0x2000_0000 | 0x4000_0000 | 0x8000_0000;
    if args.uint(2) & !KNOWN != 0 { Err(Errno::EINVAL) } else { Err(Errno::ECHILD) }
}

/// There are no children to wait for; as in Linux, a place for what happened is cleared anyway.
pub(crate) fn waitid(task: &mut CurrentTask, args: &Args) -> SysResult {
    /// `WEXITED`, `WSTOPPED` and `WCONTINUED`: what to wait for.
    const EVENTS: u32 = 0x4 | 0x2 | 0x8;
    /// `WNOHANG`, `WNOWAIT`, `__WNOTHREAD`, `__WALL` and `__WCLONE`.
    const OTHERS: u32 = 0x1 | 0x0100_0000 | 0x2000_0000 | 0x4000_0000 | 0x8000_0000;
    const ALL: u32 = 0;
    const PROCESS: u32 = 1;
    const GROUP: u32 = 2;
    const DESCRIPTOR: u32 = 3;
    let (kind, id, options) = (args.uint(0), args.int(1), args.uint(3));
    let outcome = match kind {
        _ if options & !(EVENTS | OTHERS) != 0 || options & EVENTS == 0 => Errno::EINVAL,
        PROCESS if id <= 0 => Errno::EINVAL,
        GROUP | DESCRIPTOR if id < 0 => Errno::EINVAL,
        DESCRIPTOR => Errno::EBADF,
        ALL | PROCESS | GROUP => Errno::ECHILD,
        _ => Errno::EINVAL,
    };
    let info = args.addr(2);
    if info != Addr::ZERO {
        // The signal, its error and its code; after a gap the process, its user and its status.
        task.copy_out(info, &[0u32; 3])?;
        task.copy_out(info.checked_add(16).ok_or(Errno::EFAULT)?, &[0u32; 3])?;
    }
    Err(outcome)
}

#[cfg(target_arch = "x86_64")]
pub(crate) fn arch_prctl(task: &mut CurrentTask, args: &Args) -> SysResult {
    const SET_GS: i32 = 0x1001;
    const SET_FS: i32 = 0x1002;
    const GET_FS: i32 = 0x1003;
    const GET_GS: i32 = 0x1004;
    /// `TASK_SIZE_MAX`: a base must lie in the program's half.
    const END: Addr = Addr::new(0x7fff_ffff_f000);
    let failed = |_| Errno::EIO;
    let addr = args.addr(1);
    match args.int(0) {
        SET_FS | SET_GS if addr >= END => Err(Errno::EPERM),
        SET_FS => {
            task.context().set_tls(addr.get()).map_err(failed)?;
            Ok(0)
        }
        SET_GS => {
            let mut registers = task.context().registers().map_err(failed)?;
            registers.gs_base = addr.get();
            task.context().set_registers(&registers).map_err(failed)?;
            Ok(0)
        }
        GET_FS => {
            let base = task.context().tls().map_err(failed)?;
            task.copy_out(addr, &base)?;
            Ok(0)
        }
        GET_GS => {
            let base = task.context().registers().map_err(failed)?.gs_base;
            task.copy_out(addr, &base)?;
            Ok(0)
        }
        _ => Err(Errno::EINVAL),
    }
}
