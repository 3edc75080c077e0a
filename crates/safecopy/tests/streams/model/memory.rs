//! Sources and sinks over memory that is already there.

use proptest::collection::vec;
use proptest::prelude::{any, proptest};
use safecopy::{
    BlockSeq, BlockSeqReader, BlockSeqWriter, DstBlock, HostFault, Reader, SliceReader,
    SliceWriter, SrcBlock, StreamError, VecWriter, Writer,
};
use testkit::stream_strategies::shapes;
use testkit::{ModelBlocks, ModelHost};
use usermem_types::{Partial, Transfer};

use super::{BLOCKS, MAX_LEN, done, model, sources};
use crate::slots::Slots;

proptest! {
    #[test]
    fn sources_over_memory(
        shapes in shapes(MAX_LEN, BLOCKS), bytes in vec(any::<u8>(), 0..60), takes in vec(0..40usize, 1..5),
    ) {
        // Blocks that fault, read into; blocks that fault, read from.
        let slots = Slots::new(shapes.len() + 1);
        let mut host = ModelHost::default();
        let blocks = slots.blocks(0, &shapes, &mut host);
        let mut reader = SliceReader::new(&bytes);
        let mut srcs = own_memory(&mut host, &bytes);
        for &take in &takes {
            let dsts = model(&blocks).take_first(take);
            let result = reader.read_to_blocks(BlockSeq::from_slice(&blocks).take_first(take));
            let expected = host.copy(&dsts, &srcs);
            srcs = srcs.drop_first(done(expected));
            assert_eq!(result, stream_error(expected));
            assert_eq!(reader.rest().len(), srcs.addrs().count());
        }
        let mut own = Vec::new();
        let mut reader = BlockSeqReader::new(sources(&blocks, &mut own));
        let mut srcs = model(&blocks);
        for &take in &takes {
            let mut stored = vec![0; take];
            let dsts = own_memory(&mut host, &stored);
            let result = reader.read_to_blocks(BlockSeq::of(DstBlock::from_slice(&mut stored)));
            let expected = host.copy(&dsts, &srcs);
            srcs = srcs.drop_first(done(expected));
            assert_eq!(result, stream_error(expected));
            srcs.assert_same(reader.rest());
            let loaded = dsts.addrs().take(done(expected)).map(|addr| host.load(addr).unwrap());
            assert!(loaded.eq(stored[..done(expected)].iter().copied()));
        }
    }

    #[test]
    fn sinks_over_memory(
        shapes in shapes(MAX_LEN, BLOCKS), room in 0..60usize, takes in vec(0..40usize, 1..5),
    ) {
        let slots = Slots::new(shapes.len() + 1);
        let mut host = ModelHost::default();
        let blocks = slots.blocks(0, &shapes, &mut host);
        let mut own = Vec::new();
        let srcs = sources(&blocks, &mut own);
        let mut array = vec![0; room];
        let mut in_slice = SliceWriter::new(&mut array);
        let mut vec = vec![9];
        let mut in_vec = VecWriter::new(&mut vec, room + 1);
        let mut written = Vec::new();
        for &take in &takes {
            let len = take.min(srcs.num_bytes());
            let mut loaded = vec![0; len.min(room - written.len())];
            let dsts = own_memory(&mut host, &loaded);
            let result = host.copy(&dsts, &model(&blocks).take_first(take));
            for (byte, addr) in loaded.iter_mut().zip(dsts.addrs()) {
                *byte = host.load(addr).unwrap();
            }
            written.extend(&loaded[..done(result)]);
            let expected = sink_error(result, len);
            assert_eq!(in_slice.write_from_blocks(srcs.take_first(take)), expected);
            assert_eq!(in_vec.write_from_blocks(srcs.take_first(take)), expected);
            assert_eq!(in_slice.written(), written);
        }
        assert_eq!(vec[1..], written);

        let bytes: Vec<u8> = (100..).take(60).collect();
        let mut in_blocks = BlockSeqWriter::new(BlockSeq::from_slice(&blocks));
        let mut dsts = model(&blocks);
        let srcs = own_memory(&mut host, &bytes);
        for &take in &takes {
            let expected = host.copy(&dsts, &srcs.clone().take_first(take));
            let src = SrcBlock::from_slice(&bytes).take_first(take);
            let result = in_blocks.write_from_blocks(BlockSeq::of(src));
            assert_eq!(result, sink_error(expected, take));
            dsts = dsts.drop_first(done(expected));
            dsts.assert_same(in_blocks.rest());
        }
    }
}

fn stream_error(result: Transfer<HostFault>) -> Transfer<StreamError> {
    result.map_err(|partial| partial.map_cause(StreamError::Fault))
}

/// The result of a sink that had no room for what was not written.
fn sink_error(result: Transfer<HostFault>, offered: usize) -> Transfer<StreamError> {
    match result {
        Ok(done) if done < offered => Err(Partial::new(done, StreamError::EndOfBlocks)),
        result => stream_error(result),
    }
}

/// Tells the model of memory of our own, at addresses where no block is.
fn own_memory(host: &mut ModelHost, bytes: &[u8]) -> ModelBlocks {
    host.insert(1, bytes);
    ModelBlocks::new(&[(1, bytes.len())])
}
