//! What readers and writers of every kind make of a stream, on every address space.

use std::panic::{AssertUnwindSafe, catch_unwind};

use safecopy::{DstBlockSeq, HostFault, Reader, SrcBlockSeq, StreamError, Writer};
use testkit::{ModelMemory, ScriptedReader, ScriptedWriter};
use usermem_io::{BytesIo, Io, IoCause, IoOpts};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, Errno, Fault, FaultKind, Partial, Transfer};

use crate::host_memory::{HostMemory, PAGE, Page};
use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;
const SIZE: u64 = PAGE as u64;
const EIO: StreamError = StreamError::Errno(Errno::EIO);

/// A reader and a writer that answers as told, whatever it did.
struct Says(Transfer<StreamError>);

impl Reader for Says {
    fn read_to_blocks(&mut self, _: DstBlockSeq<'_>) -> Transfer<StreamError> {
        self.0
    }
}

impl Writer for Says {
    fn write_from_blocks(&mut self, _: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        self.0
    }
}

/// A reader and a writer that panics.
struct Panics;

impl Reader for Panics {
    fn read_to_blocks(&mut self, _: DstBlockSeq<'_>) -> Transfer<StreamError> {
        panic!("on purpose")
    }
}

impl Writer for Panics {
    fn write_from_blocks(&mut self, _: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        panic!("on purpose")
    }
}

/// Runs `f` on an address space of each kind whose first page is there and nothing else.
#[track_caller]
fn on_each(f: impl Fn(&dyn Io)) {
    f(&BytesIo::new(&mut [b'x'; PAGE]));
    f(&ModelMemory::of_bytes(&[b'x'; PAGE]));
    f(&HostMemory::new(&[Page::ReadWrite, Page::Hole], &[b'x'; 2 * PAGE]));
}

/// Checks what a stream becomes, in both directions and everywhere.
#[track_caller]
fn check(ranges: &[AddrRange], says: Transfer<StreamError>, expected: Transfer<IoCause>) {
    let seq = AddrRangeSeq::from_slice(ranges).unwrap();
    on_each(|io| {
        assert_eq!(io.copy_out_from(seq, &mut Says(says), CHECKED), expected);
        assert_eq!(io.copy_in_to(seq, &mut Says(says), CHECKED), expected);
    });
}

fn fault(done: usize, kind: FaultKind, addr: u64) -> Transfer<IoCause> {
    Err(Partial::new(done, IoCause::Fault(Fault::new(kind, Addr::new(addr)))))
}

#[test]
fn a_stream_that_moves_everything_comes_to_the_fault() {
    check(&[r(0, 4), r(8, 10)], Ok(6), Ok(6));
    check(&[r(0, 4), r(SIZE - 2, SIZE + 2)], Ok(6), fault(6, FaultKind::Unmapped, SIZE));
}

#[test]
fn a_short_stream_does_not_come_to_the_fault() {
    for done in [0, 1, 5] {
        check(&[r(0, 4), r(8, 10)], Ok(done), Ok(done));
        check(&[r(0, 4), r(SIZE - 2, SIZE + 2)], Ok(done), Ok(done));
    }
}

#[test]
fn the_error_of_a_stream_comes_before_the_fault() {
    for done in [0, 1, 6] {
        let says = |cause| Err(Partial::new(done, cause));
        let failed = |cause| Err(Partial::new(done, cause));
        for ranges in [[r(0, 4), r(8, 10)], [r(0, 4), r(SIZE - 2, SIZE + 2)]] {
            check(&ranges, says(EIO), failed(IoCause::Stream(Errno::EIO)));
            check(&ranges, says(StreamError::EndOfBlocks), failed(IoCause::EndOfSequence));
            check(&ranges, says(StreamError::NoProgress), failed(IoCause::NoProgress));
        }
    }
}

#[test]
fn a_stream_cannot_move_more_than_it_was_given() {
    check(&[r(0, 4)], Ok(5), Ok(4));
    check(&[r(0, 4)], Ok(usize::MAX), Ok(4));
    check(&[r(SIZE - 2, SIZE + 2)], Ok(3), fault(2, FaultKind::Unmapped, SIZE));
    let failed = Err(Partial::new(4, IoCause::Stream(Errno::EIO)));
    check(&[r(0, 4)], Err(Partial::new(usize::MAX, EIO)), failed);
}

#[test]
fn a_fault_of_the_other_end_is_where_the_stream_stopped() {
    let host = HostFault { kind: FaultKind::Protection, addr: 0xdead };
    let says = |done| Err(Partial::new(done, StreamError::Fault(host)));
    let ranges = [r(0, 4), r(1, 1), r(8, 10)];
    check(&ranges, says(0), fault(0, FaultKind::Protection, 0));
    check(&ranges, says(3), fault(3, FaultKind::Protection, 3));
    check(&ranges, says(4), fault(4, FaultKind::Protection, 8));
    check(&ranges, says(6), fault(6, FaultKind::Protection, 10));
    check(&ranges, says(usize::MAX), fault(6, FaultKind::Protection, 10));
}

#[test]
fn a_stream_that_could_move_nothing_is_not_called() {
    let bad = [r(SIZE, SIZE + 1), r(0, 4)];
    for (ranges, expected) in [
        (&[][..], Ok(0)),
        (&[r(1, 1), r(SIZE + 9, SIZE + 9)], Ok(0)),
        (&bad, fault(0, FaultKind::Unmapped, SIZE)),
    ] {
        let seq = AddrRangeSeq::from_slice(ranges).unwrap();
        on_each(|io| {
            assert_eq!(io.copy_out_from(seq, &mut Panics, CHECKED), expected);
            assert_eq!(io.copy_in_to(seq, &mut Panics, CHECKED), expected);
        });
    }
}

#[test]
fn a_stream_is_called_once_with_everything_before_the_fault() {
    let ranges = [r(0, 4), r(2, 2), r(SIZE - 2, SIZE + 9), r(4, 8)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    on_each(|io| {
        let mut reader = ScriptedReader::new(b"abcdefgh", Some(EIO));
        let expected = fault(6, FaultKind::Unmapped, SIZE);
        assert_eq!(io.copy_out_from(seq, &mut reader, CHECKED), expected);
        assert_eq!((reader.calls, reader.data), (vec![6], b"gh".to_vec()));
        let mut writer = ScriptedWriter::new(100, Some(EIO));
        assert_eq!(io.copy_in_to(seq, &mut writer, CHECKED), expected);
        assert_eq!((writer.calls, writer.data), (vec![6], b"abcdef".to_vec()));
    });
}

#[test]
fn pitfall_23_a_panic_of_a_stream_passes_through() {
    let ranges = [r(0, 4)];
    let seq = AddrRangeSeq::from_slice(&ranges).unwrap();
    on_each(|io| {
        let out = AssertUnwindSafe(|| io.copy_out_from(seq, &mut Panics, CHECKED));
        assert!(catch_unwind(out).is_err());
        let into = AssertUnwindSafe(|| io.copy_in_to(seq, &mut Panics, CHECKED));
        assert!(catch_unwind(into).is_err());
        // And nothing is held or lost.
        let mut dst = [0; 4];
        assert_eq!(io.copy_in(Addr::ZERO, &mut dst, CHECKED), Ok(4));
        assert_eq!((io.zero_out(Addr::ZERO, 4, CHECKED), &dst), (Ok(4), b"xxxx"));
    });
}
