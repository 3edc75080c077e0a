//! Sequences, and streams over them.

use std::io::{ErrorKind, Read, Write};

use testkit::{Layout, ModelMemory};
use usermem_io::{BytesIo, IoCause, IoOpts, IoReadWriter, IoSequence};
use usermem_types::{Addr, AddrRange, AddrRangeSeq, Fault, FaultKind, Partial};

use crate::r;

const CHECKED: IoOpts = IoOpts::CHECKED;

/// Returns the sequence of `ranges` of `io`.
fn seq<'a>(io: &'a BytesIo<'_>, ranges: &'a [AddrRange]) -> IoSequence<'a> {
    IoSequence::new(io, AddrRangeSeq::from_slice(ranges).unwrap(), CHECKED)
}

#[test]
fn copies_out_what_it_has_room_for() {
    let mut buffer = *b"ABCD";
    let io = BytesIo::new(&mut buffer);
    let all = [r(0, 4)];
    let seq = seq(&io, &all);
    assert_eq!(seq.copy_out(b"fo"), Ok(2));
    let seq = seq.drop_first(2);
    assert_eq!(seq.num_bytes(), 2);
    assert_eq!(seq.copy_out(b"obar"), Ok(2));
    assert_eq!(seq.drop_first(2).num_bytes(), 0);
    assert_eq!(&buffer, b"foob");
}

#[test]
fn copies_in_what_there_is() {
    let mut buffer = *b"foob";
    let io = BytesIo::new(&mut buffer);
    let all = [r(0, 4)];
    let seq = seq(&io, &all);
    let mut dst = *b"ABCDEF";
    assert_eq!(seq.copy_in(&mut dst[..2]), Ok(2));
    assert_eq!(&dst, b"foCDEF");
    let seq = seq.drop_first(2);
    assert_eq!(seq.num_bytes(), 2);
    assert_eq!(seq.copy_in(&mut dst[2..]), Ok(2));
    assert_eq!(&dst, b"foobEF");
    assert_eq!(seq.drop_first(2).num_bytes(), 0);
}

#[test]
fn zeroes_what_there_is() {
    let mut buffer = *b"ABCD";
    let io = BytesIo::new(&mut buffer);
    let all = [r(0, 4)];
    let seq = seq(&io, &all);
    assert_eq!(seq.zero_out(2), Ok(2));
    let rest = seq.drop_first(2);
    let mut dst = [1; 4];
    assert_eq!(seq.copy_in(&mut dst), Ok(4));
    assert_eq!((&dst, rest.num_bytes()), (b"\0\0CD", 2));
    assert_eq!(rest.zero_out(4), Ok(2));
    assert_eq!(buffer, [0; 4]);
}

#[test]
fn takes_the_first_bytes() {
    let mut buffer = *b"foobar";
    let io = BytesIo::new(&mut buffer);
    let all = [r(0, 6)];
    let seq = seq(&io, &all).take_first(3);
    assert_eq!(seq.num_bytes(), 3);
    assert_eq!(seq.take_first(9).num_bytes(), 3);
    let mut dst = [0; 3];
    assert_eq!((seq.copy_in(&mut dst), &dst), (Ok(3), b"foo"));
    assert_eq!(seq.drop_first(3).num_bytes(), 0);
}

#[test]
fn a_stream_reads_to_the_end_and_then_nothing() {
    let mut buffer = *b"foobar";
    let io = BytesIo::new(&mut buffer);
    let ranges = [r(3, 6), r(9, 9), r(0, 3)];
    let mut stream = seq(&io, &ranges).read_writer();
    let mut text = Vec::new();
    assert_eq!(stream.read(&mut []).unwrap(), 0);
    assert_eq!(stream.len(), 6);
    assert_eq!(stream.read_to_end(&mut text).unwrap(), 6);
    assert_eq!(text, b"barfoo");
    assert_eq!(stream.read(&mut [0]).unwrap(), 0);
    assert!(stream.is_empty());
    let empty = [r(1, 1), r(2, 2)];
    assert_eq!(seq(&io, &empty).read_writer().read(&mut [0]).unwrap(), 0);
}

#[test]
fn pitfall_01_a_shortened_stream_ends() {
    let mut buffer = *b"0123456789";
    let io = BytesIo::new(&mut buffer);
    let ranges = [r(0, 1), r(2, 4), r(5, 10)];
    let mut stream = seq(&io, &ranges).take_first(2).read_writer();
    let mut text = Vec::new();
    assert_eq!(stream.read_to_end(&mut text).unwrap(), 2);
    assert_eq!(text, b"02");
    let mut stream = seq(&io, &ranges).take_first(2).read_writer();
    assert_eq!(stream.write_all(b"xyz").unwrap_err().kind(), ErrorKind::WriteZero);
    assert_eq!(&buffer, b"x1y3456789");
}

#[test]
fn a_stream_takes_what_fits_exactly() {
    let mut buffer = *b"ABCD";
    let io = BytesIo::new(&mut buffer);
    let all = [r(0, 4)];
    let mut stream = seq(&io, &all).read_writer();
    stream.write_all(b"fo").unwrap();
    stream.write_all(b"ob").unwrap();
    assert_eq!(stream.write(b"").unwrap(), 0);
    assert_eq!(stream.write(b"x").unwrap(), 0);
    stream.flush().unwrap();
    assert_eq!(&buffer, b"foob");
}

