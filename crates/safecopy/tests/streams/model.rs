//! Everything against the most naive model of it.

use std::io::{Read, Write};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use safecopy::{
    BlockSeq, BlockSeqReader, BlockSeqWriter, DstBlock, DstBlockSeq, FromReadAt, FromStdRead,
    FromStdReadVectored, FromStdWrite, FromStdWriteVectored, FromWriteAt, Reader, ReaderFn,
    SliceReader, SliceWriter, SrcBlock, SrcBlockSeq, StreamError, ToStdRead, ToStdWrite, VecWriter,
    Writer, WriterFn, copy_seq, read_full, write_full, zero_seq,
};
use testkit::strategies::{SeqOp, seq_ops};
use testkit::stream_strategies::{answers, shapes};
use testkit::{Manner, ModelBlocks, ModelHost, ModelStream, StreamScript};
use usermem_types::{Errno, Partial, Transfer};

use crate::ends::unless_panics;
use crate::slots::Slots;

const BLOCKS: usize = 10;
const MAX_LEN: usize = 20;

fn model<M>(blocks: &[safecopy::Block<'_, M>]) -> ModelBlocks {
    ModelBlocks::new(&blocks.iter().map(|b| (b.addr(), b.len())).collect::<Vec<_>>())
}

/// Works on a sequence and on its model.
fn apply<'a, M>(
    (seq, model): (BlockSeq<'a, M>, ModelBlocks),
    op: SeqOp,
) -> (BlockSeq<'a, M>, ModelBlocks) {
    match op {
        SeqOp::DropFirst(n) => (seq.drop_first(n as usize), model.drop_first(n as usize)),
        SeqOp::TakeFirst(n) => (seq.take_first(n as usize), model.take_first(n as usize)),
        SeqOp::Tail => (seq.tail(), model.tail()),
    }
}

/// A sequence of sources, and its model.
fn sources<'a>(blocks: &'a [DstBlock<'a>], own: &'a mut Vec<SrcBlock<'a>>) -> SrcBlockSeq<'a> {
    *own = blocks.iter().map(|block| block.as_source()).collect();
    BlockSeq::from_slice(own)
}

proptest! {
    #[test]
    fn sequences(lens in vec(prop_oneof![Just(0), 0..MAX_LEN], 0..12), ops in seq_ops(30, 6)) {
        let bytes = [0; MAX_LEN];
        let blocks: Vec<_> = lens.iter().map(|len| SrcBlock::from_slice(&bytes[..*len])).collect();
        let mut both = (BlockSeq::from_slice(&blocks), model(&blocks));
        both.1.assert_same(both.0);
        for op in ops {
            both = apply(both, op);
            both.1.assert_same(both.0);
        }
    }

    #[test]
    fn copies_and_zeros(
        dst in shapes(MAX_LEN, BLOCKS), dst_ops in seq_ops(30, 2),
        src in shapes(MAX_LEN, BLOCKS), src_ops in seq_ops(30, 2),
    ) {
        let slots = Slots::new(dst.len() + src.len() + 1);
        let mut host = ModelHost::default();
        let dsts = slots.blocks(0, &dst, &mut host);
        let srcs = slots.blocks(dst.len(), &src, &mut host);
        let (mut dsts, mut srcs) = (
            (BlockSeq::from_slice(&dsts), model(&dsts)),
            (BlockSeq::from_slice(&srcs), model(&srcs)),
        );
        for op in dst_ops {
            dsts = apply(dsts, op);
        }
        for op in src_ops {
            srcs = apply(srcs, op);
        }
        let mut own = Vec::new();
        let src_blocks: Vec<_> = srcs.0.iter().collect();
        let result = copy_seq(dsts.0, sources(&src_blocks, &mut own));
        assert_eq!(result, host.copy(&dsts.1, &srcs.1));
        if result.is_ok() {
            slots.assert_same(&host);
        }
        let done = result.unwrap_or_else(|partial| partial.done);
        let mut written = ModelHost::default();
        for addr in dsts.1.addrs().take(done) {
            written.insert(addr, &[host.load(addr).unwrap()]);
        }
        slots.assert_same(&written);

        assert_eq!(zero_seq(dsts.0), host.zero(&dsts.1));
        let mut zeroed = ModelHost::default();
        for addr in dsts.1.addrs().map_while(|addr| host.load(addr).is_ok().then_some(addr)) {
            zeroed.insert(addr, &[0]);
        }
        slots.assert_same(&zeroed);
    }

    #[test]
    fn adapters_that_read(
        manner in manners(), full in any::<bool>(), rounds in 1..4usize,
        shapes in shapes(MAX_LEN, BLOCKS), answers in answers(MAX_LEN, 6),
    ) {
        let slots = Slots::new(shapes.len() + 1);
        let mut host = ModelHost::default();
        let blocks = slots.blocks(0, &shapes, &mut host);
        let dsts = BlockSeq::from_slice(&blocks);
        let model_dsts = model(&blocks);
        let mut expected = ModelStream::new(manner, &answers);
        let mut script = StreamScript::new(&answers);
        let mut position = 0;
        for _ in 0..rounds {
            let result = read(manner, full, &mut script, &mut position, dsts);
            let model = if full {
                expected.full(&model_dsts, |stream, left| stream.read(&mut host, left))
            } else {
                expected.read(&mut host, &model_dsts)
            };
            assert_eq!(result, model);
            slots.assert_same(&host);
        }
        assert_eq!(script.calls, expected.calls);
        assert_eq!(script.position.max(position), expected.position);
    }

    #[test]
    fn adapters_that_write(
        manner in manners(), full in any::<bool>(), rounds in 1..4usize,
        shapes in shapes(MAX_LEN, BLOCKS), answers in answers(MAX_LEN, 6),
    ) {
        let slots = Slots::new(shapes.len() + 1);
        let mut host = ModelHost::default();
        let blocks = slots.blocks(0, &shapes, &mut host);
        let mut own = Vec::new();
        let srcs = sources(&blocks, &mut own);
        let model_srcs = model(&blocks);
        let mut expected = ModelStream::new(manner, &answers);
        let mut script = StreamScript::new(&answers);
        let mut position = 0;
        for _ in 0..rounds {
            let result = write(manner, full, &mut script, &mut position, srcs);
            let model = if full {
                expected.full(&model_srcs, |stream, left| stream.write(&host, left))
            } else {
                expected.write(&host, &model_srcs)
            };
            assert_eq!(result, model);
        }
        assert_eq!(script.calls, expected.calls);
        assert_eq!(script.data, expected.data);
        assert_eq!(script.position.max(position), expected.position);
    }

    #[test]
    fn streams_of_the_standard_library(
        lens in vec(0..MAX_LEN, 0..8), answers in answers(MAX_LEN, 8), flush in any::<bool>(),
    ) {
        let mut pending = None;
        let mut expected = ModelStream::new(Manner::Direct, &answers);
        let mut stream = ToStdRead::new(StreamScript::new(&answers));
        for &len in &lens {
            let mut bytes = vec![0; len];
            let blocks = ModelBlocks::new(&[(0, len)]);
            let mut host = ModelHost::default();
            host.insert(0, &bytes);
            let model = reported(&mut pending, || expected.read(&mut host, &blocks));
            let result = unless_panics(|| stream.read(&mut bytes).map_err(|error| error.raw_os_error()));
            assert_eq!(result, model);
            assert!(host.bytes().map(|(_, byte)| byte).eq(bytes));
        }
        assert_eq!(stream.into_inner().calls, expected.calls);

        let mut pending = None;
        let mut expected = ModelStream::new(Manner::Direct, &answers);
        let mut stream = ToStdWrite::new(StreamScript::new(&answers));
        for &len in &lens {
            let bytes: Vec<u8> = (0..).take(len).collect();
            let blocks = ModelBlocks::new(&[(0, len)]);
            let mut host = ModelHost::default();
            host.insert(0, &bytes);
            let write = |stream: &mut ModelStream, left: &ModelBlocks| stream.write(&host, left);
            let model = reported(&mut pending, || expected.full(&blocks, write));
            let result = unless_panics(|| stream.write(&bytes).map_err(|error| error.raw_os_error()));
            assert_eq!(result, model);
            if flush {
                let result = stream.flush().map_err(|error| error.raw_os_error());
                assert_eq!(Some(result.map(|()| 0)), reported(&mut pending, || Some(Ok(0))));
            }
        }
        let script = stream.into_inner();
        assert_eq!((script.calls, script.data), (expected.calls, expected.data));
    }

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

fn manners() -> impl Strategy<Value = Manner> {
    prop_oneof![Just(Manner::Blocks), Just(Manner::Positions), Just(Manner::Vectors)]
}

fn done<C>(result: Transfer<C>) -> usize {
    result.unwrap_or_else(|partial| partial.done)
}

fn stream_error(result: Transfer<safecopy::HostFault>) -> Transfer<StreamError> {
    result.map_err(|partial| partial.map_cause(StreamError::Fault))
}

/// The result of a sink that had no room for what was not written.
fn sink_error(result: Transfer<safecopy::HostFault>, offered: usize) -> Transfer<StreamError> {
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

fn read(
    manner: Manner,
    full: bool,
    script: &mut StreamScript,
    position: &mut u64,
    dsts: DstBlockSeq<'_>,
) -> Option<Transfer<StreamError>> {
    let run = |reader: &mut dyn Reader| {
        unless_panics(|| if full { read_full(reader, dsts) } else { reader.read_to_blocks(dsts) })
    };
    match manner {
        Manner::Blocks => run(&mut FromStdRead::new(script)),
        Manner::Vectors => run(&mut FromStdReadVectored::new(script)),
        Manner::Direct => run(&mut ReaderFn::new(|dsts| script.read_to_blocks(dsts))),
        Manner::Positions => {
            let mut reader = FromReadAt::new(*position, |bytes, at| script.read_at(bytes, at));
            let result = run(&mut reader);
            *position = reader.position();
            result
        }
    }
}

fn write(
    manner: Manner,
    full: bool,
    script: &mut StreamScript,
    position: &mut u64,
    srcs: SrcBlockSeq<'_>,
) -> Option<Transfer<StreamError>> {
    let run =
        |writer: &mut dyn Writer| {
            unless_panics(|| {
                if full { write_full(writer, srcs) } else { writer.write_from_blocks(srcs) }
            })
        };
    match manner {
        Manner::Blocks => run(&mut FromStdWrite::new(script)),
        Manner::Vectors => run(&mut FromStdWriteVectored::new(script)),
        Manner::Direct => run(&mut WriterFn::new(|srcs| script.write_from_blocks(srcs))),
        Manner::Positions => {
            let mut writer = FromWriteAt::new(*position, |bytes, at| script.write_at(bytes, at));
            let result = run(&mut writer);
            *position = writer.position();
            result
        }
    }
}

/// What a stream of the standard library reports: bytes first, and the error in the next call.
fn reported(
    pending: &mut Option<StreamError>,
    call: impl FnOnce() -> Option<Transfer<StreamError>>,
) -> Option<Result<usize, Option<i32>>> {
    let raw = |cause| match cause {
        StreamError::Errno(errno) => Some(Errno::raw(errno)),
        _ => None,
    };
    if let Some(cause) = pending.take() {
        return Some(Err(raw(cause)));
    }
    Some(match call()? {
        Ok(done) => Ok(done),
        Err(Partial { done: 0, cause }) => Err(raw(cause)),
        Err(Partial { done, cause }) => {
            *pending = Some(cause);
            Ok(done)
        }
    })
}
