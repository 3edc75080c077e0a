//! Copies between one buffer and several ranges.

use usermem_types::{Addr, AddrRangeSeq, Partial, Transfer};

use crate::{Io, IoCause, IoOpts, count};

/// See [`IoExt::copy_out_vec`](crate::IoExt::copy_out_vec).
pub(crate) fn copy_out_vec<I: Io + ?Sized>(
    io: &I,
    ranges: AddrRangeSeq<'_>,
    src: &[u8],
    opts: IoOpts,
) -> Transfer<IoCause> {
    for_each_piece(ranges, src.len(), |addr, done, len| {
        io.copy_out(addr, &src[done..done + len], opts)
    })
}

/// See [`IoExt::copy_in_vec`](crate::IoExt::copy_in_vec).
pub(crate) fn copy_in_vec<I: Io + ?Sized>(
    io: &I,
    ranges: AddrRangeSeq<'_>,
    dst: &mut [u8],
    opts: IoOpts,
) -> Transfer<IoCause> {
    for_each_piece(ranges, dst.len(), |addr, done, len| {
        io.copy_in(addr, &mut dst[done..done + len], opts)
    })
}

/// See [`IoExt::zero_out_vec`](crate::IoExt::zero_out_vec).
pub(crate) fn zero_out_vec<I: Io + ?Sized>(
    io: &I,
    ranges: AddrRangeSeq<'_>,
    len: usize,
    opts: IoOpts,
) -> Transfer<IoCause> {
    for_each_piece(ranges, len, |addr, _, len| io.zero_out(addr, len, opts))
}

/// Calls `transfer` with the address, the offset into the buffer and the length of each piece,
/// until the ranges or the `total` bytes of the buffer end.
///
/// Ranges of length zero that come before the last byte are transferred like others, so that
/// their addresses are validated where the address space does that.
fn for_each_piece(
    mut ranges: AddrRangeSeq<'_>,
    total: usize,
    mut transfer: impl FnMut(Addr, usize, usize) -> Transfer,
) -> Transfer<IoCause> {
    let mut done = 0;
    while done < total {
        let Some((head, tail)) = ranges.split_first() else { break };
        let len = usize::try_from(head.len()).unwrap_or(usize::MAX).min(total - done);
        let moved = count::at_most(transfer(head.start(), done, len), len)
            .map_err(|partial| partial.after(done).map_cause(IoCause::from))?;
        if moved == 0 && len > 0 {
            return Err(Partial::new(done, IoCause::NoProgress));
        }
        done += moved;
        let is_whole = moved as u64 == head.len();
        ranges = if is_whole { tail } else { ranges.drop_first(moved as u64) };
    }
    Ok(done)
}
