//! Streams that are read and written at a position.

use safecopy::{
    BlockSeq, DstBlock, FromReadAt, FromWriteAt, Reader, SrcBlock, StreamError, Writer,
};
use testkit::StreamScript;
use usermem_types::{Errno, Partial};

use crate::ends::{errno, fails, moves, panics, source, unless_panics};
use crate::full::{read_3_3, write_foobar};
use crate::slots::Slots;

/// Returns the position of every call.
fn positions(script: &StreamScript) -> Vec<u64> {
    script.calls.iter().map(|call| call.at).collect()
}

#[test]
fn pitfall_07_the_position_advances_from_block_to_block_and_from_call_to_call() {
    let text = b"abcdefghij";
    let read_at = |bytes: &mut [u8], at: u64| {
        let rest = &text[(at as usize).min(text.len())..];
        let len = rest.len().min(bytes.len());
        bytes[..len].copy_from_slice(&rest[..len]);
        Ok(len)
    };
    let mut reader = FromReadAt::new(0, read_at);
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(6), b"abcdef");
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(4), b"ghij\0\0");
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(0), &[0; 6]);
    assert_eq!(reader.position(), 10);
    let mut script = StreamScript::new(&[moves(3), moves(3), moves(3), moves(1), moves(3)]);
    let mut writer = FromWriteAt::new(100, |bytes, at| script.write_at(bytes, at));
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(6));
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(4));
    assert_eq!(writer.position(), 110);
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(3));
    assert_eq!(positions(&script), [100, 103, 106, 109, 110, 113]);
    assert_eq!(script.data, b"foobarfoobfoo");
}

#[test]
fn the_position_advances_by_what_moved_and_by_no_more() {
    for (answer, result, moved) in [
        (moves(3), Ok(3), 3),
        (moves(2), Ok(2), 2),
        (moves(0), Ok(0), 0),
        (moves(usize::MAX), Ok(3), 3),
        (fails(Errno::EINTR), errno(0, Errno::EINTR), 0),
    ] {
        let mut script = StreamScript::new(&[answer]);
        let mut reader = FromReadAt::new(7, |bytes, at| script.read_at(bytes, at));
        let mut own = [0; 3];
        let dsts = BlockSeq::of(DstBlock::from_slice(&mut own));
        assert_eq!(reader.read_to_blocks(dsts), result);
        assert_eq!(reader.position(), 7 + moved);
        let mut script = StreamScript::new(&[answer]);
        let mut writer = FromWriteAt::new(7, |bytes, at| script.write_at(bytes, at));
        let srcs = BlockSeq::of(SrcBlock::from_slice(b"foo"));
        assert_eq!(writer.write_from_blocks(srcs), result);
        assert_eq!(writer.position(), 7 + moved);
    }
}

#[test]
fn what_a_fault_keeps_from_being_stored_is_read_again() {
    let slots = Slots::new(1);
    let fault = StreamError::Fault(slots.fault(0));
    let mut script = StreamScript::new(&[moves(8), moves(8)]);
    let mut reader = FromReadAt::new(0, |bytes, at| script.read_at(bytes, at));
    let dsts = BlockSeq::of(slots.dst(0, 5, 3));
    assert_eq!(reader.read_to_blocks(dsts), Err(Partial::new(5, fault)));
    assert_eq!(slots.read(0, 5), source(0, 5));
    assert_eq!(reader.position(), 5);
    let dsts = BlockSeq::of(slots.dst(0, 8, 0));
    assert_eq!(reader.read_to_blocks(dsts), Ok(8));
    assert_eq!(slots.read(0, 8), source(5, 8));
    let mut script = StreamScript::new(&[moves(8)]);
    let mut writer = FromWriteAt::new(0, |bytes, at| script.write_at(bytes, at));
    let srcs = BlockSeq::of(slots.src(0, b"foo", 5));
    assert_eq!(writer.write_from_blocks(srcs), Err(Partial::new(3, fault)));
    assert_eq!(writer.position(), 3);
}

#[test]
fn a_transfer_beyond_the_last_position_is_refused_before_anything_moves() {
    for (position, result) in [
        (u64::MAX - 6, Ok(6)),
        (u64::MAX - 5, errno(0, Errno::EINVAL)),
        (u64::MAX, errno(0, Errno::EINVAL)),
    ] {
        let mut script = StreamScript::new(&[moves(3); 4]);
        let mut reader = FromReadAt::new(position, |bytes, at| script.read_at(bytes, at));
        let mut own = [0; 6];
        let (a, b) = own.split_at_mut(3);
        let dsts = [DstBlock::from_slice(a), DstBlock::from_slice(b)];
        assert_eq!(reader.read_to_blocks(BlockSeq::from_slice(&dsts)), result);
        assert_eq!(reader.position(), position + result.unwrap_or(0) as u64);
        assert_eq!(reader.read_to_blocks(BlockSeq::default()), Ok(0));
        let mut writer = FromWriteAt::new(position, |bytes, at| script.write_at(bytes, at));
        write_foobar(|srcs| writer.write_from_blocks(srcs), result);
        assert_eq!(writer.position(), position + result.unwrap_or(0) as u64);
        assert_eq!(script.calls.len(), if result.is_ok() { 4 } else { 0 });
    }
}

#[test]
fn a_closure_that_panics_leaves_the_position_after_the_last_call_that_returned() {
    let mut script = StreamScript::new(&[moves(3), panics(), moves(3), moves(3)]);
    let mut reader = FromReadAt::new(0, |bytes, at| script.read_at(bytes, at));
    let mut own = [0; 6];
    let (a, b) = own.split_at_mut(3);
    let dsts = [DstBlock::from_slice(a), DstBlock::from_slice(b)];
    assert_eq!(unless_panics(|| reader.read_to_blocks(BlockSeq::from_slice(&dsts))), None);
    assert_eq!(reader.position(), 3);
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(6), source(3, 6).first_chunk().unwrap());
    assert_eq!(positions(&script), [0, 3, 3, 6]);
    let mut script = StreamScript::new(&[moves(3), panics(), moves(3), moves(3)]);
    let mut writer = FromWriteAt::new(0, |bytes, at| script.write_at(bytes, at));
    let srcs = [SrcBlock::from_slice(b"foo"), SrcBlock::from_slice(b"bar")];
    assert_eq!(unless_panics(|| writer.write_from_blocks(BlockSeq::from_slice(&srcs))), None);
    assert_eq!(writer.position(), 3);
    write_foobar(|srcs| writer.write_from_blocks(srcs), Ok(6));
    assert_eq!(positions(&script), [0, 3, 3, 6]);
}
