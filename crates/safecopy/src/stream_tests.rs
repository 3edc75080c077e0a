//! Tests of everything that reads into or writes from blocks.

use std::io::{self, Read, Write};

use usermem_types::{Errno, FaultKind, Partial, Transfer};

use super::{Reader, StreamError, Writer, read_full, write_full};
use crate::{
    BlockSeq, BlockSeqReader, BlockSeqWriter, DstBlock, DstBlockSeq, FromStdRead, FromStdWrite,
    HostFault, SliceReader, SliceWriter, SrcBlock, SrcBlockSeq, ToStdRead, ToStdWrite, VecWriter,
};

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

/// A source or a sink that must not be called.
struct Untouchable;

impl Reader for Untouchable {
    fn read_to_blocks(&mut self, _: DstBlockSeq<'_>) -> Transfer<StreamError> {
        panic!("called");
    }
}

impl Writer for Untouchable {
    fn write_from_blocks(&mut self, _: SrcBlockSeq<'_>) -> Transfer<StreamError> {
        panic!("called");
    }
}

/// A stream that answers from a script, and remembers what it was given.
#[derive(Default)]
struct Script {
    answers: Vec<io::Result<Vec<u8>>>,
    seen: Vec<Vec<u8>>,
}

impl Script {
    fn new<const N: usize>(answers: [Result<&str, Errno>; N]) -> Self {
        let answer = |answer: Result<&str, Errno>| {
            answer
                .map(|text| text.as_bytes().to_vec())
                .map_err(|errno| io::Error::from_raw_os_error(errno.raw()))
        };
        Self { answers: answers.into_iter().map(answer).rev().collect(), seen: Vec::new() }
    }
}

impl Read for Script {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        self.seen.push(vec![0; buf.len()]);
        let bytes = self.answers.pop().unwrap()?;
        buf[..bytes.len()].copy_from_slice(&bytes);
        Ok(bytes.len())
    }
}

