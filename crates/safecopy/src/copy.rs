//! Copying.
#![expect(unsafe_code, reason = "blocks become pointers here")]

use std::mem::MaybeUninit;

use usermem_types::{Partial, Transfer};

use crate::fault::Cause;
use crate::stop::{Ending, NOT_BEGUN, Stop};
use crate::{DstBlock, HostFault, SrcBlock, arch};

/// Copies as many bytes as the shorter block holds, in ascending order as far as anyone can tell
/// from the result.
///
/// On a fault the count is exact: so many bytes have arrived, and the fault's address is the
/// first byte of the source or of the destination that could not be accessed. Bytes of the
/// destination from there on may have been written, too. Blocks that overlap get unspecified
/// contents.
///
/// ```
/// use safecopy::{DstBlock, SrcBlock, copy};
///
/// let mut own = [0; 4];
/// assert_eq!(copy(DstBlock::from_slice(&mut own), SrcBlock::from_slice(b"abcdef")), Ok(4));
/// assert_eq!(&own, b"abcd");
/// ```
///
/// # Errors
/// The fault, and exactly how many bytes had arrived. Before [`init`](crate::init) there is
/// nothing that turns a fault into an error, and it ends the process as any bad access does.
#[inline(always)]
pub fn copy(dst: DstBlock<'_>, src: SrcBlock<'_>) -> Transfer<HostFault> {
    let len = dst.len().min(src.len());
    let stop = if len <= arch::SMALL {
        if len == 0 {
            return Ok(0);
        }
        // SAFETY: 1. was just checked; 2. is what holding the blocks proves.
        unsafe { arch::copy_small(dst.as_ptr(), src.as_ptr(), len) }
    } else if len < arch::CHUNK {
        // SAFETY: 1. was just checked; 2. is what holding the blocks proves.
        unsafe { arch::copy_chunk(dst.as_ptr(), src.as_ptr(), len) }
    } else {
        return copy_slowly(dst.take_first(len), src.take_first(len), NOT_BEGUN)
            .into_transfer(dst.addr(), src.addr());
    };
    if stop.info == 0 {
        return Ok(len);
    }
    copy_slowly(dst.take_first(len), src.take_first(len), stop)
        .into_transfer(dst.addr(), src.addr())
}

/// Copies as many bytes as the shorter side holds into memory of ours that need not be
/// initialised, and returns the part that now is.
///
/// Counts, order and faults are those of [`copy`]. After a fault the first
/// [`done`](Partial::done) bytes of `dst` are initialised, too.
///
/// ```
/// use std::mem::MaybeUninit;
///
/// use safecopy::{SrcBlock, copy_to_uninit};
///
/// let mut own = [MaybeUninit::uninit(); 8];
/// let read = copy_to_uninit(&mut own, SrcBlock::from_slice(b"abc")).unwrap();
/// assert_eq!(read, b"abc");
/// ```
///
/// # Errors
/// The fault, and exactly how many bytes had arrived.
#[inline]
pub fn copy_to_uninit<'d>(
    dst: &'d mut [MaybeUninit<u8>],
    src: SrcBlock<'_>,
) -> Result<&'d mut [u8], Partial<HostFault>> {
    let done = copy(DstBlock::from_uninit(dst), src)?;
    let (filled, _) = dst.split_at_mut(done);
    // SAFETY: the copy has written every byte of it.
    Ok(unsafe { filled.assume_init_mut() })
}

/// Copies what is long, or what has stopped, between two blocks of one length.
#[cold]
#[inline(never)]
fn copy_slowly(dst: DstBlock<'_>, src: SrcBlock<'_>, stop: Stop) -> Ending {
    let len = dst.len();
    let result = if stop.info == NOT_BEGUN.info {
        copy_long(dst, src, len)
    } else {
        copy_again(dst, src, len, stop)
    };
    Ending::new(result, Some(src.addr()))
}

/// Copies so much that a fault late in it should not copy all of it again.
fn copy_long(dst: DstBlock<'_>, src: SrcBlock<'_>, len: usize) -> Transfer<HostFault> {
    if arch::prefers_exact(dst.as_ptr(), src.as_ptr()) {
        return copy_exact(dst, src, len);
    }
    let mut done = 0;
    while len - done > arch::SMALL {
        let chunk = (len - done).min(arch::CHUNK);
        let (to, from) = (dst.as_ptr().wrapping_add(done), src.as_ptr().wrapping_add(done));
        // SAFETY: 1. is the loop's condition; 2. is what holding the blocks proves.
        let stop = unsafe { arch::copy_chunk(to, from, chunk) };
        if stop.info != 0 {
            let again = copy_again(dst.drop_first(done), src.drop_first(done), chunk, stop);
            again.map_err(|partial| partial.after(done))?;
        }
        done += chunk;
    }
    copy_rest(dst, src, len, done)
}

