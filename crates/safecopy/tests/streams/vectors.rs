//! Streams of the standard library that are called once, with a slice per block.

use safecopy::{
    BlockSeq, DstBlock, FromStdReadVectored, FromStdWriteVectored, Reader, SrcBlock, StreamError,
    Writer, read_full, write_full,
};
use testkit::StreamScript;
use usermem_types::{Errno, Partial};

use crate::ends::{errno, fails, moves, panics, source, unless_panics};
use crate::full::{read_3_3, write_foobar};
use crate::slots::Slots;

/// Returns the slices of every call.
fn calls(script: &StreamScript) -> Vec<Vec<usize>> {
    script.calls.iter().map(|call| call.lens.clone()).collect()
}

#[test]
fn one_call_with_one_slice_per_block() {
    for (answer, result) in [
        (moves(6), Ok(6)),
        (moves(4), Ok(4)),
        (moves(0), Ok(0)),
        (moves(7), Ok(6)),
        (moves(usize::MAX), Ok(6)),
        (fails(Errno::EIO), errno(0, Errno::EIO)),
        (fails(Errno::EINTR), errno(0, Errno::EINTR)),
    ] {
        let done = result.unwrap_or_else(|partial| partial.done);
        let mut expected = [0; 6];
        expected[..done].copy_from_slice(&source(0, done));
        let mut script = StreamScript::new(&[answer]);
        read_3_3(|d| FromStdReadVectored::new(&mut script).read_to_blocks(d), result, &expected);
        assert_eq!(calls(&script), [[3, 3]]);
        let mut script = StreamScript::new(&[answer]);
        write_foobar(|srcs| FromStdWriteVectored::new(&mut script).write_from_blocks(srcs), result);
        assert_eq!(calls(&script), [[3, 3]]);
        assert_eq!(script.data, b"foobar"[..done]);
    }
}

#[test]
fn transfers_of_nothing_call_nobody() {
    let mut script = StreamScript::default();
    assert_eq!(FromStdReadVectored::new(&mut script).read_to_blocks(BlockSeq::default()), Ok(0));
    assert_eq!(
        FromStdWriteVectored::new(&mut script).write_from_blocks(BlockSeq::default()),
        Ok(0)
    );
    assert_eq!(script.calls, []);
}

#[test]
fn pitfall_11_a_read_across_a_guard_page_counts_what_was_stored() {
    let slots = Slots::new(2);
    let fault = Err(Partial::new(8, StreamError::Fault(slots.fault(1))));
    for (answer, result) in [
        (moves(16), fault),
        (moves(9), fault),
        (moves(usize::MAX), fault),
        (moves(8), Ok(8)),
        (moves(6), Ok(6)),
        (fails(Errno::EIO), errno(0, Errno::EIO)),
    ] {
        let dsts = [slots.dst(0, 4, 0), slots.dst(1, 4, 8)];
        let mut script = StreamScript::new(&[answer]);
        let mut reader = FromStdReadVectored::new(&mut script);
        assert_eq!(reader.read_to_blocks(BlockSeq::from_slice(&dsts)), result);
        assert_eq!(calls(&script), [[4, 12]]);
        let done = result.unwrap_or_else(|partial| partial.done);
        let stored = [slots.read(0, 4), slots.read(1, 4)].concat();
        assert_eq!(stored[..done], source(0, done));
    }
}

#[test]
fn pitfall_11_a_write_across_a_guard_page_offers_what_could_be_loaded() {
    let slots = Slots::new(3);
    let fault = Err(Partial::new(8, StreamError::Fault(slots.fault(1))));
    for (answer, result) in [
        (moves(8), fault),
        (moves(usize::MAX), fault),
        (moves(7), Ok(7)),
        (moves(0), Ok(0)),
        (fails(Errno::EIO), errno(0, Errno::EIO)),
    ] {
        let srcs =
            [slots.src(0, b"abcd", 0), slots.src(1, b"efgh", 8), slots.src(2, b"never seen", 0)];
        let mut script = StreamScript::new(&[answer]);
        let mut writer = FromStdWriteVectored::new(&mut script);
        assert_eq!(writer.write_from_blocks(BlockSeq::from_slice(&srcs)), result);
        assert_eq!(calls(&script), [[4, 4]]);
        let done = result.unwrap_or_else(|partial| partial.done);
        assert_eq!(script.data, b"abcdefgh"[..done]);
    }
}

#[test]
fn a_sink_is_not_called_when_the_first_byte_faults() {
    let slots = Slots::new(1);
    let srcs = [slots.src(0, b"", 4), SrcBlock::from_slice(b"foo")];
    let mut script = StreamScript::default();
    let result =
        FromStdWriteVectored::new(&mut script).write_from_blocks(BlockSeq::from_slice(&srcs));
    assert_eq!(result, Err(Partial::new(0, StreamError::Fault(slots.fault(0)))));
    assert_eq!(script.calls, []);
}

#[test]
fn a_call_takes_so_many_bytes_and_so_many_blocks_and_a_full_transfer_goes_on() {
    const MOST: usize = 64 << 10;
    for (lens, expected) in [
        (vec![1; 2000], vec![vec![1; 1024], vec![1; 976]]),
        (vec![MOST - 1, 3, 5], vec![vec![MOST - 1, 1], vec![2, 5]]),
        (vec![2 * MOST + 1], vec![vec![MOST], vec![MOST], vec![1]]),
    ] {
        let len = lens.iter().sum();
        let bytes = source(0, len);
        let (mut rest, mut srcs) = (&bytes[..], Vec::new());
        for len in &lens {
            srcs.push(SrcBlock::from_slice(rest.split_off(..*len).unwrap()));
        }
        let all = [moves(usize::MAX); 3];
        let mut writer = FromStdWriteVectored::new(StreamScript::new(&all));
        assert_eq!(write_full(&mut writer, BlockSeq::from_slice(&srcs)), Ok(len));
        let script = writer.into_inner();
        assert_eq!(calls(&script), expected);
        assert_eq!(script.data, bytes);

        let mut stored = vec![0; len];
        let (mut rest, mut dsts) = (&mut stored[..], Vec::new());
        for len in &lens {
            dsts.push(DstBlock::from_slice(rest.split_off_mut(..*len).unwrap()));
        }
        let mut reader = FromStdReadVectored::new(StreamScript::new(&all));
        assert_eq!(read_full(&mut reader, BlockSeq::from_slice(&dsts)), Ok(len));
        assert_eq!(calls(&reader.into_inner()), expected);
        assert_eq!(stored, bytes);
    }
}

#[test]
fn a_stream_that_panics_has_moved_nothing_and_can_be_used_again() {
    let mut reader = FromStdReadVectored::new(StreamScript::new(&[panics(), moves(6)]));
    let mut own = [7; 6];
    let dsts = BlockSeq::of(DstBlock::from_slice(&mut own));
    assert_eq!(unless_panics(|| reader.read_to_blocks(dsts)), None);
    assert_eq!(own, [7; 6]);
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(6), source(0, 6).first_chunk().unwrap());
    let mut writer = FromStdWriteVectored::new(StreamScript::new(&[panics(), moves(6)]));
    let srcs = BlockSeq::of(SrcBlock::from_slice(b"foobar"));
    assert_eq!(unless_panics(|| writer.write_from_blocks(srcs)), None);
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(6));
    assert_eq!(writer.into_inner().data, b"foobar");
}
