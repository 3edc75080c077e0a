//! ioctl: terminals and the requests that every file knows.

use hostfs::{IoctlDirection, StatusFlags};
use kernel_task::CurrentTask;
use usermem_types::Errno;

use crate::paths::contents;
use crate::{Args, SysResult};

const FIONCLEX: u32 = 0x5450;
const FIOCLEX: u32 = 0x5451;
const FIONBIO: u32 = 0x5421;

pub(crate) fn ioctl(task: &mut CurrentTask, args: &Args) -> SysResult {
    let file = contents(task, args, 0)?;
    let request = args.uint(1);
    match request {
        FIOCLEX | FIONCLEX => {
            task.task().files().lock().get_mut(args.int(0))?.close_on_exec = request == FIOCLEX;
            Ok(0)
        }
        FIONBIO => {
            let on: i32 = task.copy_in(args.addr(2))?;
            let mut flags = file.status_flags();
            flags.set(StatusFlags::NONBLOCK, on != 0);
            file.set_status_flags(flags)?;
            Ok(0)
        }
        _ => {
            let (size, direction) = hostfs::ioctl_size(request).ok_or(Errno::ENOTTY)?;
            match direction {
                IoctlDirection::Value => file.ioctl(request, &mut args.raw(2).to_ne_bytes()),
                IoctlDirection::In => {
                    // A file that does not know the request says so before the argument counts.
                    let mut argument = vec![0; size];
                    if task.copy_in_bytes(args.addr(2), &mut argument).is_err() {
                        return Err(unreadable_argument(&*file));
                    }
                    file.ioctl(request, &mut argument)
                }
                IoctlDirection::Out => {
                    let mut argument = vec![0; size];
                    let value = file.ioctl(request, &mut argument)?;
                    task.copy_out(args.addr(2), argument.as_slice())?;
                    Ok(value)
                }
            }
        }
    }
}

/// The error of a request with an unreadable argument: `ENOTTY` when the file is no terminal.
fn unreadable_argument(file: &dyn hostfs::FileDescription) -> Errno {
    if file.kind() == hostfs::FileKind::Terminal { Errno::EFAULT } else { Errno::ENOTTY }
}
