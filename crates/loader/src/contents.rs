//! Private copies of the first bytes of files.

use hostfs::FileDescription;
use usermem_io::{BytesIo, IoCause, IoOpts, IoSequence};
use usermem_types::{Addr, AddrRangeSeq, Errno};

/// Reads up to `len` bytes at `offset` into private memory; fewer only at the end of the file.
pub(crate) fn read_at(
    file: &dyn FileDescription,
    offset: u64,
    len: usize,
) -> Result<Vec<u8>, Errno> {
    let mut bytes = vec![0; len];
    let done = fill(file, offset, &mut bytes)?;
    bytes.truncate(done);
    Ok(bytes)
}

/// Reads until the buffer is full or the file ends; returns how many bytes.
fn fill(file: &dyn FileDescription, offset: u64, bytes: &mut [u8]) -> Result<usize, Errno> {
    let len = bytes.len();
    let whole = Addr::ZERO.to_range(len as u64).ok_or(Errno::EINVAL)?;
    let ranges = AddrRangeSeq::of(whole).map_err(|_| Errno::EINVAL)?;
    let buffer = BytesIo::new(bytes);
    let mut done = 0;
    while done < len {
        let rest = IoSequence::new(&buffer, ranges.drop_first(done as u64), IoOpts::CHECKED);
        match file.read_at(rest, offset + done as u64) {
            Ok(0) => break,
            Ok(read) => done += read,
            Err(partial) => {
                return Err(match partial.cause {
                    IoCause::Stream(errno) => errno,
                    _ => Errno::EIO,
                });
            }
        }
    }
    Ok(done)
}