/// Copies from `done` to `len`.
fn copy_rest(dst: DstBlock<'_>, src: SrcBlock<'_>, len: usize, done: usize) -> Transfer<HostFault> {
    if done == len {
        return Ok(len);
    }
    copy(dst.drop_first(done), src.drop_first(done).take_first(len - done))
        .map(|moved| done + moved)
        .map_err(|partial| partial.after(done))
}

/// Finishes a copy of `len` bytes that faulted and moved nobody knows what.
///
/// The bytes up to the fault are copied once more, one by one as far as anyone can tell. Usually
/// they now arrive and the fault that was seen is the answer; when another one comes first, it is.
fn copy_again(dst: DstBlock<'_>, src: SrcBlock<'_>, len: usize, stop: Stop) -> Transfer<HostFault> {
    let cause = Cause::from_info(stop.info);
    let addr = stop.addr as usize;
    let offset = [src.addr(), dst.addr()]
        .map(|base| addr.wrapping_sub(base))
        .into_iter()
        .filter(|&offset| arch::REPORTS_FIRST_BYTE && cause.has_addr() && offset < len)
        .min();
    let Some(offset) = offset else { return copy_exact(dst, src, len) };
    copy_exact(dst, src, offset)?;
    Err(Partial::new(offset, HostFault { kind: cause.kind(), addr }))
}

/// Copies `len` bytes in ascending order, counting.
fn copy_exact(dst: DstBlock<'_>, src: SrcBlock<'_>, len: usize) -> Transfer<HostFault> {
    // SAFETY: 1. is what holding the blocks proves.
    let (stop, left) = unsafe { arch::copy_exact(dst.as_ptr(), src.as_ptr(), len) };
    if stop.info == 0 {
        return Ok(len);
    }
    let done = len.wrapping_sub(left);
    let addr = faulting_side(stop, src.addr().wrapping_add(done), dst.addr().wrapping_add(done));
    Err(Partial::new(done, HostFault { kind: stop.kind(), addr }))
}

/// Returns which of two addresses a fault belongs to, given that it belongs to one of them.
fn faulting_side(stop: Stop, src: usize, dst: usize) -> usize {
    let addr = Cause::from_info(stop.info).has_addr().then_some(stop.addr as usize);
    let [src_seen, dst_seen] = [src, dst].map(|side| Some(arch::untagged(side)));
    if addr == src_seen {
        return src;
    }
    if addr == dst_seen {
        return dst;
    }
    // A source that the CPU cannot name faults before anything else, and is not reported.
    if !arch::is_canonical(src) {
        return src;
    }
    // Poisoned memory is reported by its page.
    let page = |addr: usize| addr & !0xfff;
    if addr.map(page) == src_seen.map(page) { src } else { dst }
}

#[cfg(test)]
mod tests {
    use std::mem::MaybeUninit;

    use usermem_types::Partial;

    use super::copy_to_uninit;
    use crate::test_memory::{Beyond, Memory};
    use crate::{HostFault, SrcBlock};

    #[test]
    fn uninitialised_memory_is_filled_from_its_start() {
        let bytes: Vec<u8> = (0..=255).cycle().take(5000).collect();
        for len in [0, 1, 3, 8, 40, 64, 65, 300, 5000] {
            for room in [len, len + 1, len / 2] {
                let mut own = vec![MaybeUninit::new(0xee); room];
                let read = copy_to_uninit(&mut own, SrcBlock::from_slice(&bytes[..len])).unwrap();
                assert_eq!(read, &bytes[..len.min(room)]);
                let start = read.as_ptr();
                assert_eq!(start, own.as_ptr().cast());
            }
        }
    }

    #[test]
    fn a_fault_says_how_much_is_initialised() {
        let memory = Memory::new(Beyond::NoAccess);
        for before in [0, 1, 20, 100, 4096] {
            let mut own = [MaybeUninit::uninit(); 5000];
            let fault = HostFault { kind: Beyond::NoAccess.kind(), addr: memory.end() };
            let result = copy_to_uninit(&mut own, memory.block(before, 5000).as_source());
            assert_eq!(result, Err(Partial::new(before, fault)));
        }
    }
}
