//! Readers and writers as streams of the standard library.

use std::io::{ErrorKind, Read, Write};

use safecopy::{SliceReader, SliceWriter, ToStdRead, ToStdWrite};
use testkit::{Answer, End, StreamScript};
use usermem_types::Errno;

use crate::ends::{moves, panics, source, unless_panics};

/// A stream that moves bytes and then fails.
fn fails_after(claims: usize) -> Answer {
    Answer { claims, end: End::Fails(Errno::ENOSPC) }
}

/// What a call of the standard library said: a count, or the error number or kind.
type Said = Result<usize, (Option<i32>, ErrorKind)>;

fn said(result: std::io::Result<usize>) -> Said {
    result.map_err(|error| (error.raw_os_error(), error.kind()))
}

const NO_SPACE: Said = Err((Some(28), ErrorKind::StorageFull));
const FULL: Said = Err((None, ErrorKind::WriteZero));

#[test]
fn a_read_is_one_call_whose_bytes_come_before_its_error() {
    let answers = [moves(2), fails_after(3), moves(9), fails_after(0), fails_after(9), moves(1)];
    let mut stream = ToStdRead::new(StreamScript::new(&answers));
    let mut position = 0;
    for expected in [Ok(2), Ok(3), NO_SPACE, Ok(4), NO_SPACE, Ok(4), NO_SPACE, Ok(1), Ok(0)] {
        let mut bytes = [0; 4];
        let result = said(stream.read(&mut bytes));
        assert_eq!(result, expected);
        let done = result.unwrap_or(0);
        assert_eq!(bytes[..done], source(position, done));
        position += done as u64;
    }
    let called = stream.into_inner().calls;
    assert!(called.iter().all(|call| call.lens == [4]));
    assert_eq!(called.len(), answers.len() + 1);
}

#[test]
fn a_write_goes_on_until_an_error_whose_bytes_come_first() {
    let cases = [
        (vec![moves(4)], vec![Ok(4)]),
        (vec![moves(1), moves(2), moves(1)], vec![Ok(4)]),
        (vec![moves(usize::MAX)], vec![Ok(4)]),
        (vec![moves(1), moves(0), moves(4)], vec![Ok(1), FULL, Ok(4)]),
        (vec![moves(0), moves(4)], vec![FULL, Ok(4)]),
        (vec![fails_after(2), moves(4)], vec![Ok(2), NO_SPACE, Ok(4)]),
        (vec![moves(1), fails_after(2), moves(4)], vec![Ok(3), NO_SPACE, Ok(4)]),
        (vec![fails_after(0), moves(4)], vec![NO_SPACE, Ok(4)]),
        (vec![fails_after(usize::MAX), moves(4)], vec![Ok(4), NO_SPACE, Ok(4)]),
    ];
    for (answers, results) in cases {
        let mut stream = ToStdWrite::new(StreamScript::new(&answers));
        let mut written = Vec::new();
        for expected in results {
            let result = said(stream.write(b"abcd"));
            assert_eq!(result, expected, "{answers:?}");
            written.extend(&b"abcd"[..result.unwrap_or(0)]);
        }
        assert_eq!(stream.into_inner().data, written);
    }
}

#[test]
fn a_flush_reports_the_error_that_is_left_and_so_does_nobody_else() {
    let mut stream = ToStdWrite::new(StreamScript::new(&[fails_after(2), moves(4)]));
    assert_eq!(said(stream.write(b"abcd")), Ok(2));
    assert_eq!(said(stream.flush().map(|()| 0)), NO_SPACE);
    assert_eq!(said(stream.flush().map(|()| 0)), Ok(0));
    assert_eq!(said(stream.write(b"abcd")), Ok(4));
}

#[test]
fn a_reader_or_writer_that_panics_leaves_no_error_behind() {
    let mut stream = ToStdRead::new(StreamScript::new(&[moves(2), panics(), moves(3)]));
    assert_eq!(said(stream.read(&mut [0; 4])), Ok(2));
    assert!(unless_panics(|| stream.read(&mut [0; 4])).is_none());
    assert_eq!(said(stream.read(&mut [0; 4])), Ok(3));
    let mut stream = ToStdWrite::new(StreamScript::new(&[moves(1), panics(), moves(4)]));
    assert!(unless_panics(|| stream.write(b"abcd")).is_none());
    assert_eq!(said(stream.write(b"efgh")), Ok(4));
    assert_eq!(stream.into_inner().data, b"aefgh");
}

#[test]
fn an_empty_slice_is_passed_on_to_a_reader_and_not_to_a_writer() {
    let mut stream = ToStdRead::new(StreamScript::new(&[moves(usize::MAX)]));
    assert_eq!(said(stream.read(&mut [])), Ok(0));
    assert_eq!(stream.into_inner().calls.len(), 1);
    let mut stream = ToStdWrite::new(StreamScript::new(&[]));
    assert_eq!(said(stream.write(b"")), Ok(0));
    assert_eq!(stream.into_inner().calls.len(), 0);
}

#[test]
fn the_ends_of_fixed_streams_are_those_that_the_standard_library_knows() {
    let mut text = String::new();
    let mut stream = ToStdRead::new(SliceReader::new(b"foobar"));
    assert_eq!(stream.read_to_string(&mut text).unwrap(), 6);
    assert_eq!(text, "foobar");
    let error = ToStdRead::new(SliceReader::new(b"foo")).read_exact(&mut [0; 4]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);
    let mut array = [0; 4];
    let mut stream = ToStdWrite::new(SliceWriter::new(&mut array));
    assert_eq!(said(stream.write(b"foobar")), Ok(4));
    assert_eq!(said(stream.write(b"ar")), FULL);
    assert_eq!(said(stream.write(b"ar")), FULL);
    assert_eq!(&array, b"foob");
}