impl Write for Script {
    fn write(&mut self, buf: &[u8]) -> io::Result<usize> {
        self.seen.push(buf.to_vec());
        Ok(self.answers.pop().unwrap()?.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads into two blocks of three bytes.
fn read_3_3(
    read: impl FnOnce(DstBlockSeq<'_>) -> Transfer<StreamError>,
) -> (Transfer<StreamError>, [u8; 6]) {
    let mut bytes = [0; 6];
    let (a, b) = bytes.split_at_mut(3);
    let blocks = [DstBlock::from_slice(a), DstBlock::default(), DstBlock::from_slice(b)];
    let result = read(BlockSeq::from_slice(&blocks));
    (result, bytes)
}

/// The blocks "foo", "", "bar".
fn foobar() -> [SrcBlock<'static>; 3] {
    [SrcBlock::from_slice(b"foo"), SrcBlock::default(), SrcBlock::from_slice(b"bar")]
}

fn errno(done: usize, errno: Errno) -> Transfer<StreamError> {
    Err(Partial::new(done, StreamError::Errno(errno)))
}

/// A page that nothing may access, next to which there is nothing of ours.
fn bad<'a>(len: usize) -> (DstBlock<'a>, HostFault) {
    #![expect(unsafe_code, reason = "a block that faults")]
    crate::init().unwrap();
    // SAFETY: no Rust object can be there.
    let block = unsafe { DstBlock::from_raw(std::ptr::without_provenance_mut(64), len) };
    (block, HostFault { kind: FaultKind::Unmapped, addr: 64 })
}

#[test]
fn full_transfers_go_on_until_all_is_moved() {
    let (result, bytes) = read_3_3(|d| read_full(&mut OneByte(SliceReader::new(b"foobarx")), d));
    assert_eq!((result, &bytes), (Ok(6), b"foobar"));
    let mut sink = Vec::new();
    let blocks = foobar();
    let mut writer = OneByte(VecWriter::new(&mut sink, 100));
    assert_eq!(write_full(&mut writer, BlockSeq::from_slice(&blocks)), Ok(6));
    assert_eq!(sink, b"foobar");
}

#[test]
fn full_transfers_of_nothing_call_nobody() {
    assert_eq!(read_full(&mut Untouchable, BlockSeq::default()), Ok(0));
    assert_eq!(write_full(&mut Untouchable, BlockSeq::default()), Ok(0));
}

#[test]
fn pitfall_02_a_round_that_moves_nothing_ends_a_full_transfer() {
    let (result, bytes) = read_3_3(|d| read_full(&mut SliceReader::new(b"foob"), d));
    assert_eq!(result, Err(Partial::new(4, StreamError::NoProgress)));
    assert_eq!(&bytes, b"foob\0\0");
    let blocks = foobar();
    let mut writer = FromStdWrite::new(Script::new([Ok("xx"), Ok("")]));
    let result = write_full(&mut writer, BlockSeq::from_slice(&blocks));
    assert_eq!(result, Err(Partial::new(2, StreamError::NoProgress)));
}

#[test]
fn a_source_of_blocks_comes_short_and_then_empty() {
    let blocks = foobar();
    let mut reader = BlockSeqReader::new(BlockSeq::from_slice(&blocks));
    let (result, bytes) = read_3_3(|d| reader.read_to_blocks(d.take_first(4)));
    assert_eq!((result, &bytes), (Ok(4), b"foob\0\0"));
    assert_eq!(reader.rest().num_bytes(), 2);
    assert_eq!(reader.read_to_blocks(BlockSeq::default()), Ok(0));
    let (result, bytes) = read_3_3(|d| reader.read_to_blocks(d));
    assert_eq!((result, &bytes), (Ok(2), b"ar\0\0\0\0"));
    assert_eq!(read_3_3(|d| reader.read_to_blocks(d)).0, Ok(0));
}

#[test]
fn sinks_of_a_fixed_size_say_when_they_are_full() {
    let blocks = foobar();
    let srcs = BlockSeq::from_slice(&blocks);
    let full = |done| Err(Partial::new(done, StreamError::EndOfBlocks));
    let (result, bytes) = read_3_3(|dsts| {
        let mut writer = BlockSeqWriter::new(dsts.take_first(4));
        assert_eq!(writer.write_from_blocks(srcs.take_first(3)), Ok(3));
        assert_eq!(writer.rest().num_bytes(), 1);
        let result = writer.write_from_blocks(srcs);
        assert_eq!(writer.write_from_blocks(srcs), full(0));
        assert_eq!(writer.write_from_blocks(BlockSeq::default()), Ok(0));
        result
    });
    assert_eq!((result, &bytes), (full(1), b"foof\0\0"));
    let mut array = [0; 5];
    let mut writer = SliceWriter::new(&mut array);
    assert_eq!(writer.write_from_blocks(srcs), full(5));
    assert_eq!(writer.written(), b"fooba");
    let mut vec = b"1".to_vec();
    let mut writer = VecWriter::new(&mut vec, 5);
    assert_eq!(writer.write_from_blocks(srcs), full(4));
    assert_eq!(vec, b"1foob");
}

#[test]
fn pitfall_11_streams_over_blocks_that_fault_keep_their_counts() {
    let (block, fault) = bad(5);
    let faulted = |done| Err(Partial::new(done, StreamError::Fault(fault)));
    let mut own = [0; 3];
    let dsts = [DstBlock::from_slice(&mut own), block];
    let dsts = BlockSeq::from_slice(&dsts);
    let mut reader = SliceReader::new(b"foobar");
    assert_eq!(reader.read_to_blocks(dsts), faulted(3));
    assert_eq!(reader.rest(), b"bar");
    let mut reader = FromStdRead::new(Script::new([Ok("foo"), Ok("ba")]));
    assert_eq!(reader.read_to_blocks(dsts), faulted(3));
    let srcs = [SrcBlock::from_slice(b"foo"), block.as_source()];
    let srcs = BlockSeq::from_slice(&srcs);
    let mut vec = Vec::new();
    assert_eq!(VecWriter::new(&mut vec, 100).write_from_blocks(srcs), faulted(3));
    assert_eq!(vec, b"foo");
    // The sink's error comes before the fault, and the sink is not called for no bytes.
    let mut script = Script::new([Ok("foo")]);
    assert_eq!(FromStdWrite::new(&mut script).write_from_blocks(srcs), faulted(3));
    assert_eq!(script.seen, [b"foo"]);
    let mut script = Script::new([Err(Errno::EIO)]);
    let result = FromStdWrite::new(&mut script).write_from_blocks(srcs);
    assert_eq!(result, errno(0, Errno::EIO));
}

#[test]
fn pitfall_17_a_stream_of_the_standard_library_stops_after_a_short_read() {
    let cases: [(Script, Transfer<StreamError>, &[u8; 6]); 6] = [
        (Script::new([Ok("foo"), Ok("bar")]), Ok(6), b"foobar"),
        (Script::new([Ok("fo")]), Ok(2), b"fo\0\0\0\0"),
        (Script::new([Ok("foo"), Ok("")]), Ok(3), b"foo\0\0\0"),
        (Script::new([Ok("")]), Ok(0), b"\0\0\0\0\0\0"),
        (Script::new([Ok("foo"), Err(Errno::ENXIO)]), errno(3, Errno::ENXIO), b"foo\0\0\0"),
        (Script::new([Err(Errno::EINTR)]), errno(0, Errno::EINTR), b"\0\0\0\0\0\0"),
    ];
    for (mut script, expected, bytes) in cases {
        let calls = script.answers.len();
        let result = read_3_3(|dsts| FromStdRead::new(&mut script).read_to_blocks(dsts));
        assert_eq!((result.0, &result.1), (expected, bytes));
        assert_eq!(script.seen, vec![vec![0; 3]; calls]);
    }
}

#[test]
fn a_sink_of_the_standard_library_gets_one_write_per_block() {
    let blocks = foobar();
    for (mut script, expected) in [
        (Script::new([Ok("foo"), Ok("bar")]), Ok(6)),
        (Script::new([Ok("foo"), Ok("b")]), Ok(4)),
        (Script::new([Ok("f")]), Ok(1)),
        (Script::new([Ok("foo"), Err(Errno::ENOSPC)]), errno(3, Errno::ENOSPC)),
    ] {
        let calls = script.answers.len();
        let mut writer = FromStdWrite::new(&mut script);
        assert_eq!(writer.write_from_blocks(BlockSeq::from_slice(&blocks)), expected);
        assert_eq!(script.seen, [b"foo", b"bar"][..calls]);
    }
}

#[test]
fn long_blocks_pass_through_the_buffer_in_pieces() {
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let mut stored = vec![0; bytes.len()];
    let dsts = BlockSeq::of(DstBlock::from_slice(&mut stored));
    assert_eq!(FromStdRead::new(&bytes[..]).read_to_blocks(dsts), Ok(bytes.len()));
    assert_eq!(stored, bytes);
    let mut sink = Vec::new();
    let srcs = BlockSeq::of(SrcBlock::from_slice(&bytes));
    assert_eq!(FromStdWrite::new(&mut sink).write_from_blocks(srcs), Ok(bytes.len()));
    assert_eq!(sink, bytes);
}

#[test]
fn streams_seen_through_the_standard_library_report_bytes_first_and_the_error_then() {
    let mut text = String::new();
    let mut stream = ToStdRead::new(OneByte(SliceReader::new(b"foobar")));
    assert_eq!(stream.read_to_string(&mut text).unwrap(), 6);
    assert_eq!(text, "foobar");
    let mut array = [0; 4];
    let mut stream = ToStdWrite::new(OneByte(SliceWriter::new(&mut array)));
    assert_eq!(stream.write(b"foobar").unwrap(), 4);
    assert_eq!(stream.write(b"ar").unwrap_err().kind(), io::ErrorKind::WriteZero);
    assert_eq!(&array, b"foob");
    let script = Script::new([Err(Errno::ENOSPC)]);
    let mut stream = ToStdWrite::new(FromStdWrite::new(script));
    assert_eq!(stream.write(b"x").unwrap_err().raw_os_error(), Some(Errno::ENOSPC.raw()));
}

#[test]
fn blocks_of_a_sequence_give_the_table_of_the_specification() {
    let rows: [(&[&str], usize, usize, &str); 7] = [
        (&[], 0, 9, ""),
        (&["foobar"], 0, 9, "foobar"),
        (&["foo", "bar"], 0, 9, "foobar"),
        (&["", "foo", "", "", "bar", ""], 0, 9, "foobar"),
        (&["foo", "bar"], 2, 9, "obar"),
        (&["foo", "bar"], 0, 5, "fooba"),
        (&["foo", "bar"], 2, 3, "oba"),
    ];
    for (pieces, drop, take, expected) in rows {
        let blocks: Vec<_> = pieces.iter().map(|p| SrcBlock::from_slice(p.as_bytes())).collect();
        let seq = BlockSeq::from_slice(&blocks).drop_first(drop).take_first(take);
        assert_eq!(seq.num_bytes(), expected.len());
        assert_eq!(seq.is_empty(), expected.is_empty());
        let mut all = Vec::new();
        assert_eq!(VecWriter::new(&mut all, 9).write_from_blocks(seq), Ok(expected.len()));
        assert_eq!(all, expected.as_bytes());
        let mut left = seq;
        for at in 0..expected.len() {
            assert_eq!(left.num_bytes(), expected.len() - at);
            left = left.drop_first(1);
        }
        assert!(left.is_empty());
        assert_eq!(left.iter().count(), 0);
        assert!(seq.drop_first(expected.len() + 1).is_empty());
    }
}

#[test]
fn pitfall_01_a_shortened_sequence_ends() {
    let blocks = [SrcBlock::from_slice(b"123"), SrcBlock::from_slice(b"4")];
    let seq = BlockSeq::from_slice(&blocks);
    assert_eq!(seq.num_bytes(), 4);
    let seq = seq.take_first(1);
    assert_eq!(seq.num_bytes(), 1);
    let seq = seq.drop_first(2);
    assert!(seq.is_empty() && seq.num_bytes() == 0 && seq.split_first().is_none());
}
