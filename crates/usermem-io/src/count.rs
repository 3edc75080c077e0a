//! Address spaces and streams held to their word.

use safecopy::StreamError;
use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial, Transfer};

use crate::IoCause;

/// Returns what a streaming transfer reports: for implementations of [`Io`](crate::Io), so that
/// all of them answer alike.
///
/// `streamed` is what a reader or writer said that was given `given` bytes, the longest prefix of
/// `ranges` that could be accessed; `left_out` is why that was not all of them. A stream's fault
/// has the address where it stopped.
///
/// ```
/// use usermem_io::{IoCause, finish_stream};
/// use usermem_types::{Addr, AddrRangeSeq, Fault, FaultKind, Partial};
///
/// let ranges = AddrRangeSeq::of(Addr::new(0x1000).to_range(8).unwrap()).unwrap();
/// let fault = Fault::new(FaultKind::Unmapped, Addr::new(0x1004));
/// // Four of the eight bytes could be accessed, and all four moved.
/// let all = finish_stream(Ok(4), ranges, 4, Some(fault));
/// assert_eq!(all, Err(Partial::new(4, IoCause::Fault(fault))));
/// // A stream that ended before them never came to the fault.
/// assert_eq!(finish_stream(Ok(3), ranges, 4, Some(fault)), Ok(3));
/// // Nor can it have moved more.
/// assert_eq!(finish_stream(Ok(9), ranges, 8, None), Ok(8));
/// ```
///
/// # Errors
/// The stream's own error first; otherwise `left_out`, when all that was given has moved.
pub fn finish_stream(
    streamed: Transfer<StreamError>,
    ranges: AddrRangeSeq<'_>,
    given: usize,
    left_out: Option<Fault>,
) -> Transfer<IoCause> {
    match streamed {
        Err(Partial { done, cause }) => {
            let done = done.min(given);
            let at = |kind| Fault::new(kind, addr_of(ranges, done as u64));
            Err(Partial::new(done, IoCause::from_stream(cause, |host| at(host.kind))))
        }
        Ok(done) if done < given => Ok(done),
        Ok(_) => left_out.map_or(Ok(given), |fault| Err(Partial::new(given, fault.into()))),
    }
}

/// Returns the address of the byte behind the first `done` bytes of the ranges.
fn addr_of(ranges: AddrRangeSeq<'_>, mut done: u64) -> Addr {
    let mut end = Addr::ZERO;
    for range in ranges {
        if done < range.len() {
            return range.start().saturating_add(done);
        }
        done -= range.len();
        end = range.end();
    }
    end
}

/// Returns the result of a transfer of `len` bytes with a count of at most `len`, which is less
/// with an error only.
pub(crate) fn all_or_fault(copied: Transfer, addr: Addr, len: usize) -> Transfer {
    match at_most(copied, len)? {
        done if done < len => {
            let stop = addr.saturating_add(done as u64);
            Err(Partial::new(done, Fault::new(FaultKind::Bus, stop)))
        }
        done => Ok(done),
    }
}

/// Returns the result of a transfer with a count of at most `len`.
pub(crate) fn at_most(copied: Transfer, len: usize) -> Transfer {
    match copied {
        Ok(done) => Ok(done.min(len)),
        Err(Partial { done, cause }) => Err(Partial::new(done.min(len), cause)),
    }
}
