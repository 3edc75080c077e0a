//! Adapters over streams that misbehave.

use std::io::{Read, Write};

use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof, proptest};
use safecopy::{
    BlockSeq, DstBlockSeq, FromReadAt, FromStdRead, FromStdReadVectored, FromStdWrite,
    FromStdWriteVectored, FromWriteAt, Reader, ReaderFn, SrcBlockSeq, StreamError, ToStdRead,
    ToStdWrite, Writer, WriterFn, read_full, write_full,
};
use testkit::stream_strategies::{answers, shapes};
use testkit::{Manner, ModelBlocks, ModelHost, ModelStream, StreamScript};
use usermem_types::{Errno, Partial, Transfer};

use super::{BLOCKS, MAX_LEN, model, sources};
use crate::ends::unless_panics;
use crate::slots::Slots;

proptest! {
    #[test]
    fn adapters_that_read(
        manner in prop_oneof![3 => manners(), 1 => Just(Manner::Direct)], full in any::<bool>(), rounds in 1..4usize,
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
}

fn manners() -> impl Strategy<Value = Manner> {
    prop_oneof![Just(Manner::Blocks), Just(Manner::Positions), Just(Manner::Vectors)]
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
