//! Sources and sinks over memory that is already there.

use safecopy::{
    BlockSeq, BlockSeqReader, BlockSeqWriter, DstBlock, Reader, SliceReader, SliceWriter, SrcBlock,
    StreamError, VecWriter, Writer,
};
use usermem_types::{Partial, Transfer};

use crate::full::read_3_3;
use crate::slots::Slots;

fn full(done: usize) -> Transfer<StreamError> {
    Err(Partial::new(done, StreamError::EndOfBlocks))
}

#[test]
fn a_source_of_blocks_comes_short_and_then_empty() {
    let blocks = [b"foo".as_slice(), b"", b"bar"].map(SrcBlock::from_slice);
    let mut reader = BlockSeqReader::new(BlockSeq::from_slice(&blocks));
    read_3_3(|dsts| reader.read_to_blocks(dsts.take_first(4)), Ok(4), b"foob\0\0");
    assert_eq!(reader.rest().num_bytes(), 2);
    assert_eq!(reader.read_to_blocks(BlockSeq::default()), Ok(0));
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(2), b"ar\0\0\0\0");
    read_3_3(|dsts| reader.read_to_blocks(dsts), Ok(0), &[0; 6]);
}

#[test]
fn sinks_of_a_fixed_size_say_when_they_are_full() {
    let blocks = [b"foo".as_slice(), b"", b"bar"].map(SrcBlock::from_slice);
    let srcs = BlockSeq::from_slice(&blocks);
    let through_blocks = |dsts: safecopy::DstBlockSeq<'_>| {
        let mut writer = BlockSeqWriter::new(dsts.take_first(4));
        assert_eq!(writer.write_from_blocks(srcs.take_first(3)), Ok(3));
        assert_eq!(writer.rest().num_bytes(), 1);
        let result = writer.write_from_blocks(srcs);
        assert_eq!(writer.write_from_blocks(srcs), full(0));
        assert_eq!(writer.write_from_blocks(BlockSeq::default()), Ok(0));
        result
    };
    read_3_3(through_blocks, full(1), b"foof\0\0");
    let mut array = [0; 5];
    let mut writer = SliceWriter::new(&mut array);
    assert_eq!(writer.write_from_blocks(srcs), full(5));
    assert_eq!(writer.written(), b"fooba");
    assert_eq!(writer.write_from_blocks(BlockSeq::default()), Ok(0));
    let mut vec = b"1".to_vec();
    let mut writer = VecWriter::new(&mut vec, 5);
    assert_eq!(writer.write_from_blocks(srcs), full(4));
    assert_eq!(writer.write_from_blocks(srcs), full(0));
    assert_eq!(writer.write_from_blocks(BlockSeq::default()), Ok(0));
    assert_eq!(VecWriter::new(&mut vec, 3).write_from_blocks(srcs), full(0));
    assert_eq!(vec, b"1foob");
}

#[test]
fn pitfall_11_streams_over_blocks_that_fault_keep_their_counts() {
    let slots = Slots::new(2);
    let faulted = |done| Err(Partial::new(done, StreamError::Fault(slots.fault(1))));
    let dsts = [slots.dst(0, 3, 0), slots.dst(1, 1, 5)];
    let dsts = BlockSeq::from_slice(&dsts);
    let mut reader = SliceReader::new(b"foobar");
    assert_eq!(reader.read_to_blocks(dsts), faulted(4));
    assert_eq!(reader.rest(), b"ar");
    assert_eq!(slots.read(0, 3), b"foo");
    assert_eq!(slots.read(1, 1), b"b");
    let mut writer = BlockSeqWriter::new(dsts);
    let foobar = BlockSeq::of(SrcBlock::from_slice(b"FOOBAR"));
    assert_eq!(writer.write_from_blocks(foobar), faulted(4));
    assert_eq!(writer.rest().num_bytes(), 5);
    assert_eq!(writer.write_from_blocks(foobar), faulted(0));
    assert_eq!(slots.read(1, 1), b"B");

    let srcs = [slots.src(0, b"foo", 0), slots.src(1, b"b", 5)];
    let srcs = BlockSeq::from_slice(&srcs);
    let mut vec = b"1".to_vec();
    assert_eq!(VecWriter::new(&mut vec, 100).write_from_blocks(srcs), faulted(4));
    assert_eq!(vec, b"1foob");
    let mut array = [0; 6];
    let mut writer = SliceWriter::new(&mut array);
    assert_eq!(writer.write_from_blocks(srcs), faulted(4));
    assert_eq!(writer.written(), b"foob");
    let mut reader = BlockSeqReader::new(srcs);
    let mut own = [0; 6];
    let own = BlockSeq::of(DstBlock::from_slice(&mut own));
    assert_eq!(reader.read_to_blocks(own), faulted(4));
    assert_eq!(reader.rest().num_bytes(), 5);
}

#[test]
fn a_vector_grows_with_the_bytes_and_not_with_the_promise() {
    let slots = Slots::new(2);
    let mut srcs = vec![slots.src(0, b"foob", 1)];
    srcs.resize(1000, slots.dst(1, 4096, 0).as_source());
    let mut vec = Vec::new();
    let result =
        VecWriter::new(&mut vec, usize::MAX).write_from_blocks(BlockSeq::from_slice(&srcs));
    assert_eq!(result, Err(Partial::new(4, StreamError::Fault(slots.fault(0)))));
    assert_eq!(vec.len(), 4);
    assert!(vec.capacity() <= 64 << 10);
}

#[test]
fn a_vector_keeps_what_it_had_and_gets_every_byte_of_a_long_sequence() {
    let slots = Slots::new(1);
    let bytes: Vec<u8> = (0..200_000_u32).map(|at| (at % 251) as u8).collect();
    let mut srcs: Vec<_> = bytes.chunks(4099).map(SrcBlock::from_slice).collect();
    srcs.push(slots.src(0, b"foo", 1));
    let mut vec = b"before".to_vec();
    let result = VecWriter::new(&mut vec, 1 << 20).write_from_blocks(BlockSeq::from_slice(&srcs));
    assert_eq!(result, Err(Partial::new(200_003, StreamError::Fault(slots.fault(0)))));
    assert_eq!(vec, [b"before", &bytes[..], b"foo"].concat());
}