#[test]
fn a_buffer_is_a_sequence() {
    let mut buffer = *b"abcd";
    let io = BytesIo::new(&mut buffer);
    assert_eq!(io.sequence().ranges().iter().collect::<Vec<_>>(), [r(0, 4)]);
    let empty = BytesIo::new(&mut []);
    let seq = empty.sequence();
    // One range without bytes: not the same as no range.
    assert_eq!((seq.ranges().num_ranges(), seq.num_bytes()), (1, 0));
    assert_eq!((seq.copy_in(&mut [0; 3]), seq.read_writer().read(&mut [0]).unwrap()), (Ok(0), 0));
}

#[test]
fn a_stream_uses_up_what_moved_before_a_fault() {
    let mut buffer = *b"ABCD";
    let io = BytesIo::new(&mut buffer);
    let ranges = [r(2, 6), r(0, 1)];
    let fault = IoCause::Fault(Fault::new(FaultKind::Unmapped, Addr::new(4)));
    let mut stream = seq(&io, &ranges).read_writer();
    assert_eq!(stream.copy_in(&mut [0; 8]), Err(Partial::new(2, fault)));
    assert_eq!(stream.len(), 3);
    assert_eq!(stream.copy_in(&mut [0; 8]), Err(Partial::new(0, fault)));
    assert_eq!(stream.len(), 3);
    let rest: Vec<_> = stream.sequence().ranges().iter().collect();
    assert_eq!(rest, [r(4, 6), r(0, 1)]);
    let mut stream = seq(&io, &ranges).read_writer();
    assert_eq!(stream.copy_out(b"wxyz"), Err(Partial::new(2, fault)));
    assert_eq!((stream.len(), &buffer), (3, b"ABwx"));
}

#[test]
fn a_range_that_is_refused_stops_a_stream_once() {
    let memory = ModelMemory::of_bytes(b"abcd").with_user_end(Addr::new(0x1000));
    let ranges = [r(0, 1), r(0x2000, 0x2000), r(1, 2)];
    let seq = IoSequence::new(&memory, AddrRangeSeq::from_slice(&ranges).unwrap(), CHECKED);
    let fault = IoCause::Fault(Fault::new(FaultKind::OutOfRange, Addr::new(0x2000)));
    let mut stream = seq.read_writer();
    let mut dst = [0; 4];
    assert_eq!(stream.read(&mut dst).unwrap(), 1);
    assert_eq!(stream.read(&mut dst).unwrap_err().downcast::<IoCause>().unwrap(), fault);
    assert_eq!((stream.read(&mut dst).unwrap(), dst[0]), (1, b'b'));
    assert_eq!(stream.read(&mut dst).unwrap(), 0);
}

#[test]
fn a_stream_is_short_first_and_fails_then() {
    let mut buffer = *b"ABCD";
    let io = BytesIo::new(&mut buffer);
    let ranges = [r(2, 6)];
    let fault = IoCause::Fault(Fault::new(FaultKind::Unmapped, Addr::new(4)));
    let mut stream = seq(&io, &ranges).read_writer();
    let mut dst = [0; 8];
    assert_eq!((stream.read(&mut dst).unwrap(), &dst[..2]), (2, &b"CD"[..]));
    let error = stream.read(&mut dst).unwrap_err();
    assert_eq!(error.downcast::<IoCause>().unwrap(), fault);
    let mut stream = seq(&io, &ranges).read_writer();
    assert_eq!(stream.write(b"xyz").unwrap(), 2);
    assert_eq!(stream.write(b"z").unwrap_err().downcast::<IoCause>().unwrap(), fault);
    assert_eq!(&buffer, b"ABxy");
}

#[test]
fn pitfall_07_a_cursor_moves_by_what_moved() {
    let memory = ModelMemory::new(&Layout::parse("rw- 0-4"));
    let mut cursor = IoReadWriter::new(&memory, Addr::new(1), CHECKED);
    assert_eq!(cursor.copy_out(b"fo"), Ok(2));
    assert_eq!(cursor.addr(), Addr::new(3));
    let unmapped = Fault::new(FaultKind::Unmapped, Addr::new(4));
    assert_eq!(cursor.copy_out(b"ob"), Err(Partial::new(1, unmapped)));
    assert_eq!(cursor.addr(), Addr::new(4));
    assert_eq!(cursor.copy_out(b""), Ok(0));

    let mut cursor = IoReadWriter::new(&memory, Addr::ZERO, CHECKED);
    let mut dst = [1; 3];
    assert_eq!((cursor.read(&mut dst).unwrap(), &dst), (3, b"\0fo"));
    assert_eq!((cursor.read(&mut dst).unwrap(), dst[0]), (1, b'o'));
    assert_eq!(cursor.read(&mut dst).unwrap_err().downcast::<Fault>().unwrap(), unmapped);
    assert_eq!(cursor.read(&mut []).unwrap(), 0);
    assert_eq!(cursor.write(b"x").unwrap_err().downcast::<Fault>().unwrap(), unmapped);
}

#[test]
fn a_cursor_stays_at_the_highest_address() {
    let memory = ModelMemory::new(&Layout::default());
    let mut cursor = IoReadWriter::new(&memory, Addr::MAX, CHECKED);
    let unmapped = Fault::new(FaultKind::Unmapped, Addr::MAX);
    assert_eq!(cursor.copy_in(&mut [0; 2]), Err(Partial::new(0, unmapped)));
    assert_eq!(cursor.addr(), Addr::MAX);
}
