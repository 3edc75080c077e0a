//! Transfers that go on until all bytes moved.

use safecopy::{
    BlockSeq, DstBlock, DstBlockSeq, FromStdRead, FromStdWrite, Reader, ReaderFn, SliceReader,
    SrcBlock, SrcBlockSeq, StreamError, Writer, WriterFn, read_full, write_full,
};
use testkit::{Answer, End, StreamScript};
use usermem_types::{Errno, Partial, Transfer};

use crate::ends::{errno, moves, panics, source, unless_panics};

/// A source or a sink that moves at most one byte a call, then nothing.
struct OneByte<T>(T);

impl<R: Reader> Reader for OneByte<R> {
    fn read_to_blocks(&mut self, dsts: DstBlockSeq<'_>) -> Transfer<StreamError> {
        self.0.read_to_blocks(dsts.take_first(1))
    }
}

impl<W: Writer> Writer for OneByte<W> {
    fn write_from_blocks(&mut self, srcs: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        self.0.write_from_blocks(srcs.take_first(1))
    }
}

/// Reads into blocks of three bytes.
#[track_caller]
pub(crate) fn read_3_3(
    read: impl FnOnce(DstBlockSeq<'_>) -> Transfer<StreamError>,
    result: Transfer<StreamError>,
    expected: &[u8; 6],
) {
    let mut bytes = [0; 6];
    let (a, b) = bytes.split_at_mut(3);
    let blocks = [DstBlock::from_slice(a), DstBlock::default(), DstBlock::from_slice(b)];
    assert_eq!(read(BlockSeq::from_slice(&blocks)), result);
    assert_eq!(&bytes, expected);
}

/// Writes the blocks "foo", "", "bar".
#[track_caller]
pub(crate) fn write_foobar(
    write: impl FnOnce(SrcBlockSeq<'_>) -> Transfer<StreamError>,
    result: Transfer<StreamError>,
) {
    let blocks = [b"foo".as_slice(), b"", b"bar"].map(SrcBlock::from_slice);
    assert_eq!(write(BlockSeq::from_slice(&blocks)), result);
}

fn no_progress(done: usize) -> Transfer<StreamError> {
    Err(Partial::new(done, StreamError::NoProgress))
}

/// Answers of a stream to a full transfer of six bytes, and what comes of it.
fn rounds() -> Vec<(Vec<Answer>, Transfer<StreamError>)> {
    let fails = |claims| Answer { claims, end: End::Fails(Errno::EIO) };
    vec![
        (vec![moves(6)], Ok(6)),
        (vec![moves(1), moves(1), moves(4)], Ok(6)),
        (vec![moves(2), moves(usize::MAX)], Ok(6)),
        (vec![moves(2)], no_progress(2)),
        (vec![], no_progress(0)),
        (vec![moves(2), fails(3)], errno(5, Errno::EIO)),
        (vec![moves(2), fails(0)], errno(2, Errno::EIO)),
        (vec![fails(6)], errno(6, Errno::EIO)),
        (vec![moves(2), fails(usize::MAX)], errno(6, Errno::EIO)),
    ]
}

#[test]
fn pitfall_02_a_full_read_ends_whatever_its_source_does() {
    for (answers, result) in rounds() {
        let mut script = StreamScript::new(&answers);
        let done = result.unwrap_or_else(|partial| partial.done);
        let mut expected = [0; 6];
        expected[..done].copy_from_slice(&source(0, done));
        read_3_3(|dsts| read_full(&mut script, dsts), result, &expected);
        let rounds = answers.len() + usize::from(result == no_progress(done));
        assert_eq!(script.calls.len(), rounds);
    }
}

#[test]
fn pitfall_02_a_full_write_ends_whatever_its_sink_does() {
    for (answers, result) in rounds() {
        let mut script = StreamScript::new(&answers);
        write_foobar(|srcs| write_full(&mut script, srcs), result);
        let done = result.unwrap_or_else(|partial| partial.done);
        assert_eq!(script.data, b"foobar"[..done]);
    }
}

#[test]
fn a_stream_of_single_bytes_is_short_unless_the_transfer_is_full() {
    let one_byte = || OneByte(FromStdRead::new(&b"foobar"[..]));
    read_3_3(|dsts| one_byte().read_to_blocks(dsts), Ok(1), b"f\0\0\0\0\0");
    read_3_3(|dsts| read_full(&mut one_byte(), dsts), Ok(6), b"foobar");
    for (full, expected) in [(false, &b"f"[..]), (true, b"foobar")] {
        let mut sink = Vec::new();
        let mut writer = OneByte(FromStdWrite::new(&mut sink));
        let write = |srcs: SrcBlockSeq<'_>| {
            if full { write_full(&mut writer, srcs) } else { writer.write_from_blocks(srcs) }
        };
        write_foobar(write, Ok(expected.len()));
        assert_eq!(sink, expected);
    }
}

#[test]
fn full_transfers_of_nothing_call_nobody() {
    let mut reader = ReaderFn::new(|_| panic!("called"));
    assert_eq!(read_full(&mut reader, BlockSeq::default()), Ok(0));
    let mut writer = WriterFn::new(|_| panic!("called"));
    assert_eq!(write_full(&mut writer, BlockSeq::default()), Ok(0));
}

#[test]
fn a_full_transfer_that_panics_keeps_the_rounds_before() {
    let mut script = StreamScript::new(&[moves(2), panics(), moves(9)]);
    let mut own = [0; 6];
    let dsts = BlockSeq::of(DstBlock::from_slice(&mut own));
    assert_eq!(unless_panics(|| read_full(&mut script, dsts)), None);
    assert_eq!(own[..], [&source(0, 2)[..], &[0; 4]].concat());
    read_3_3(|dsts| read_full(&mut script, dsts), Ok(6), source(2, 6).first_chunk().unwrap());
}

#[test]
fn a_closure_that_claims_too_much_moved_everything() {
    for (claim, expected) in [(0, 0), (5, 5), (6, 6), (7, 6), (usize::MAX, 6)] {
        read_3_3(|dsts| ReaderFn::new(|_| Ok(claim)).read_to_blocks(dsts), Ok(expected), &[0; 6]);
        write_foobar(|srcs| WriterFn::new(|_| Ok(claim)).write_from_blocks(srcs), Ok(expected));
        let fail = || Err(Partial::new(claim, StreamError::Errno(Errno::EIO)));
        let failed = errno(expected, Errno::EIO);
        read_3_3(|dsts| ReaderFn::new(|_| fail()).read_to_blocks(dsts), failed, &[0; 6]);
        write_foobar(|srcs| WriterFn::new(|_| fail()).write_from_blocks(srcs), failed);
    }
}

#[test]
fn readers_and_writers_are_used_through_references_too() {
    let mut reader = SliceReader::new(b"foobar");
    let dynamic: &mut dyn Reader = &mut reader;
    read_3_3(|dsts| OneByte(&mut *dynamic).read_to_blocks(dsts), Ok(1), b"f\0\0\0\0\0");
    read_3_3(|dsts| read_full(dynamic, dsts), no_progress(5), b"oobar\0");
}
