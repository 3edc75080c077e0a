//! Zeroing.
#![expect(unsafe_code, reason = "blocks become pointers here")]

use usermem_types::{Partial, Transfer};

use crate::fault::Cause;
use crate::stop::{Ending, NOT_BEGUN, Stop};
use crate::{DstBlock, HostFault, arch};

/// Fills a block with zero bytes, in ascending order as far as anyone can tell from the result.
///
/// On a fault the count is exact: so many bytes are zero, and the fault's address is the first
/// byte that could not be written. Bytes from there on may have been zeroed, too.
///
/// ```
/// use safecopy::{DstBlock, zero};
///
/// let mut own = *b"abcd";
/// assert_eq!(zero(DstBlock::from_slice(&mut own[..3])), Ok(3));
/// assert_eq!(&own, b"\0\0\0d");
/// ```
///
/// # Errors
/// The fault, and exactly how many bytes had been zeroed. Before [`init`](crate::init) a fault
/// ends the process.
#[inline(always)]
pub fn zero(dst: DstBlock<'_>) -> Transfer<HostFault> {
    let len = dst.len();
    let stop = if len > arch::SMALL {
        if len >= arch::CHUNK {
            return zero_slowly(dst, NOT_BEGUN).into_transfer(dst.addr(), 0);
        }
        // SAFETY: 1. was just checked; 2. is what holding the block proves.
        unsafe { arch::zero_chunk(dst.as_ptr(), len) }
    } else if len > 0 {
        // SAFETY: 1. was just checked; 2. is what holding the block proves.
        unsafe { arch::zero_small(dst.as_ptr(), len) }
    } else {
        return Ok(0);
    };
    if stop.info == 0 {
        return Ok(len);
    }
    zero_slowly(dst, stop).into_transfer(dst.addr(), 0)
}

/// Zeroes what is long, or what has stopped.
#[cold]
#[inline(never)]
fn zero_slowly(dst: DstBlock<'_>, stop: Stop) -> Ending {
    let len = dst.len();
    let result =
        if stop.info == NOT_BEGUN.info { zero_long(dst, len) } else { zero_again(dst, len, stop) };
    Ending::new(result, None)
}

/// Zeroes so much that a fault late in it should not zero all of it again.
fn zero_long(dst: DstBlock<'_>, len: usize) -> Transfer<HostFault> {
    if arch::prefers_exact_zero() {
        return zero_exact(dst, len);
    }
    let mut done = 0;
    while len - done > arch::SMALL {
        let (rest, chunk) = (dst.drop_first(done), (len - done).min(arch::CHUNK));
        // SAFETY: 1. is the loop's condition; 2. is what holding the block proves.
        let stop = unsafe { arch::zero_chunk(rest.as_ptr(), chunk) };
        if stop.info != 0 {
            zero_again(rest, chunk, stop).map_err(|partial| partial.after(done))?;
        }
        done += chunk;
    }
    if done == len {
        return Ok(len);
    }
    zero(dst.drop_first(done)).map(|zeroed| done + zeroed).map_err(|partial| partial.after(done))
}

/// Finishes the zeroing of `len` bytes that faulted and zeroed nobody knows what.
///
/// The bytes up to the fault are zeroed once more, one by one as far as anyone can tell. Usually
/// that works now and the fault that was seen is the answer; when another one comes first, it is.
fn zero_again(dst: DstBlock<'_>, len: usize, stop: Stop) -> Transfer<HostFault> {
    let addr = stop.addr as usize;
    let offset = addr.wrapping_sub(dst.addr());
    let is_known = arch::REPORTS_FIRST_BYTE && Cause::from_info(stop.info).has_addr();
    if !is_known || offset >= len {
        return zero_exact(dst, len);
    }
    zero_exact(dst, offset)?;
    Err(Partial::new(offset, HostFault { kind: stop.kind(), addr }))
}

/// Zeroes the first `len` bytes in ascending order, counting.
fn zero_exact(dst: DstBlock<'_>, len: usize) -> Transfer<HostFault> {
    // SAFETY: 1. is what holding the block proves.
    let (stop, left) = unsafe { arch::zero_exact(dst.as_ptr(), len) };
    if stop.info == 0 {
        return Ok(len);
    }
    let done = len.wrapping_sub(left);
    let addr = dst.addr().wrapping_add(done);
    Err(Partial::new(done, HostFault { kind: stop.kind(), addr }))
}
