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
    run(ranges, src.len(), CopyOut { io, src, opts })
}

/// See [`IoExt::copy_in_vec`](crate::IoExt::copy_in_vec).
pub(crate) fn copy_in_vec<I: Io + ?Sized>(
    io: &I,
    ranges: AddrRangeSeq<'_>,
    dst: &mut [u8],
    opts: IoOpts,
) -> Transfer<IoCause> {
    run(ranges, dst.len(), CopyIn { io, dst, opts })
}

/// See [`IoExt::zero_out_vec`](crate::IoExt::zero_out_vec).
pub(crate) fn zero_out_vec<I: Io + ?Sized>(
    io: &I,
    ranges: AddrRangeSeq<'_>,
    len: usize,
    opts: IoOpts,
) -> Transfer<IoCause> {
    run(ranges, len, ZeroOut { io, len, opts })
}

/// What is done with the ranges, whose first byte is byte `done` of the buffer.
trait Operation {
    /// Moves what the address space moves of them at once.
    fn ahead(&mut self, ranges: AddrRangeSeq<'_>, done: usize) -> usize;

    /// Moves a part of one range, or all of it.
    fn piece(&mut self, addr: Addr, done: usize, len: usize) -> Transfer;
}

struct CopyOut<'a, I: ?Sized> {
    io: &'a I,
    src: &'a [u8],
    opts: IoOpts,
}

impl<I: Io + ?Sized> Operation for CopyOut<'_, I> {
    #[inline(always)]
    fn ahead(&mut self, ranges: AddrRangeSeq<'_>, done: usize) -> usize {
        self.io.copy_out_ahead(ranges, &self.src[done..], self.opts)
    }

    #[inline(always)]
    fn piece(&mut self, addr: Addr, done: usize, len: usize) -> Transfer {
        self.io.copy_out(addr, &self.src[done..done + len], self.opts)
    }
}

struct CopyIn<'a, I: ?Sized> {
    io: &'a I,
    dst: &'a mut [u8],
    opts: IoOpts,
}

impl<I: Io + ?Sized> Operation for CopyIn<'_, I> {
    #[inline(always)]
    fn ahead(&mut self, ranges: AddrRangeSeq<'_>, done: usize) -> usize {
        self.io.copy_in_ahead(ranges, &mut self.dst[done..], self.opts)
    }

    #[inline(always)]
    fn piece(&mut self, addr: Addr, done: usize, len: usize) -> Transfer {
        self.io.copy_in(addr, &mut self.dst[done..done + len], self.opts)
    }
}

struct ZeroOut<'a, I: ?Sized> {
    io: &'a I,
    len: usize,
    opts: IoOpts,
}

impl<I: Io + ?Sized> Operation for ZeroOut<'_, I> {
    #[inline(always)]
    fn ahead(&mut self, ranges: AddrRangeSeq<'_>, done: usize) -> usize {
        self.io.zero_out_ahead(ranges, self.len - done, self.opts)
    }

    #[inline(always)]
    fn piece(&mut self, addr: Addr, _: usize, len: usize) -> Transfer {
        self.io.zero_out(addr, len, self.opts)
    }
}

/// Runs an operation until the ranges or the `total` bytes of its buffer end.
///
/// Ranges of length zero that come before the last byte are transferred like others, so that
/// their addresses are validated where the address space does that.
#[inline(always)]
fn run(ranges: AddrRangeSeq<'_>, total: usize, mut operation: impl Operation) -> Transfer<IoCause> {
    let done = ahead(&mut operation, ranges, 0, total);
    if done == total { Ok(done) } else { go_on(ranges, done, total, operation) }
}

/// Moves what the address space moves at once of ranges whose first byte is byte `done`, and returns
/// how many bytes.
#[inline(always)]
fn ahead(
    operation: &mut impl Operation,
    ranges: AddrRangeSeq<'_>,
    done: usize,
    total: usize,
) -> usize {
    // One range has a quick way of its own.
    if done == total || ranges.num_ranges() < 2 {
        return 0;
    }
    let most = ranges.num_bytes().min((total - done) as u64);
    // The smaller of two, one of which is a length, is a length.
    operation.ahead(ranges, done).min(most as usize)
}

/// Goes on range by range after the first `done` bytes were moved at once.
#[inline(never)]
fn go_on(
    mut ranges: AddrRangeSeq<'_>,
    mut done: usize,
    total: usize,
    mut operation: impl Operation,
) -> Transfer<IoCause> {
    let mut moved_ahead = done;
    while done < total {
        if moved_ahead > 0 {
            ranges = ranges.drop_first(moved_ahead as u64);
        }
        let Some((head, tail)) = ranges.split_first() else { break };
        let len = usize::try_from(head.len()).unwrap_or(usize::MAX).min(total - done);
        let moved = count::at_most(operation.piece(head.start(), done, len), len)
            .map_err(|partial| partial.after(done).map_cause(IoCause::from))?;
        if moved == 0 && len > 0 {
            return Err(Partial::new(done, IoCause::NoProgress));
        }
        done += moved;
        let is_whole = moved as u64 == head.len();
        ranges = if is_whole { tail } else { ranges.drop_first(moved as u64) };
        moved_ahead = ahead(&mut operation, ranges, done, total);
        done += moved_ahead;
    }
    Ok(done)
}
