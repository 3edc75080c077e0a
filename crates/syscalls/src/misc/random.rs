//! Random bytes: the host's.

use kernel_task::{CurrentTask, errno_of_partial};
use rustix::rand::GetRandomFlags;
use usermem_types::{Errno, MAX_RW_COUNT};

use crate::{Args, SysResult};

const CHUNK: usize = 4096;

/// Fills a buffer. A fault after the first bytes makes the call short, as on Linux.
pub(crate) fn getrandom(task: &mut CurrentTask, args: &Args) -> SysResult {
    let flags = GetRandomFlags::from_bits_retain(args.uint(2));
    let known = GetRandomFlags::NONBLOCK | GetRandomFlags::RANDOM | GetRandomFlags::INSECURE;
    let both = GetRandomFlags::RANDOM | GetRandomFlags::INSECURE;
    if !known.contains(flags) || flags.contains(both) {
        return Err(Errno::EINVAL);
    }
    let range = task.check_io_range(args.addr(0), args.raw(1).min(MAX_RW_COUNT))?;
    let mut chunk = [0; CHUNK];
    let mut done = 0;
    while done < range.len() {
        let wanted = usize::try_from(range.len() - done).map_or(CHUNK, |left| left.min(CHUNK));
        let Some(buffer) = chunk.get_mut(..wanted) else { break };
        let filled = match rustix::rand::getrandom(&mut *buffer, flags) {
            Ok(filled) => filled,
            Err(rustix::io::Errno::INTR) => continue,
            Err(_) if done > 0 => break,
            Err(errno) => return Err(Errno::from_raw(errno.raw_os_error())),
        };
        let at = range.start().saturating_add(done);
        match task.copy_out_bytes(at, buffer.get(..filled).unwrap_or(buffer)) {
            Ok(copied) => done += copied as u64,
            Err(partial) if done + partial.done as u64 > 0 => {
                done += partial.done as u64;
                break;
            }
            Err(partial) => return Err(errno_of_partial(partial)),
        }
    }
    Ok(done)
}
