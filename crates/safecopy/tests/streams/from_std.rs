//! Streams of the standard library as readers and writers.

use std::io::{self, ErrorKind, Read, Write};

use safecopy::{
    BlockSeq, DstBlock, FromStdRead, FromStdWrite, Reader, ReaderFn, SrcBlock, StreamError,
    ToStdRead, ToStdWrite, Writer, WriterFn,
};
use testkit::{Answer, StreamScript};
use usermem_types::{Errno, Partial, Transfer};

use crate::ends::{errno, fails, moves, panics, source, unless_panics};
use crate::full::{read_3_3, write_foobar};
use crate::slots::Slots;

/// Answers to one transfer of two blocks of three bytes, and what comes of it.
fn answers() -> Vec<(Vec<Answer>, Transfer<StreamError>)> {
    vec![
        (vec![moves(3), moves(3)], Ok(6)),
        (vec![moves(2)], Ok(2)),
        (vec![moves(3), moves(1)], Ok(4)),
        (vec![moves(3), moves(0)], Ok(3)),
        (vec![moves(0)], Ok(0)),
        (vec![moves(4), moves(usize::MAX)], Ok(6)),
        (vec![moves(3), fails(Errno::ENXIO)], errno(3, Errno::ENXIO)),
        (vec![fails(Errno::EINTR)], errno(0, Errno::EINTR)),
        (vec![moves(3), fails(Errno::EINTR)], errno(3, Errno::EINTR)),
        (vec![fails(Errno::EAGAIN)], errno(0, Errno::EAGAIN)),
    ]
}

#[test]
fn pitfall_17_a_read_that_comes_short_is_the_last() {
    for (answers, result) in answers() {
        let mut script = StreamScript::new(&answers);
        let done = result.unwrap_or_else(|partial| partial.done);
        let mut expected = [0; 6];
        expected[..done].copy_from_slice(&source(0, done));
        read_3_3(|d| FromStdRead::new(&mut script).read_to_blocks(d), result, &expected);
        let lens: Vec<_> = script.calls.iter().map(|call| call.lens.clone()).collect();
        assert_eq!(lens, vec![vec![3]; answers.len()]);
    }
}

#[test]
fn pitfall_17_a_write_that_comes_short_is_the_last() {
    for (answers, result) in answers() {
        let mut script = StreamScript::new(&answers);
        write_foobar(|srcs| FromStdWrite::new(&mut script).write_from_blocks(srcs), result);
        let done = result.unwrap_or_else(|partial| partial.done);
        assert_eq!(script.data, b"foobar"[..done]);
        assert_eq!(script.calls.len(), answers.len());
    }
}

#[test]
fn the_end_of_a_source_is_a_short_read_without_an_error() {
    for (text, expected) in [("foobar", b"foobar"), ("foob", b"foob\0\0"), ("", &[0; 6])] {
        let mut reader = FromStdRead::new(text.as_bytes());
        read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(text.len()), expected);
        read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(0), &[0; 6]);
    }
}

#[test]
fn transfers_of_nothing_call_nobody() {
    let mut script = StreamScript::default();
    assert_eq!(FromStdRead::new(&mut script).read_to_blocks(BlockSeq::default()), Ok(0));
    assert_eq!(FromStdWrite::new(&mut script).write_from_blocks(BlockSeq::default()), Ok(0));
    assert_eq!(script.calls, []);
}

#[test]
fn pitfall_11_what_a_fault_keeps_from_being_stored_is_not_counted() {
    let slots = Slots::new(2);
    let dsts = [slots.dst(0, 4, 0), slots.dst(1, 4, 4)];
    let mut script = StreamScript::new(&[moves(4), moves(8)]);
    let result = FromStdRead::new(&mut script).read_to_blocks(BlockSeq::from_slice(&dsts));
    assert_eq!(result, Err(Partial::new(8, StreamError::Fault(slots.fault(1)))));
    assert_eq!([slots.read(0, 4), slots.read(1, 4)].concat(), source(0, 8));
    // The source has given twelve bytes.
    assert_eq!(script.position, 12);
}

#[test]
fn pitfall_11_a_read_that_ends_before_the_bad_part_of_a_block_is_no_fault() {
    let slots = Slots::new(1);
    for (read, result) in
        [(3, Ok(3)), (4, Ok(4)), (5, Err(Partial::new(4, StreamError::Fault(slots.fault(0)))))]
    {
        let dsts = BlockSeq::of(slots.dst(0, 4, 4));
        let script = StreamScript::new(&[moves(read)]);
        assert_eq!(FromStdRead::new(script).read_to_blocks(dsts), result);
    }
}

#[test]
fn pitfall_11_bytes_before_a_fault_are_written_and_the_sink_speaks_first() {
    let slots = Slots::new(2);
    let fault = |done| Err(Partial::new(done, StreamError::Fault(slots.fault(1))));
    for (answers, result, written) in [
        (vec![moves(3), moves(2)], fault(5), "fooba"),
        (vec![moves(3), moves(usize::MAX)], fault(5), "fooba"),
        (vec![moves(3), moves(1)], Ok(4), "foob"),
        (vec![moves(3), moves(0)], Ok(3), "foo"),
        (vec![moves(2)], Ok(2), "fo"),
        (vec![moves(3), fails(Errno::ENOSPC)], errno(3, Errno::ENOSPC), "foo"),
    ] {
        let srcs = [slots.src(0, b"foo", 0), slots.src(1, b"ba", 6)];
        let mut script = StreamScript::new(&answers);
        let mut writer = FromStdWrite::new(&mut script);
        assert_eq!(writer.write_from_blocks(BlockSeq::from_slice(&srcs)), result);
        assert_eq!(script.data, written.as_bytes());
        assert_eq!(script.calls.len(), answers.len());
    }
}

#[test]
fn a_sink_is_not_called_for_a_block_whose_first_byte_faults() {
    let slots = Slots::new(1);
    let mut script = StreamScript::default();
    let srcs = BlockSeq::of(slots.src(0, b"", 8));
    let result = FromStdWrite::new(&mut script).write_from_blocks(srcs);
    assert_eq!(result, Err(Partial::new(0, StreamError::Fault(slots.fault(0)))));
    assert_eq!(script.calls, []);
}

#[test]
fn a_stream_that_panics_keeps_what_moved_before_and_can_be_used_again() {
    let mut reader = FromStdRead::new(StreamScript::new(&[moves(3), panics(), moves(3), moves(3)]));
    let mut own = [0; 6];
    let (a, b) = own.split_at_mut(3);
    let dsts = [DstBlock::from_slice(a), DstBlock::from_slice(b)];
    assert_eq!(unless_panics(|| reader.read_to_blocks(BlockSeq::from_slice(&dsts))), None);
    assert_eq!(own[..], [&source(0, 3)[..], &[0; 3]].concat());
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(6), source(3, 6).first_chunk().unwrap());
    let mut writer =
        FromStdWrite::new(StreamScript::new(&[moves(3), panics(), moves(3), moves(3)]));
    let blocks = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"bar")];
    assert_eq!(unless_panics(|| writer.write_from_blocks(BlockSeq::from_slice(&blocks))), None);
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(6));
    assert_eq!(writer.into_inner().data, b"foofoobar");
}

#[test]
fn long_blocks_pass_through_the_buffer_in_pieces() {
    const MOST: usize = 64 << 10;
    let bytes: Vec<u8> = (0..200_000).map(StreamScript::byte_at).collect();
    let pieces = [vec![MOST], vec![MOST], vec![MOST], vec![200_000 - 3 * MOST]];
    let all = [moves(usize::MAX); 4];
    let mut stored = vec![0; bytes.len()];
    let dsts = BlockSeq::of(DstBlock::from_slice(&mut stored));
    let mut reader = FromStdRead::new(StreamScript::new(&all));
    assert_eq!(reader.read_to_blocks(dsts), Ok(bytes.len()));
    assert_eq!(stored, bytes);
    assert_eq!(
        reader.into_inner().calls.iter().map(|c| c.lens.clone()).collect::<Vec<_>>(),
        pieces
    );
    let mut writer = FromStdWrite::new(StreamScript::new(&all));
    let srcs = BlockSeq::of(SrcBlock::from_slice(&bytes));
    assert_eq!(writer.write_from_blocks(srcs), Ok(bytes.len()));
    let script = writer.into_inner();
    assert_eq!(script.data, bytes);
    assert_eq!(script.calls.iter().map(|c| c.lens.clone()).collect::<Vec<_>>(), pieces);
}

/// A stream that fails in the same way whatever it is asked.
struct Fails<F>(F);

impl<F: Fn() -> io::Error> Read for Fails<F> {
    fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
        Err((self.0)())
    }
}

impl<F: Fn() -> io::Error> Write for Fails<F> {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err((self.0)())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn an_error_of_the_standard_library_becomes_its_number_or_that_of_its_kind() {
    let kinds = [
        (ErrorKind::Interrupted, Errno::EINTR),
        (ErrorKind::WouldBlock, Errno::EAGAIN),
        (ErrorKind::BrokenPipe, Errno::EPIPE),
        (ErrorKind::InvalidInput, Errno::EINVAL),
        (ErrorKind::NotFound, Errno::ENOENT),
        (ErrorKind::OutOfMemory, Errno::ENOMEM),
        (ErrorKind::PermissionDenied, Errno::EACCES),
        (ErrorKind::StorageFull, Errno::ENOSPC),
        (ErrorKind::TimedOut, Errno::ETIMEDOUT),
        (ErrorKind::Unsupported, Errno::EOPNOTSUPP),
        (ErrorKind::UnexpectedEof, Errno::EIO),
        (ErrorKind::Other, Errno::EIO),
    ];
    for (kind, expected) in kinds {
        let fails = || Fails(|| kind.into());
        read_3_3(|d| FromStdRead::new(fails()).read_to_blocks(d), errno(0, expected), &[0; 6]);
        write_foobar(|srcs| FromStdWrite::new(fails()).write_from_blocks(srcs), errno(0, expected));
        let wrapped = || Fails(|| io::Error::new(kind, "why"));
        read_3_3(|d| FromStdRead::new(wrapped()).read_to_blocks(d), errno(0, expected), &[0; 6]);
    }
    for raw in [1, 5, 28, 131, 4095] {
        let mut reader = FromStdRead::new(Fails(|| io::Error::from_raw_os_error(raw)));
        read_3_3(|d| reader.read_to_blocks(d), errno(0, Errno::from_raw(raw)), &[0; 6]);
    }
}

#[test]
fn an_error_of_ours_comes_back_through_the_standard_library_as_it_was() {
    let slots = Slots::new(1);
    for cause in [
        StreamError::Fault(slots.fault(0)),
        StreamError::Errno(Errno::ENOSPC),
        StreamError::EndOfBlocks,
        StreamError::NoProgress,
    ] {
        let fail = || Err(Partial::new(0, cause));
        let mut reader = FromStdRead::new(ToStdRead::new(ReaderFn::new(|_| fail())));
        read_3_3(|dsts| reader.read_to_blocks(dsts), fail(), &[0; 6]);
        let mut writer = FromStdWrite::new(ToStdWrite::new(WriterFn::new(|_| fail())));
        write_foobar(|srcs| writer.write_from_blocks(srcs), fail());
    }
}
